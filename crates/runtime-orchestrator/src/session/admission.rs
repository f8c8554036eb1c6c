//! What a call has to pass before it is made.

use std::sync::Arc;

use runtime_policy::GuardrailStage;
use runtime_resilience::CircuitBreaker;
use runtime_resilience::fault::Phase;

use crate::error::TurnError;
use crate::pace::{Pace, Pulse};
use crate::session::active::{ActiveTurn, Pass};
use crate::session::core::Core;
use crate::session::part::Part;
use crate::turn::{Ask, Limits};
use crate::wait::{Kind, Until};

/// Who lets a call through, beside budgets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gate<'g> {
    pub(crate) breaker: Option<&'g CircuitBreaker>,
}

impl Core {
    /// Everything a turn has to pass before its call, in the order of the design. What was taken
    /// is given back if it is refused, except its iteration.
    pub(crate) fn admit(
        &self,
        model: Arc<str>,
        limits: Option<&Limits>,
        ask: Ask,
    ) -> Result<ActiveTurn<'_>, TurnError> {
        let mut entry = self.enter(true)?;
        let admitted = (|| {
            self.state().iterate(self.setup.max_iterations)?;
            let pace = self.pace(limits, self.total(limits), None)?;
            self.pass(Gate { breaker: self.setup.breaker.as_ref() }, &model, ask, pace)
        })();
        match admitted {
            Ok(pass) => Ok(ActiveTurn::begin(self, Part::Turn { _entry: entry }, model, pass)),
            Err(error) => {
                entry.stop_working();
                self.turn_refused(&model, &error);
                Err(error)
            }
        }
    }

    /// What one attempt has to pass.
    pub(crate) fn pass(
        &self,
        gate: Gate<'_>,
        model: &str,
        ask: Ask,
        pace: Pace,
    ) -> Result<Pass<'_>, TurnError> {
        // Asked without taking a place: a refusal by the budget must not cost a probe.
        gate.breaker.map_or(Ok(()), CircuitBreaker::check)?;
        let funds = self.fund(model, ask)?;
        let permit = gate.breaker.map(CircuitBreaker::try_acquire).transpose()?;
        Ok(Pass { permit, funds, pace })
    }

    /// The times that a call admitted now keeps to. `total` is when all attempts have to be over,
    /// `pulse` by which the caller tells of tokens, where there is one already.
    pub(crate) fn pace(
        &self,
        limits: Option<&Limits>,
        total: Option<Until>,
        pulse: Option<&Arc<Pulse>>,
    ) -> Result<Pace, TurnError> {
        let own = self.until(limits.and_then(|limits| limits.attempt.as_ref()))?;
        let until = match (own, total) {
            (Some(own), Some(total)) => Some(if own.at <= total.at { own } else { total }),
            (own, total) => own.or(total),
        };
        let by_token = limits.map(|limits| [limits.first_token.as_ref(), limits.idle.as_ref()]);
        let by_token = by_token.unwrap_or_default();
        if pulse.is_none() && by_token.iter().all(Option::is_none) {
            return Ok(until.into());
        }
        let begins = || Arc::new(Pulse::new(Arc::clone(&self.setup.clock)));
        let pulse = pulse.cloned().unwrap_or_else(begins);
        Ok(Pace::streaming(until, by_token, pulse, self.setup.sleeper.clone()))
    }

    /// When all attempts of a turn admitted now have to be over.
    pub(crate) fn total(&self, limits: Option<&Limits>) -> Option<Until> {
        let total = limits?.total.as_ref()?;
        Some(self.until_after(total, self.now(), Kind::Timeout(Phase::Total)))
    }

    pub(crate) fn guards(&self, stage: GuardrailStage) -> bool {
        self.setup.guardrails.has_any(stage)
    }
}
