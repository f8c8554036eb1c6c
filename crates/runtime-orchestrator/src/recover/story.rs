//! The events and records of a recovering turn.

use std::sync::Arc;

use runtime_events::payload::{
    Any, ProviderSwitched, Recovery, Rest, TurnEnded, TurnStarted, Word, Words,
};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, FailureScenario, SpanId,
    SpanOutcome,
};
use runtime_resilience::{
    EscalationPolicy, Fault, FaultKind, NextAttempt, RecoveryEventType, RecoveryOutcome,
    RecoveryResult, RecoveryStep, Rested, Route,
};
use serde_json::Value;

use crate::core::Hold;
use crate::error::{TurnError, text_of};
use crate::log::log;
use crate::parts::money::Bill;
use crate::tell;
use crate::turn::part::Tally;

/// The progress of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No event is emitted.
    Admitted,
    /// The first event is emitted.
    Begun,
    /// The last event is emitted, or the turn was refused.
    Ended,
}

/// The story of a turn around its attempts.
pub(super) struct Story<'s> {
    core: Hold<'s>,
    pub(super) model: Arc<str>,
    pub(super) span: SpanId,
    stage: Stage,
    /// The number of admitted attempts.
    pub(super) attempts: u32,
    /// Whether any attempt has a model, and so a price.
    metered: bool,
    /// The sum of the attempts.
    pub(super) tally: Arc<Tally>,
    /// The recovery that no attempt has confirmed yet.
    pub(super) pending: Option<Pending>,
}

/// A recovery whose next attempt has not ended yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) fault: Fault,
    pub(super) next: NextAttempt,
    /// The route that failed, if the next attempt uses another one.
    pub(super) from: Option<Route>,
    /// The routes that rest because of the failure.
    pub(super) rested: Option<Rested>,
}

impl<'s> Story<'s> {
    pub(super) fn new(core: Hold<'s>, model: Arc<str>) -> Self {
        Self {
            span: core.stream.new_span(),
            core,
            stage: Stage::Admitted,
            attempts: 0,
            metered: !model.is_empty(),
            model,
            tally: Arc::default(),
            pending: None,
        }
    }

