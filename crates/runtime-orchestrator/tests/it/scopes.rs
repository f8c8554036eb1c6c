//! Scopes of the caller's code.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::sync::{Arc, Mutex};

use runtime_events::{AgentEventName, ScopeHook, SpanId};
use runtime_orchestrator::{BoxError, TelemetryConfig, Turn};

use crate::support::{Fixture, now, yields};

/// Records each span that is entered, and the open one.
#[derive(Clone, Debug, Default)]
struct Notes {
    entered: Arc<Mutex<Vec<SpanId>>>,
    open: Arc<Mutex<Option<SpanId>>>,
}

impl ScopeHook for Notes {
    fn in_scope(&self, span: SpanId, work: &mut dyn FnMut()) {
        self.entered.lock().unwrap().push(span);
        let before = self.open.lock().unwrap().replace(span);
        work();
        *self.open.lock().unwrap() = before;
    }
}

impl Notes {
    fn open(&self) -> Option<SpanId> {
        *self.open.lock().unwrap()
    }
}

fn noted() -> (Fixture, Notes) {
    let notes = Notes::default();
    let hook = notes.clone();
    (Fixture::new().with(|o| o.telemetry(TelemetryConfig::default().scope_hook(hook))), notes)
}

#[test]
fn each_poll_of_a_call_is_inside_its_span() {
    let (fixture, notes) = noted();
    let session = fixture.orchestrator.session().unwrap();
    let seen = notes.clone();
    let call = async || {
        let first = seen.open();
        yields(2).await;
        Ok::<_, BoxError>((first, seen.open()))
    };
    let (first, last) = now(session.run_turn(Turn::unmetered(), call)).unwrap().value;
    let span = fixture.only(AgentEventName::TurnStarted).span;
    assert_eq!((first, last, notes.open()), (span, span, None));
    assert_eq!(notes.entered.lock().unwrap().len(), 4, "once a poll, and to read the usage");
}

#[test]
fn tool_inside_a_turn_nests_its_scope() {
    let (fixture, notes) = noted();
    let session = fixture.orchestrator.session().unwrap();
    let call = async || {
        let tool = async || Ok::<_, BoxError>(notes.open().map(SpanId::get));
        let inner = session.run_tool("search", tool).await?;
        Ok::<_, BoxError>((inner, notes.open()))
    };
    let (inner, outer) = now(session.run_turn(Turn::unmetered(), call)).unwrap().value;
    let of = |name| fixture.only(name).span;
    assert_eq!(inner, of(AgentEventName::ToolCalled).map(SpanId::get));
    assert_eq!(outer, of(AgentEventName::TurnStarted));
}

#[test]
fn blocking_calls_and_attempts_are_inside_their_spans() {
    let (fixture, notes) = noted();
    let session = fixture.orchestrator.session().unwrap();
    let call = || Ok::<_, BoxError>(notes.open());
    let turn = session.blocking().run_turn(Turn::unmetered(), call).unwrap().value;
    assert_eq!(turn, fixture.only(AgentEventName::TurnStarted).span);

    let attempt = |_| async { Ok::<_, BoxError>(notes.open()) };
    let attempt = now(session.run_turn_recovering(Turn::unmetered(), attempt)).unwrap().value;
    assert_eq!(attempt, fixture.only(AgentEventName::AttemptStarted).span);
}

/// A hook that does not run its code.
#[derive(Debug)]
struct Lazy;

impl ScopeHook for Lazy {
    fn in_scope(&self, _span: SpanId, _work: &mut dyn FnMut()) {}
}

#[test]
fn hook_that_does_not_run_its_code_does_not_cost_the_call() {
    let fixture = Fixture::new().with(|o| o.telemetry(TelemetryConfig::default().scope_hook(Lazy)));
    let session = fixture.orchestrator.session().unwrap();
    let call = async || Ok::<_, BoxError>(42);
    assert_eq!(now(session.run_turn(Turn::unmetered(), call)).unwrap().value, 42);
}
