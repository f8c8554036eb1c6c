//! The ways a recovering turn ends, each once.

use runtime_events::{AgentFailureClass, SpanOutcome};
use runtime_resilience::{GaveUp, RecoveryOutcome, RecoveryResult, without_keys};

use super::meaning::after_a_call;
use super::plan::{Recovering, Stage};
use crate::error::{TurnError, UnrecoveredError};
use crate::escalation::{Escalation, alert};
use crate::failure::fault_of;
use crate::tell;
use crate::turn::Answer;
use crate::turn::admit::refused;

impl Recovering<'_> {
    /// An attempt was answered.
    pub(super) fn answered<T>(&mut self, mut answer: Answer<T>) -> Answer<T> {
        self.core.setup.recovery.retry_budget.succeeded();
        self.tell_success();
        let bill = self.tally.bill();
        self.completed(&bill);
        answer.usage = bill.usage.unwrap_or_default();
        answer.cost = bill.cost;
        answer.cost_reported = bill.reported;
        answer.estimated = bill.estimated;
        answer.marks = bill.marks;
        answer.over_budget = tell::overspent(&self.core.stream, &self.core.money);
        answer.attempts = self.attempts;
        answer.provider = self.lease.as_ref().map(|lease| lease.route().provider().into());
        answer
    }

    /// The turn ends with an error that recovery is not for.
    pub(super) fn passed(&mut self, error: TurnError) -> TurnError {
        let error = if self.called { after_a_call(error) } else { error };
        if self.stage == Stage::Begun {
            self.fail_pending(&error.to_string());
            self.stopped(&error);
        } else {
            self.entry.stop_working();
            self.stage = Stage::Ended;
            refused(self.core, &self.model, &error);
        }
        error
    }

    /// The turn ends because nothing helps.
    pub(super) fn gave_up(&mut self, error: TurnError, why: GaveUp) -> TurnError {
        self.begin();
        // A refusal has none; it kept the turn from recovering from this.
        let fault = fault_of(&error).or_else(|| Some(self.pending.as_ref()?.fault));
        self.fail_pending(&error.to_string());
        let result = RecoveryResult::new(
            RecoveryOutcome::EscalationRequired,
            Vec::new(),
            Vec::new(),
            without_keys(&why.to_string()).into_owned(),
        );
        let attempts = self.attempts;
        if let Some(fault) = fault {
            let scenario = fault.scenario();
            let policy = self.plan.policy(scenario);
            self.tell_escalation(&fault, policy, &result);
            let escalation = Escalation {
                session_id: self.core.session_id(),
                role: self.core.role(),
                scenario,
                policy,
                gave_up: &why,
                attempts,
                error: &error,
            };
            alert(self.core.setup.recovery.escalation.as_ref(), &escalation);
        }
        let gave_up = why;
        let error = UnrecoveredError { error, attempts, gave_up, recovery: result };
        let error = TurnError::from(error);
        self.stopped(&error);
        error
    }
}

impl Drop for Recovering<'_> {
    fn drop(&mut self) {
        if self.stage != Stage::Begun {
            return;
        }
        self.stage = Stage::Ended;
        let panicked = self.tally.panicked() || self.in_callers_code;
        if panicked {
            self.core.life.note_panic();
        }
        let (outcome, class, detail) = if panicked {
            (SpanOutcome::Panicked, AgentFailureClass::Unknown, "the caller's code panicked")
        } else {
            (SpanOutcome::Cancelled, AgentFailureClass::Cancelled, "the turn was dropped")
        };
        self.fail_pending(detail);
        self.told_end(outcome, class, None, detail.to_owned());
    }
}
