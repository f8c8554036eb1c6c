//! What events and books say of a recovering turn.

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, SpanOutcome,
};
use runtime_resilience::fault::{FaultKind, without_keys};
use runtime_resilience::route::Route;
use runtime_resilience::{
    EscalationPolicy, Fault, RecoveryEventType, RecoveryOutcome, RecoveryResult, RecoveryStep,
};
use serde_json::{Value, json};

use super::plan::{Pending, Recovering, Stage};
use crate::error::TurnError;
use crate::log::log;
use crate::parts::money::Bill;
use crate::tell;

impl Recovering<'_> {
    /// The turn's first event, once.
    pub(super) fn begin(&mut self) {
        if self.stage != Stage::Admitted {
            return;
        }
        self.stage = Stage::Begun;
        let mut event = self.event(AgentEventName::TurnStarted, AgentEventStatus::Running);
        event.data = self.model_data();
        self.core.stream.emit(event);
    }

    pub(super) fn completed(&mut self, bill: &Bill) {
        self.stage = Stage::Ended;
        let event = self.event(AgentEventName::TurnCompleted, AgentEventStatus::Completed);
        self.core.stream.emit(event.with_outcome(SpanOutcome::Ok).with_data(self.sum(bill)));
    }

    pub(super) fn stopped(&mut self, error: &TurnError) {
        self.stage = Stage::Ended;
        let inner = match error {
            TurnError::Unrecovered(unrecovered) => &unrecovered.error,
            other => other,
        };
        let (outcome, class) = match inner {
            TurnError::TimedOut(_) | TurnError::Deadline(_) => {
                (SpanOutcome::TimedOut, inner.failure_class())
            }
            TurnError::Closed(_) => (SpanOutcome::Cancelled, AgentFailureClass::Cancelled),
            _ => (SpanOutcome::Failed, inner.failure_class()),
        };
        self.told_end(outcome, class, error.to_string());
    }

    pub(super) fn told_end(&self, outcome: SpanOutcome, class: AgentFailureClass, detail: String) {
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let event = self
            .event(AgentEventName::TurnFailed, status)
            .with_failure_class(class)
            .with_detail(detail)
            .with_outcome(outcome)
            .with_data(self.sum(&self.tally.bill()));
        self.core.stream.emit(event);
    }

    /// A recovery begins: what failed, which steps are taken, and how long it waits.
    pub(super) fn tell_attempt(&mut self, pending: Pending) {
        self.begin();
        let Pending { fault, next, rested, .. } = &pending;
        let scenario = fault.scenario();
        let outcome = steps(&next.steps);
        log!(info, session = %self.core.session_id(), role = %self.core.role(), scenario = %scenario, steps = %outcome, "recovering");
        let mut data = Data::with_capacity(8)
            .with("scenario", scenario.as_str())
            .with("fault", fault.kind.as_str())
            .with("steps", names(&next.steps))
            .with("attempt", self.attempts + 1);
        note(fault, &mut data);
        if !next.skipped.is_empty() {
            data.insert("skipped", names(&next.skipped));
        }
        if !next.wait.is_zero() {
            data.insert("wait_seconds", next.wait.as_secs_f64());
        }
        if let Some(rested) = rested {
            let seconds = rested.rest.as_secs_f64();
            let rests = json!({"scope": rested.scope.as_str(), "seconds": seconds, "routes": rested.routes});
            data.insert("rests", rests);
        }
        let event = self.event(AgentEventName::RecoveryAttempted, AgentEventStatus::Running);
        let detail = format!("{scenario}: {outcome}");
        self.core.stream.emit(
            event.with_failure_class(scenario.failure_class()).with_detail(detail).with_data(data),
        );
        let result = RecoveryResult::new(
            RecoveryOutcome::PartialRecovery,
            next.steps.clone(),
            next.skipped.clone(),
            "",
        );
        self.core.books.note(RecoveryEventType::Attempted, scenario, result);
        self.pending = Some(pending);
    }

    /// The next attempt goes to another provider than the last, or to another of its models or keys.
    pub(super) fn tell_switch(&mut self, to: &Route) {
        let Some(pending) = &mut self.pending else { return };
        let Some(from) = pending.from.take() else { return };
        let scenario = pending.fault.scenario();
        let mut data = Data::with_capacity(4);
        data.insert("from", from.provider());
        data.insert("to", to.provider());
        let mut detail = format!("{} -> {}", from.provider(), to.provider());
        if from.provider() == to.provider() {
            data.insert("from_route", from.name());
            data.insert("to_route", to.name());
            detail = format!("{} -> {}", from.name(), to.name());
        }
        let event = self.event(AgentEventName::RecoveryProviderSwitched, AgentEventStatus::Running);
        self.core.stream.emit(
            event.with_failure_class(scenario.failure_class()).with_detail(detail).with_data(data),
        );
    }

    /// The attempt after the recovery was answered.
    pub(super) fn tell_success(&mut self) {
        let Some(Pending { fault, next, .. }) = self.pending.take() else { return };
        let scenario = fault.scenario();
        let data = Data::with_capacity(2)
            .with("scenario", scenario.as_str())
            .with("attempts", self.attempts);
        let event = self.event(AgentEventName::RecoverySucceeded, AgentEventStatus::Completed);
        let detail = format!("{scenario}: {}", RecoveryOutcome::Recovered);
        self.core.stream.emit(event.with_detail(detail).with_data(data));
        let result = RecoveryResult::new(RecoveryOutcome::Recovered, next.steps, Vec::new(), "");
        self.core.books.note(RecoveryEventType::Succeeded, scenario, result);
    }

    /// The attempt after the recovery failed, or was not made.
    pub(super) fn fail_pending(&mut self, reason: &str) {
        let Some(Pending { fault, next, .. }) = self.pending.take() else { return };
        let (scenario, reason) = (fault.scenario(), &*without_keys(reason));
        let event = self.event(AgentEventName::RecoveryFailed, AgentEventStatus::Failed);
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(format!("{scenario}: {reason}"))
                .with_data(Data::with_capacity(1).with("scenario", scenario.as_str())),
        );
        let result =
            RecoveryResult::new(RecoveryOutcome::PartialRecovery, next.steps, next.skipped, reason);
        self.core.books.note(RecoveryEventType::Failed, scenario, result);
    }

    /// There is no other attempt.
    pub(super) fn tell_escalation(
        &self,
        fault: &Fault,
        policy: EscalationPolicy,
        result: &RecoveryResult,
    ) {
        let (scenario, reason) = (fault.scenario(), &result.reason);
        log!(warn, session = %self.core.session_id(), role = %self.core.role(), scenario = %scenario, policy = %policy, reason = %reason, "recovery escalated");
        let mut data = Data::with_capacity(6)
            .with("scenario", scenario.as_str())
            .with("fault", fault.kind.as_str())
            .with("policy", policy.as_str())
            .with("reason", &**reason)
            .with("attempts", self.attempts);
        note(fault, &mut data);
        let event = self.event(AgentEventName::RecoveryEscalated, AgentEventStatus::Failed);
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(format!("{scenario}: {reason}"))
                .with_data(data),
        );
        self.core.books.note(RecoveryEventType::Escalated, scenario, result.clone());
    }

    fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.core.stream.child_event(name, status, self.span)
    }

    fn model_data(&self) -> Option<Data> {
        (!self.model.is_empty()).then(|| Data::with_capacity(1).with("model", &*self.model))
    }

    /// By its own model, or by those of its routes.
    fn is_metered(&self) -> bool {
        let routed = self.lease.as_ref().is_some_and(|it| !it.route().model().is_empty());
        routed || !self.model.is_empty()
    }

    /// What all attempts came to.
    fn sum(&self, bill: &Bill) -> Data {
        let mut data = self.model_data().unwrap_or_default();
        data.insert("attempts", self.attempts);
        if self.is_metered() {
            bill.note(&mut data);
            tell::balance(&self.core.money, &mut data);
        }
        data
    }
}

/// What is known of a fault beside its kind.
fn note(fault: &Fault, data: &mut Data) {
    if let FaultKind::Timeout(phase) = fault.kind {
        data.insert("phase", phase.as_str());
    }
    if let Some(status) = fault.status {
        data.insert("http_status", status);
    }
    if let Some(asked) = fault.asked {
        data.insert("asked_seconds", asked.as_secs_f64());
    }
}

fn names(steps: &[RecoveryStep]) -> Value {
    steps.iter().map(|step| step.as_str()).collect()
}

fn steps(steps: &[RecoveryStep]) -> String {
    let names: Vec<_> = steps.iter().map(|step| step.as_str()).collect();
    names.join(", ")
}
