//! Secrets in the texts of callers, models, providers and errors, and every way out of a session.
#![cfg(feature = "tracing")]
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime_events::{AgentEvent, AgentFailureClass, ManualClock};
use runtime_orchestrator::{
    BoxError, Capture, OrchestrationSession, Orchestrator, TelemetryConfig, ToolCall, Turn,
};
use runtime_policy::{
    GuardrailOutcome, Guardrails, PermissionEnforcer, PermissionMode, PermissionPolicy,
    PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule, RolePermissionConfig,
    guardrail,
};
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, FaultError, FaultKind, Route, Routes, chain_text,
};
use runtime_sinks::{EventSink, SinkError, TracingSink, UsageRecord};
use runtime_usage::{Limit, UsageSnapshot, Usd};
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber, span, subscriber};

use crate::support::{Fixture, assert_lawful, dollar, limit, now, poll_times, wait_for};

/// Known by its issuer, wherever it stands.
const KEY: &str = "sk-proj-planted1234567890";
/// Known by the name of its field alone.
const PASSWORD: &str = "planted horse";

/// A text with the key after this word.
fn after(word: &str) -> String {
    format!("{word} {KEY}")
}

/// All that comes out of sessions: events, usage records, lines of the log, workers, summaries.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<String>>);

impl Out {
    fn add(&self, text: &str) {
        writeln!(self.0.lock().unwrap(), "{text}").unwrap();
    }

    /// Runs sessions on a manual clock that does not wait, and listens to every way out.
    fn of(
        change: impl FnOnce(Orchestrator) -> Orchestrator,
        run: impl FnOnce(&Fixture, &OrchestrationSession),
    ) -> Self {
        let out = Self::default();
        let (events, usage) = (out.clone(), out.clone());
        let fixture = Fixture::new().with(|o| {
            let heard = move |event: &Arc<AgentEvent>| {
                events.add(&format!("{} {event:?}", event.to_json()));
                TracingSink.emit(event)
            };
            let booked = move |record: &UsageRecord| {
                usage.add(&format!("{} {record:?}", serde_json::to_string(record).unwrap()));
                Ok(())
            };
            change(o.time(ManualClock::skipping()).event_sink(heard).usage_sink(booked))
        });
        subscriber::with_default(out.clone(), || {
            let session = fixture.orchestrator.session().unwrap();
            run(&fixture, &session);
            let worker = fixture.orchestrator.shared_registry().get(session.worker_id()).unwrap();
            let summary = session.summary();
            out.add(&format!("{} {worker:?}", serde_json::to_string(&worker).unwrap()));
            out.add(&format!("{} {summary}", serde_json::to_string(&summary).unwrap()));
        });
        out
    }

    /// Checks that no secret came out, and that each word did, with a sign after it.
    fn is_clean(&self, words: &[&str]) {
        let text = self.0.lock().unwrap().clone();
        for secret in [KEY, PASSWORD] {
            let line = text.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{secret} came out");
        }
        for word in words {
            assert!(text.contains(&format!("{word} [redacted]")), "{word}: {text}");
        }
    }
}

