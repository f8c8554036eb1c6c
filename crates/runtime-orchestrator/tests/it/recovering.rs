//! Recovering turns: each test on tasks and on threads.

mod cut_short;
mod errors;
mod facts;
mod failover;
mod guardrails;
mod handlers;
mod money;
mod nested;
mod no_sleeper;
mod panics;
mod refusals;
mod routes;
mod stepwise;
mod story;
mod threads;
mod timeouts;
mod waits;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_orchestrator::{
    Answer, Attempt, OrchestrationSession, RecoveryConfig, Turn, TurnError,
};
use runtime_resilience::{
    Backoff, CircuitBreaker, EscalationPolicy, Fault, FaultDetails, FaultError, FaultKind,
    JitterMode, Recipes, RecoveryEventType, RecoveryRecipe, RecoveryStep, RetryBudget,
    RetryBudgetConfig,
};
use runtime_sinks::testing::RecordingEventSink;

use crate::support::{Fixture, breaker, now, prices};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A writer with a back-off of 1, 2, 4 … seconds, a breaker that tolerates a few failures, and a
/// manual clock.
pub(crate) fn fixture() -> Fixture {
    on(ManualClock::new())
}

/// The same with a clock that every wait advances.
pub(crate) fn quick() -> Fixture {
    on(ManualClock::skipping())
}

fn on(clock: ManualClock) -> Fixture {
    let events = RecordingEventSink::new();
    let breaker: CircuitBreaker = breaker(&clock, 9);
    let orchestrator = runtime_orchestrator::Orchestrator::new("writer", "draft")
        .time(clock.clone())
        .event_sink(events.clone())
        .circuit_breaker(breaker.clone())
        .pricing(prices());
    let recovery = RecoveryConfig::default();
    Fixture { clock, events, breaker, orchestrator, recovery }.recovery(|recovery| {
        recovery
            .backoff(Backoff::default().jitter(JitterMode::None))
            .retry_budget(RetryBudget::new(RetryBudgetConfig::default().reserve(1_000)))
    })
}

pub(crate) fn fault(kind: FaultKind) -> FaultError {
    FaultError::new(Fault::of(kind), FaultDetails::default())
}

pub(crate) fn asking(kind: FaultKind, wait: Duration) -> FaultError {
    let mut fault = Fault::of(kind);
    fault.asked = Some(wait);
    FaultError::new(fault, FaultDetails::default())
}

/// Ends calls in the order of the list; `None` and calls after the list are answers.
pub(crate) struct Script {
    ends: RefCell<VecDeque<Option<FaultError>>>,
    seen: RefCell<Vec<Attempt>>,
}

impl Script {
    pub(crate) fn new(faults: impl IntoIterator<Item = FaultError>) -> Self {
        let ends = RefCell::new(faults.into_iter().map(Some).collect());
        Self { ends, seen: RefCell::default() }
    }

    pub(crate) fn of(kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        Self::new(kinds.into_iter().map(fault))
    }

    pub(crate) fn play(&self, attempt: Attempt) -> Result<&'static str, FaultError> {
        self.seen.borrow_mut().push(attempt);
        self.ends.borrow_mut().pop_front().flatten().map_or(Ok("fine"), Err)
    }

    /// The number of calls.
    pub(crate) fn calls(&self) -> usize {
        self.seen.borrow().len()
    }

    pub(crate) fn seen<T>(&self, look: impl FnMut(&Attempt) -> T) -> Vec<T> {
        self.seen.borrow().iter().map(look).collect()
    }
}

/// The two ways to run a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Task,
    Thread,
}

pub(crate) const BOTH: [Way; 2] = [Way::Task, Way::Thread];

impl Way {
    /// Runs a turn to its end, on a skipping clock.
    pub(crate) fn run(
        self,
        session: &OrchestrationSession,
        turn: Turn<&'static str>,
        script: &Script,
    ) -> Result<Answer<&'static str>, TurnError> {
        match self {
            Self::Task => now(session.run_turn_recovering(turn, async |it| script.play(it))),
            Self::Thread => session.blocking().run_turn_recovering(turn, |it| script.play(it)),
        }
    }
}

/// Runs a turn with its own timeouts, on a skipping clock.
pub(crate) fn timed(
    session: &OrchestrationSession,
    turn: Turn<&'static str>,
    script: &Script,
) -> Result<Answer<&'static str>, TurnError> {
    now(session.run_turn_recovering(turn, async |it| script.play(it)))
}

/// Polls a future, and advances the clock by a quarter of a second while it is pending.
pub(crate) fn patiently<F: Future>(clock: &ManualClock, future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    let mut future = pin!(future);
    for _ in 0..2_000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
        clock.advance(SECOND / 4);
    }
    panic!("the future does not end");
}

pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A replacement of a default recipe.
pub(crate) fn recipe(
    scenario: runtime_events::FailureScenario,
    steps: &[RecoveryStep],
    attempts: u32,
) -> Recipes {
    let (steps, policy) = (steps.to_vec(), EscalationPolicy::LogAndContinue);
    Recipes::default().with(RecoveryRecipe::new(scenario, steps, attempts, policy))
}

/// The events, one line each: name, status, outcome, detail, data.
pub(crate) fn told(events: &[Arc<AgentEvent>]) -> Vec<String> {
    let line = |event: &Arc<AgentEvent>| {
        let name = event.event.as_str().trim_start_matches("agent.");
        let outcome = event.outcome.map(|outcome| format!(" = {outcome}")).unwrap_or_default();
        let detail = event.detail.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
        let data = event.data.as_ref().filter(|_| event.event != AgentEventName::AgentStarted);
        let data = data.and_then(|data| serde_json::to_string(data).ok());
        let data = data.map(|data| format!(" {data}")).unwrap_or_default();
        format!("{name} ({}){outcome}{detail}{data}", event.status)
    };
    let told = events.iter().filter(|event| event.event != AgentEventName::StatusChanged);
    told.map(line).collect()
}

/// The recorded recovery events.
pub(crate) fn books(session: &OrchestrationSession) -> Vec<String> {
    let events = session.summary().recovery_events;
    let line = |event: &runtime_resilience::RecoveryEvent| {
        format!("{} {}", event.event_type, event.scenario)
    };
    events.iter().map(line).collect()
}

/// Checks that records and events of recovery agree.
pub(crate) fn assert_recovery_agrees(fixture: &Fixture, session: &OrchestrationSession) {
    let kept = session.summary().recovery_events;
    for (name, event_type) in [
        (AgentEventName::RecoveryAttempted, RecoveryEventType::Attempted),
        (AgentEventName::RecoverySucceeded, RecoveryEventType::Succeeded),
        (AgentEventName::RecoveryFailed, RecoveryEventType::Failed),
        (AgentEventName::RecoveryEscalated, RecoveryEventType::Escalated),
    ] {
        let kept = kept.iter().filter(|event| event.event_type == event_type).count();
        assert_eq!(kept, fixture.events.all(name).len(), "{name}");
    }
}
