//! The ways a recovering turn ends.

use runtime_events::{AgentFailureClass, SpanOutcome};
use runtime_resilience::{GaveUp, RecoveryOutcome, RecoveryResult, RouteLease};

use super::meaning::after_a_call;
use super::plan::Recovering;
use crate::error::{TurnError, UnrecoveredError, text_of};
use crate::escalation::{Escalation, alert};
use crate::failure::fault_of;
use crate::tell;
use crate::turn::Answer;
use crate::turn::admit::refused;

impl Recovering<'_> {
    /// Ends the turn with the answer of an attempt.
    pub(super) fn answered<T>(&mut self, mut answer: Answer<T>) -> Answer<T> {
        self.budget(self.lease.as_ref().map(RouteLease::route)).succeeded();
        self.story.tell_success();
        let bill = self.story.tally.bill();
        self.story.completed(&bill);
        answer.usage = bill.usage.unwrap_or_default();
        answer.cost = bill.cost;
        answer.cost_reported = bill.reported;
        answer.estimated = bill.estimated;
        answer.marks = bill.marks;
        answer.over_budget = tell::overspent(&self.core.stream, &self.core.money);
        answer.attempts = self.story.attempts;
        answer.provider = self.lease.as_ref().map(|lease| lease.route().provider().into());
        answer
    }

    /// Ends the turn with an error that recovery does not apply to.
    pub(super) fn passed(&mut self, error: TurnError) -> TurnError {
        let error = if self.called { after_a_call(error) } else { error };
        if self.story.is_open() {
            self.story.fail_pending(&text_of(&error));
            self.story.stopped(&error);
        } else {
            self.entry.stop_working();
            self.story.refused();
            refused(&self.core, &self.story.model, &error);
        }
        error
    }

    /// Ends the turn with a failure after a part of the answer was handed on.
    pub(super) fn cut(&mut self, error: TurnError) -> TurnError {
        let Some(fault) = fault_of(&error) else { return self.passed(error) };
        self.called = true;
        if let Some(lease) = &self.lease {
            self.tell_routes(&error, &fault, lease.route());
        }
        self.gave_up(error, GaveUp::HandedOn)
    }

    /// Ends the turn because recovery cannot help.
    pub(super) fn gave_up(&mut self, error: TurnError, why: GaveUp) -> TurnError {
        self.story.begin();
        // A refusal has no fault: the pending one is what the turn could not recover from.
        let fault = fault_of(&error).or_else(|| Some(self.story.pending.as_ref()?.fault));
        self.story.fail_pending(&text_of(&error));
        let result = RecoveryResult::new(
            RecoveryOutcome::EscalationRequired,
            Vec::new(),
            Vec::new(),
            why.to_string(),
        );
        let attempts = self.story.attempts;
        if let Some(fault) = fault {
            let scenario = fault.scenario();
            let policy = self.plan.policy(scenario);
            self.story.tell_escalation(&fault, policy, &result);
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
        self.story.stopped(&error);
        error
    }
}

impl Drop for Recovering<'_> {
    fn drop(&mut self) {
        if !self.story.is_open() {
            return;
        }
        let panicked = self.story.tally.panicked() || self.in_callers_code;
        if panicked {
            self.core.life.note_panic();
        }
        let (outcome, class, detail) = if panicked {
            (SpanOutcome::Panicked, AgentFailureClass::Unknown, "the caller's code panicked")
        } else {
            (SpanOutcome::Cancelled, AgentFailureClass::Cancelled, "the turn was dropped")
        };
        self.story.cut_short(outcome, class, detail);
    }
}