    /// Whether the first event is emitted and the last is not.
    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Begun
    }

    /// The parent span of a wait before the next attempt.
    pub(super) fn around(&self) -> SpanId {
        if self.is_open() { self.span } else { self.core.stream.root() }
    }

    /// Counts an admitted attempt of this model.
    pub(super) fn attempt(&mut self, model: &str) {
        self.begin();
        self.attempts += 1;
        self.metered |= !model.is_empty();
    }

    /// The turn was refused before its first event.
    pub(super) const fn refused(&mut self) {
        self.stage = Stage::Ended;
    }

    /// Ends a turn that was dropped, or whose code panicked.
    pub(super) fn cut_short(
        &mut self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        detail: &str,
    ) {
        self.stage = Stage::Ended;
        self.fail_pending(detail);
        self.told_end(outcome, class, None, detail.to_owned());
    }

    /// Emits the turn's first event, once.
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
        self.core.stream.emit(event.with_outcome(SpanOutcome::Ok).with_data(self.sum(bill, None)));
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
        self.told_end(outcome, class, inner.scenario(), text_of(error));
    }

    fn told_end(
        &self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        scenario: Option<FailureScenario>,
        detail: String,
    ) {
        let status = match outcome {
            SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
            _ => AgentEventStatus::Failed,
        };
        let event = self
            .event(AgentEventName::TurnFailed, status)
            .with_failure_class(class)
            .with_detail(detail)
            .with_outcome(outcome)
            .with_data(self.sum(&self.tally.bill(), scenario));
        self.core.stream.emit(event);
    }

    /// Emits the beginning of a recovery: the failure, the steps and the wait.
    pub(super) fn tell_attempt(&mut self, pending: Pending) {
        self.begin();
        let Pending { fault, next, rested, .. } = &pending;
        let scenario = fault.scenario();
        let outcome = steps(&next.steps);
        log!(info, session = %self.core.session_id(), role = %self.core.role(), scenario = %scenario, steps = %outcome, "recovery attempted");
        let (taken, skipped) = (names(&next.steps), names(&next.skipped));
        let rests = rested.as_ref().map(|rested| {
            let rest = Rest {
                scope: Some(Word::Literal(rested.scope.as_str())),
                seconds: Some(rested.rest.as_secs_f64()),
                routes: Some(rested.routes as u64),
            };
            Value::from(rest.data())
        });
        let recovery = Recovery {
            steps: Some(Words::Written(&taken)),
            attempt: Some(self.attempts + 1),
            skipped: (!skipped.is_empty()).then_some(Words::Written(&skipped)),
            wait_seconds: (!next.wait.is_zero()).then_some(next.wait.as_secs_f64()),
            rests: rests.as_ref().map(Any::Json),
            ..of_fault(fault)
        };
        let event = self.event(AgentEventName::RecoveryAttempted, AgentEventStatus::Running);
        let detail = format!("{scenario}: {outcome}");
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(detail)
                .with_data(recovery.data()),
        );
        let result = RecoveryResult::new(
            RecoveryOutcome::PartialRecovery,
            next.steps.clone(),
            next.skipped.clone(),
            "",
        );
        self.note(RecoveryEventType::Attempted, scenario, result);
        self.pending = Some(pending);
    }

    /// Emits a switch to another provider, or to another model or key of the same one.
    pub(super) fn tell_switch(&mut self, to: &Route) {
        let Some(pending) = &mut self.pending else { return };
        let Some(from) = pending.from.take() else { return };
        let scenario = pending.fault.scenario();
        let mut switched = ProviderSwitched {
            from: Some(Word::Read(from.provider())),
            to: Some(Word::Read(to.provider())),
            ..ProviderSwitched::default()
        };
        let mut detail = format!("{} -> {}", from.provider(), to.provider());
        if from.provider() == to.provider() {
            switched.from_route = Some(Word::Read(from.name()));
            switched.to_route = Some(Word::Read(to.name()));
            detail = format!("{} -> {}", from.name(), to.name());
        }
        let event = self.event(AgentEventName::RecoveryProviderSwitched, AgentEventStatus::Running);
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(detail)
                .with_data(switched.data()),
        );
    }

    /// Emits the success of a recovery: its attempt was answered.
    pub(super) fn tell_success(&mut self) {
        let Some(Pending { fault, next, .. }) = self.pending.take() else { return };
        let scenario = fault.scenario();
        let recovery = Recovery {
            scenario: Some(Word::Literal(scenario.as_str())),
            attempts: Some(self.attempts),
            ..Recovery::default()
        };
        let event = self.event(AgentEventName::RecoverySucceeded, AgentEventStatus::Completed);
        let detail = format!("{scenario}: {}", RecoveryOutcome::Recovered);
        self.core.stream.emit(event.with_detail(detail).with_data(recovery.data()));
        let result = RecoveryResult::new(RecoveryOutcome::Recovered, next.steps, Vec::new(), "");
        self.note(RecoveryEventType::Succeeded, scenario, result);
    }

    /// Emits the failure of a recovery: its attempt failed or was not made.
    pub(super) fn fail_pending(&mut self, reason: &str) {
        let Some(Pending { fault, next, .. }) = self.pending.take() else { return };
        let scenario = fault.scenario();
        let event = self.event(AgentEventName::RecoveryFailed, AgentEventStatus::Failed);
        let scenario_name = Some(Word::Literal(scenario.as_str()));
        let recovery = Recovery { scenario: scenario_name, ..Recovery::default() };
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(format!("{scenario}: {reason}"))
                .with_data(recovery.data()),
        );
        let result =
            RecoveryResult::new(RecoveryOutcome::PartialRecovery, next.steps, next.skipped, reason);
        self.note(RecoveryEventType::Failed, scenario, result);
    }

    /// Emits the escalation after the last attempt.
    pub(super) fn tell_escalation(
        &self,
        fault: &Fault,
        policy: EscalationPolicy,
        result: &RecoveryResult,
    ) {
        let (scenario, reason) = (fault.scenario(), &result.reason);
        log!(warn, session = %self.core.session_id(), role = %self.core.role(), scenario = %scenario, policy = %policy, reason = %reason, "recovery escalated");
        let recovery = Recovery {
            policy: Some(Word::Literal(policy.as_str())),
            reason: Some(Word::Read(reason)),
            attempts: Some(self.attempts),
            ..of_fault(fault)
        };
        let event = self.event(AgentEventName::RecoveryEscalated, AgentEventStatus::Failed);
        self.core.stream.emit(
            event
                .with_failure_class(scenario.failure_class())
                .with_detail(format!("{scenario}: {reason}"))
                .with_data(recovery.data()),
        );
        self.note(RecoveryEventType::Escalated, scenario, result.clone());
    }

    fn event(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.core.stream.child_event(name, status, self.span)
    }

    fn metered_model(&self) -> Option<Word<'_>> {
        (!self.model.is_empty()).then_some(Word::Shared(&self.model))
    }

    fn model_data(&self) -> Option<Data> {
        self.metered_model()
            .map(|model| TurnStarted { model: Some(model), ..TurnStarted::default() }.data())
    }

    /// The payload of the turn's last event, for all attempts.
    fn sum(&self, bill: &Bill, scenario: Option<FailureScenario>) -> Data {
        let mut ended = TurnEnded {
            model: self.metered_model(),
            attempts: Some(self.attempts),
            scenario: scenario.map(|scenario| Word::Literal(scenario.as_str())),
            ..TurnEnded::default()
        };
        if self.metered {
            bill.note(&mut ended);
            tell::balance(&self.core.money, &mut ended);
        }
        let mut data = ended.data();
        if self.metered {
            bill.note_finish(&mut data);
        }
        data
    }

    /// Enters an event of a recovery in the session's books.
    fn note(&self, event: RecoveryEventType, scenario: FailureScenario, result: RecoveryResult) {
        let setup = &self.core.setup;
        self.core.books.note(|| setup.recovery_books(), event, scenario, result);
    }
}

/// The payload of a recovery event for this fault.
fn of_fault(fault: &Fault) -> Recovery<'static> {
    let phase = match fault.kind {
        FaultKind::Timeout(phase) => Some(Word::Literal(phase.as_str())),
        _ => None,
    };
    Recovery {
        scenario: Some(Word::Literal(fault.scenario().as_str())),
        fault: Some(Word::Literal(fault.kind.as_str())),
        phase,
        http_status: fault.status,
        asked_seconds: fault.asked.map(|asked| asked.as_secs_f64()),
        ..Recovery::default()
    }
}

fn names(steps: &[RecoveryStep]) -> Vec<&'static str> {
    steps.iter().map(|step| step.as_str()).collect()
}

fn steps(steps: &[RecoveryStep]) -> String {
    let names: Vec<_> = steps.iter().map(|step| step.as_str()).collect();
    names.join(", ")
}