impl Subscriber for Out {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("line {}", event.metadata().target()));
        event.record(&mut line);
        self.add(&line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

fn fails(word: &'static str) -> Result<(), BoxError> {
    Err(after(word).into())
}

fn unchanged(orchestrator: Orchestrator) -> Orchestrator {
    orchestrator
}

#[test]
fn errors_of_turns_and_tools_lose_their_secrets() {
    let out = Out::of(unchanged, |_, session| {
        now(session.run_turn(Turn::model("m"), async || fails("turn"))).unwrap_err();
        now(session.run_tool("search", async || fails("tool"))).unwrap_err();
        session.blocking().run_tool("search", || fails("thread")).unwrap_err();
        let reads = Turn::model("m")
            .usage_from(|(): &()| Err::<UsageSnapshot, _>(fails("reader").unwrap_err()));
        let _ = now(session.run_turn(reads, async || Ok::<_, BoxError>(())));
        session.fail(after("session"), AgentFailureClass::LlmError).unwrap();
    });
    out.is_clean(&["turn", "tool", "thread", "session"]);
}

#[test]
fn recovery_loses_the_secrets_of_errors_and_routes() {
    let place = |word: &str| Route::new(after(word), "m").key(after("label"));
    let routes = Routes::ordered([place("first"), place("second")]);
    let recovery = Fixture::new().recovery.routes(routes);
    let out = Out::of(
        |o| o.recovery(recovery),
        |_, session| {
            let refuses =
                |_| async { Err::<(), _>(FaultError::of(FaultKind::Auth, after("refused"))) };
            now(session.run_turn_recovering(Turn::model("m"), refuses)).unwrap_err();
        },
    );
    out.is_clean(&["refused", "first", "second"]);
}

#[test]
fn refusals_of_guardrails_and_permissions_lose_their_secrets() {
    let rails = Guardrails::new()
        .with(guardrail::pre("objects", |_| GuardrailOutcome::deny(after("prompt"))))
        .with(guardrail::pre(after("rail"), |_| GuardrailOutcome::deny("no")));
    let role = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let role = role.allowed_tools(["search"]).denied_tools([after("delete")]);
    let permissions = PermissionEnforcer::new(PermissionPolicy::new().role(role));
    let out = Out::of(
        |o| o.guardrails(rails).permissions(permissions),
        |_, session| {
            let fine = async || Ok::<_, BoxError>(());
            now(session.run_turn(Turn::model("m").guarded("hello"), fine)).unwrap_err();
            now(session.run_tool("search", fine)).unwrap_err();
            now(session.run_tool(after("delete"), fine)).unwrap_err();
            session.authorize(&after("delete"));
        },
    );
    out.is_clean(&["prompt", "rail", "delete"]);
}

#[test]
fn names_and_labels_lose_their_secrets() {
    let rule = PolicyRule::new(after("rule"), PolicyCondition::PhaseCompleted);
    let policy = PolicyEngine::new([rule.action(PolicyAction::Notify)]);
    let config = CircuitBreakerConfig::default().failure_threshold(1.try_into().unwrap());
    let breaker =
        CircuitBreaker::with_clock(after("breaker"), config, Arc::new(ManualClock::new()));
    let budget = Limit::recorded(Usd::from_cents(50)).named(after("account"));
    let out = Out::of(
        |o| {
            o.label("first", after("label"))
                .label(after("key"), "x")
                .label("api_key", PASSWORD)
                .policy(policy)
                .circuit_breaker(breaker)
                .budget(budget)
        },
        |_, session| {
            session.label("later", after("added"));
            session.label("password", PASSWORD);
            let fine = async || Ok::<_, BoxError>(());
            now(session.run_tool(after("tool"), fine)).unwrap();
            now(session.run_turn(Turn::model(after("model")).usage(dollar()), fine)).unwrap();
            now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
            session.evaluate_policy(PhaseContext::default().phase_completed(true));
            now(session.run_turn(Turn::model("m"), async || fails("breaks"))).unwrap_err();
            now(session.run_turn(Turn::model(after("shut")), fine)).unwrap_err();
        },
    );
    out.is_clean(&["label", "key", "added", "tool", "model", "rule", "breaker", "account", "shut"]);
}

#[test]
fn details_of_ends_pauses_and_handoffs_lose_their_secrets() {
    let out = Out::of(unchanged, |fixture, session| {
        poll_times(1, session.pause_for_input(after("prompt")));
        let context = json!({ "note": after("context"), "db": { "password": PASSWORD }, KEY: 1 });
        let handoff = session.handoff_to(&after("editor"), after("reason"), context).unwrap();
        assert!(handoff.reason.contains(KEY), "the one who takes over gets it whole");
        let target = fixture.orchestrator.shared_registry().get(&handoff.target_worker_id);
        assert_eq!(
            target
                .unwrap()
                .events()
                .filter(|it| it.detail.as_ref().is_some_and(|it| it.contains(KEY)))
                .count(),
            0
        );
    });
    out.is_clean(&["prompt", "context", "editor", "reason"]);
    let out = Out::of(unchanged, |_, session| session.cancel(after("cancelled")).unwrap());
    out.is_clean(&["cancelled"]);
    let out = Out::of(unchanged, |_, session| session.complete_with(after("done")).unwrap());
    out.is_clean(&["done"]);
}

#[test]
fn errors_of_sinks_lose_their_secrets() {
    let broken = || SinkError::new("connect", after("sink"));
    let (events, usage) =
        (move |_: &Arc<AgentEvent>| Err(broken()), move |_: &UsageRecord| Err(broken()));
    let out = Out::of(
        |o| o.event_sink(events).usage_sink(usage),
        |_, session| {
            let fine = async || Ok::<_, BoxError>(());
            now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
        },
    );
    out.is_clean(&["sink"]);
}

/// Takes events, and fails to flush them.
struct Unflushed(Out);

impl EventSink for Unflushed {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.0.add(&event.to_json());
        Ok(())
    }

    fn flush(&self) -> Result<(), SinkError> {
        Err(SinkError::new("flush", after("flushed")))
    }
}

#[test]
fn role_phase_and_drain_report_lose_their_secrets() {
    let out = Out::default();
    let fixture = Fixture::new().with(|_| {
        let o = Orchestrator::new(after("role"), after("phase")).time(ManualClock::skipping());
        let usage = out.clone();
        let booked = move |record: &UsageRecord| {
            usage.add(&serde_json::to_string(record).unwrap());
            Ok(())
        };
        o.event_sink(Unflushed(out.clone())).usage_sink(booked)
    });
    subscriber::with_default(out.clone(), || {
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").usage(dollar());
        now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
        let drained = wait_for(fixture.orchestrator.drain(limit(&fixture.clock, Duration::ZERO)));
        out.add(&format!("{} {drained} {drained:?}", serde_json::to_string(&drained).unwrap()));
        out.add(&session.summary().to_string());
    });
    out.is_clean(&["role", "phase", "flushed"]);
}

#[test]
fn captured_content_loses_its_secrets_unless_it_is_unredacted() {
    let run = |capture: Capture| {
        let telemetry = TelemetryConfig::default().capture(capture);
        Out::of(
            |o| o.telemetry(telemetry),
            |_, session| {
                let says = async || Ok::<_, BoxError>(after("answer"));
                now(session.run_turn(Turn::model("m").guarded(after("prompt")), says)).unwrap();
                let args = json!({ "q": after("argument"), "headers": { "Api-Key": PASSWORD } });
                now(session.run_tool(ToolCall::new("search").args(args), says)).unwrap();
            },
        )
    };
    run(Capture::default()).is_clean(&["answer", "prompt", "argument"]);
    run(Capture::redacted(|_, value: Value| Some(value))).is_clean(&["answer"]);
    let out = run(Capture::unredacted());
    let text = out.0.lock().unwrap().clone();
    assert!(text.contains(&after("argument")) && text.contains(PASSWORD));
}

#[test]
fn callers_get_their_own_texts_unchanged() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let error = now(session.run_turn(Turn::model("m"), async || fails("turn"))).unwrap_err();
    assert!(chain_text(&error).contains(KEY));
    drop(session);
    assert_lawful(&fixture.events.events());
}
