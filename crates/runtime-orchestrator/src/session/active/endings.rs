//! The ways a turn ends. Each settles it once, and the first one counts.

use std::error::Error;
use std::fmt;
use std::mem;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, SpanOutcome,
};
use runtime_policy::GuardrailViolatedError;
use runtime_resilience::Failure;
use runtime_usage::{ReportedUsage, UsageSnapshot};

use super::{ActiveTurn, Answer, Settled};
use crate::error::{
    BoxError, DeadlineExceededError, SessionClosedError, TurnError, TurnTimeoutError,
};
use crate::failure::failure;
use crate::session::money::Bill;
use crate::wait::{Interrupted, Kind};

impl ActiveTurn<'_> {
    pub(super) fn answered(&mut self, usage: &ReportedUsage) -> Settled {
        let tokens = usage.tokens;
        if !self.close(true) {
            return Settled::of(tokens, &Bill::default());
        }
        self.core.note_length(&self.model, usage);
        let bill = self.core.bill(&self.model, mem::take(&mut self.funds), usage);
        let event = self.ended(AgentEventName::TurnCompleted, AgentEventStatus::Completed);
        let data = (!self.model.is_empty()).then(|| self.facts(&bill));
        let mut event = event.with_outcome(SpanOutcome::Ok);
        event.data = data;
        self.core.emit(event);
        self.core.tell_marks(&bill.marks);
        Settled { over_budget: self.core.budget_verdict(), ..Settled::of(tokens, &bill) }
    }

    pub(super) fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> Failure {
        let failure = failure(error, &self.core.setup.classifier);
        if self.close(false) {
            let class = failure.failure_class();
            self.stopped(SpanOutcome::Failed, class, &failure);
        }
        failure
    }

    /// The model's answer came and a guardrail objected: it is paid for all the same.
    pub(crate) fn withheld(&mut self, violation: &GuardrailViolatedError) {
        if self.close(true) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation);
            self.core.budget_verdict();
        }
    }

    /// A guardrail objected to the prompt: nothing was called.
    pub(crate) fn rejected(&mut self, violation: &GuardrailViolatedError) {
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, violation);
        }
    }

    /// The call has returned an answer: the breaker has what it needs.
    pub(crate) fn call_succeeded(&mut self) {
        if let Some(permit) = self.permit.take() {
            permit.success();
        }
    }

    pub(crate) fn answer<T>(mut self, value: T, usage: &ReportedUsage) -> Answer<T> {
        let Settled { usage, cost, cost_reported, estimated, over_budget } = self.answered(usage);
        Answer { value, usage, cost, cost_reported, estimated, over_budget }
    }

    /// The call was never sent.
    pub(super) fn withdrawn(&mut self) {
        self.began = false;
        self.observed = None;
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::Cancelled;
            self.stopped(SpanOutcome::Cancelled, class, &Message("the call was not sent"));
        }
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
            self.stopped(outcome, class, &error);
        }
        error
    }

    /// Spends the permit; `false` if the turn was settled before.
    fn close(&mut self, success: bool) -> bool {
        if mem::replace(&mut self.settled, true) {
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

    /// A turn without an answer is billed by what was observed; else, if its call was sent, by
    /// what it had reserved.
    fn stopped(&mut self, outcome: SpanOutcome, class: AgentFailureClass, error: &dyn Error) {
        let funds = mem::take(&mut self.funds);
        let bill = match self.observed.take() {
            Some(usage) => Some(self.core.bill(&self.model, funds, &usage)),
            None if self.began => self.core.bill_unknown(&self.model, funds),
            None => {
                funds.release();
                None
            }
        };
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let mut event = self
            .ended(AgentEventName::TurnFailed, status)
            .with_failure_class(class)
            .with_detail(error.to_string())
            .with_outcome(outcome);
        event.data = match &bill {
            _ if self.model.is_empty() => None,
            Some(bill) => Some(self.facts(bill)),
            None => Some(Data::with_capacity(1).with("model", &*self.model)),
        };
        self.core.emit(event);
        self.core.tell_marks(bill.as_ref().map_or(&[], |bill| &bill.marks));
        self.core.log_failure("turn", error);
    }

    fn ended(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.core.child_event(name, status, self.span)
    }

    fn facts(&self, bill: &Bill) -> Data {
        let mut data = Data::with_capacity(6).with("model", &*self.model);
        if let Some(usage) = &bill.usage {
            data.insert("input_tokens", usage.input_tokens);
            data.insert("output_tokens", usage.output_tokens);
        }
        data.insert("cost_usd", bill.cost.to_f64());
        let usage = bill.usage.unwrap_or_default();
        for (key, tokens) in [
            ("cache_write_tokens", usage.cache_write_tokens),
            ("cache_write_1h_tokens", usage.cache_write_1h_tokens),
            ("cache_read_tokens", usage.cache_read_tokens),
            ("input_audio_tokens", usage.input_audio_tokens),
            ("output_audio_tokens", usage.output_audio_tokens),
            ("reasoning_tokens", usage.reasoning_tokens),
        ] {
            if tokens > 0 {
                data.insert(key, tokens);
            }
        }
        for (key, mark) in [("estimated", bill.estimated), ("cost_reported", bill.reported)] {
            if mark {
                data.insert(key, true);
            }
        }
        self.core.note_balance(&mut data);
        data
    }
}

impl Settled {
    fn of(usage: UsageSnapshot, bill: &Bill) -> Self {
        let Bill { cost, reported: cost_reported, estimated, .. } = *bill;
        Self { usage, cost, cost_reported, estimated, over_budget: None }
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
            let panicked = Message("the caller's code panicked");
            self.stopped(SpanOutcome::Panicked, class, &panicked);
        } else {
            self.cancel_call();
            self.close(false);
            let class = AgentFailureClass::Cancelled;
            let dropped = Message("the turn was dropped");
            self.stopped(SpanOutcome::Cancelled, class, &dropped);
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
