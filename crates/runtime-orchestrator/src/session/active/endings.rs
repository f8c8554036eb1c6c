//! The ways a turn ends. Each settles it once, and the first one counts.

use std::error::Error;
use std::fmt;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, SpanOutcome,
};
use runtime_policy::GuardrailViolatedError;
use runtime_resilience::Failure;
use runtime_usage::{UsageSnapshot, Usd};

use super::{ActiveTurn, Answer, Settled};
use crate::error::{
    BoxError, DeadlineExceededError, SessionClosedError, TurnError, TurnTimeoutError,
};
use crate::failure::failure;
use crate::wait::{Interrupted, Kind};

impl ActiveTurn<'_> {
    pub(super) fn answered(&mut self, usage: UsageSnapshot) -> Settled {
        if !self.close(true) {
            return Settled { usage, cost: Usd::ZERO, over_budget: None };
        }
        let cost = self.core.bill(&self.model, usage);
        let event = self.ended(AgentEventName::TurnCompleted, AgentEventStatus::Completed);
        let data = (!self.model.is_empty()).then(|| self.facts(usage, cost));
        let mut event = event.with_outcome(SpanOutcome::Ok);
        event.data = data;
        self.core.emit(event);
        Settled { usage, cost, over_budget: self.core.budget_verdict() }
    }

    pub(super) fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> Failure {
        let failure = failure(error, &self.core.setup.classifier);
        if self.close(false) {
            let class = failure.failure_class();
            self.stopped(SpanOutcome::Failed, class, &failure, self.observed);
        }
        failure
    }

    /// The model's answer came and a guardrail objected: it is paid for all the same.
    pub(crate) fn withheld(&mut self, violation: &GuardrailViolatedError) {
        if self.close(true) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation, self.observed);
            self.core.budget_verdict();
        }
    }

    /// A guardrail objected to the prompt: nothing was called.
    pub(crate) fn rejected(&mut self, violation: &GuardrailViolatedError) {
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation, None);
        }
    }

    /// The call has returned an answer: the breaker has what it needs.
    pub(crate) fn call_succeeded(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.success();
        }
    }

    pub(crate) fn answer<T>(mut self, value: T, usage: UsageSnapshot) -> Answer<T> {
        let Settled { usage, cost, over_budget } = self.answered(usage);
        Answer { value, usage, cost, over_budget }
    }

    /// The call was cut short; or, while guardrails look at the prompt, did not begin.
    pub(crate) fn interrupted(&mut self, interrupted: Interrupted) -> TurnError {
        let call_began = self.began;
        let (error, outcome): (TurnError, _) = match interrupted {
            // Its own timeout is a failure of what was called, and the breaker's business; the
            // session's deadline and its end are not.
            Interrupted::Time(Kind::Timeout, timeout) => {
                (TurnTimeoutError { timeout }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Time(Kind::Deadline, deadline) => {
                self.cancel_call();
                (DeadlineExceededError { deadline, call_began }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Closed(status) => {
                self.cancel_call();
                (SessionClosedError { status, call_began }.into(), SpanOutcome::Cancelled)
            }
        };
        if self.close(false) {
            let class = if outcome == SpanOutcome::Cancelled {
                AgentFailureClass::Cancelled
            } else {
                error.failure_class()
            };
            self.stopped(outcome, class, &error, self.observed);
        }
        error
    }

    /// Spends the permit; `false` if the turn was settled before.
    fn close(&mut self, success: bool) -> bool {
        if std::mem::replace(&mut self.settled, true) {
            return false;
        }
        match self.permit.take() {
            Some(permit) if !self.began => permit.cancel(),
            Some(permit) if success => permit.success(),
            Some(permit) => permit.failure(),
            None => {}
        }
        true
    }

    /// Says so rather than dropping the permit: dropped by a neighbour's panic under `join!`, it
    /// would count as failed.
    fn cancel_call(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.cancel();
        }
    }

    fn stopped(
        &self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        error: &dyn Error,
        usage: Option<UsageSnapshot>,
    ) {
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let mut event = self
            .ended(AgentEventName::TurnFailed, status)
            .with_failure_class(class)
            .with_detail(error.to_string())
            .with_outcome(outcome);
        event.data = match usage {
            Some(usage) => {
                let cost = self.core.bill(&self.model, usage);
                Some(self.facts(usage, cost))
            }
            None if self.model.is_empty() => None,
            None => Some(Data::with_capacity(1).with("model", &*self.model)),
        };
        self.core.emit(event);
        self.core.log_failure("turn", error);
    }

    fn ended(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.core.child_event(name, status, self.span)
    }

    fn facts(&self, usage: UsageSnapshot, cost: Usd) -> Data {
        let mut data = Data::with_capacity(6)
            .with("model", &*self.model)
            .with("input_tokens", usage.input_tokens)
            .with("output_tokens", usage.output_tokens)
            .with("cost_usd", cost.to_f64());
        for (key, tokens) in [
            ("cache_write_tokens", usage.cache_write_tokens),
            ("cache_read_tokens", usage.cache_read_tokens),
        ] {
            if tokens > 0 {
                data.insert(key, tokens);
            }
        }
        data
    }
}

impl Drop for ActiveTurn<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.polling {
            self.core.state().note_panic();
            self.close(false);
            let class = AgentFailureClass::Unknown;
            self.stopped(
                SpanOutcome::Panicked,
                class,
                &Message("the caller's code panicked"),
                self.observed,
            );
        } else {
            self.cancel_call();
            self.close(false);
            let class = AgentFailureClass::Cancelled;
            let dropped = Message("the turn was dropped");
            self.stopped(SpanOutcome::Cancelled, class, &dropped, self.observed);
        }
    }
}

/// A reason that is no error of anybody's.
#[derive(Debug)]
struct Message(&'static str);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Message {}
