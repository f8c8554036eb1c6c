//! Real sessions.

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::trace::{Span, TraceContextExt, Tracer};
use opentelemetry::{Array, Context, KeyValue, Value, global::BoxedTracer};
use runtime_events::{AgentEvent, ManualClock};
use runtime_orchestrator::{BoxError, Orchestrator, TelemetryConfig, Turn};
use runtime_otel::OtelConfig;
use runtime_sinks::EventFanOut;
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{UsageFormat, UsageSnapshot};

use crate::support::{Rig, said};

/// A sink, a log beside it, and an orchestrator that has both.
pub(crate) fn orchestrator() -> (Rig, RecordingEventSink, Orchestrator) {
    let (rig, log) = (Rig::new(), RecordingEventSink::new());
    let orchestrator = Orchestrator::new("writer", "draft")
        .event_sink(EventFanOut::new().with(rig.sink.clone()).with(log.clone()))
        .telemetry(TelemetryConfig::default().scope_hook(rig.sink.scope()))
        .time(ManualClock::skipping());
    (rig, log, orchestrator)
}

pub(crate) fn logged(log: &RecordingEventSink) -> Vec<AgentEvent> {
    log.events().iter().map(|event| AgentEvent::clone(event)).collect()
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime of one thread").block_on(future)
}

/// What a caller's instrumented client does.
async fn request(rig: &Rig, name: &'static str) -> Result<(), BoxError> {
    let tracer = rig.traces.tracer();
    let mut span = tracer.start(name);
    tokio::task::yield_now().await;
    span.end();
    // And once more: each poll has to be inside.
    tracer.start(name).end();
    Ok(())
}

#[test]
fn spans_of_callers_are_below_the_tool_or_attempt() {
    let (rig, _, orchestrator) = orchestrator();
    block_on(async {
        let session = orchestrator.session().unwrap();
        let one = session.run_tool("one", async || request(&rig, "GET one").await);
        let two = session.run_tool("two", async || request(&rig, "GET two").await);
        let (one, two) = tokio::join!(one, two);
        one.and(two).unwrap();
        let call = async |_| request(&rig, "POST").await;
        session.run_turn_recovering(Turn::model("gpt-5"), call).await.unwrap();
        session.complete().unwrap();
    });
    for (inner, outer) in
        [("GET one", "execute_tool one"), ("GET two", "execute_tool two"), ("POST", "attempt")]
    {
        let outer = rig.span(outer).span_context.span_id();
        let inner: Vec<_> = rig.spans().into_iter().filter(|it| it.name == inner).collect();
        assert_eq!(inner.len(), 2);
        assert!(inner.iter().all(|it| it.parent_span_id == outer));
    }
    assert!(!Context::current().has_active_span(), "nothing is left behind");
}

/// Outgoing requests carry it.
#[test]
fn baggage_of_the_caller_is_in_the_scope_of_a_call() {
    let (_rig, _, orchestrator) = orchestrator();
    let found = || Context::current().baggage().get("tenant").map(ToString::to_string);
    let tenant = |name: &'static str| [KeyValue::new("tenant", name)];
    let with = |name| Context::current().with_baggage(tenant(name));
    block_on(async {
        let session = async { orchestrator.session().unwrap() };
        let session = session.with_context(with("of the session")).await;
        let tool = || session.run_tool("search", async || Ok::<_, BoxError>(found()));
        assert_eq!(tool().await.unwrap().as_deref(), Some("of the session"));
        let later = tool().with_context(with("set since")).await.unwrap();
        assert_eq!(later.as_deref(), Some("set since"));
        session.complete().unwrap();
    });
}

#[test]
fn a_session_is_below_the_span_it_is_opened_in() {
    let (rig, _, orchestrator) = orchestrator();
    let request = rig.traces.tracer().start("POST /drafts");
    let guard = Context::current_with_span(request).attach();
    block_on(async {
        let session = orchestrator.session().unwrap();
        let other = orchestrator.clone();
        session
            .run_tool("delegate", async || {
                // Nothing but the scope ties these two together.
                other.run(async |_| Ok(())).await.result
            })
            .await
            .unwrap();
        session.complete().unwrap();
    });
    drop(guard);
    let agents: Vec<_> =
        rig.spans().into_iter().filter(|it| it.name == "invoke_agent writer").collect();
    let tool = rig.span("execute_tool delegate").span_context.span_id();
    let request = rig.span("POST /drafts").span_context.span_id();
    assert_eq!(agents.iter().map(|it| it.parent_span_id).collect::<Vec<_>>(), [tool, request]);
}

#[test]
fn a_panic_in_the_callers_code_leaves_no_scope_behind() {
    let (rig, _, orchestrator) = orchestrator();
    let session = orchestrator.session().unwrap();
    let tool = || -> Result<(), BoxError> { panic!("the tool's own fault") };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = session.blocking().run_tool("broken", tool);
    }));
    assert!(caught.is_err());
    assert!(!Context::current().has_active_span());
    assert_eq!(said(&rig.span("execute_tool broken"))["error.type"], "panic".into());
}

#[test]
fn a_call_that_is_dropped_ends_and_the_tree_is_whole() {
    let (rig, _, orchestrator) = orchestrator();
    block_on(async {
        let session = orchestrator.session().unwrap();
        let never = async || std::future::pending::<Result<(), BoxError>>().await;
        tokio::select! {
            biased;
            _ = session.run_turn(Turn::model("gpt-5"), never) => unreachable!("it never answers"),
            () = std::future::ready(()) => {}
        }
        drop(session);
    });
    assert_eq!(rig.names(), ["chat gpt-5", "invoke_agent writer"]);
    assert_eq!(said(&rig.span("chat gpt-5"))["techrevati.outcome"], "cancelled".into());
    assert_eq!(rig.sink.stats().open, 0);
}

#[test]
fn usage_and_cost_are_on_the_turn_and_on_metrics() {
    let (rig, _, orchestrator) = orchestrator();
    block_on(async {
        let report = orchestrator
            .run(async |session| {
                let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(100, 20));
                session.run_turn(turn, async || Ok::<_, BoxError>(())).await?;
                Ok(())
            })
            .await;
        report.result.unwrap();
    });
    let chat = said(&rig.span("chat gpt-5"));
    assert_eq!(chat["gen_ai.usage.input_tokens"], 100.into());
    assert!(chat.contains_key("techrevati.cost_usd"));
    let usage = &rig.metrics()["gen_ai.client.token.usage"].points;
    assert_eq!(usage.len(), 2);
}

#[test]
fn a_tracer_of_any_kind_is_taken() {
    let meters = opentelemetry::global::meter("nobody");
    let tracer: BoxedTracer = opentelemetry::global::tracer("nobody");
    let sink = runtime_otel::OtelSink::new(tracer, &meters);
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(sink.clone());
    drop(orchestrator.session().unwrap());
    assert_eq!((sink.stats().begun, sink.stats().open), (1, 0));
}

#[test]
fn an_accepted_handoff_is_a_link_live_and_replayed() {
    let (rig, log, writer) = orchestrator();
    let editor = Orchestrator::new("editor", "draft")
        .registry(writer.shared_registry().clone())
        .event_sink(EventFanOut::new().with(rig.sink.clone()).with(log.clone()));
    let session = writer.session().unwrap();
    let handoff = session.handoff_to("editor", "polish", serde_json::json!({})).unwrap();
    editor.accept(&handoff).unwrap().complete().unwrap();
    writer.session().unwrap().complete().unwrap();

    let replayed = crate::replay::replayed(&OtelConfig::default(), &logged(&log));
    for spans in [rig.spans(), replayed] {
        let links = spans.iter().map(|span| (&*span.name, span.links.len()));
        let expected =
            [("invoke_agent writer", 0), ("invoke_agent editor", 1), ("invoke_agent writer", 0)];
        assert_eq!(links.collect::<Vec<_>>(), expected);
        let from = spans[1].links.iter().next().unwrap().span_context.span_id();
        assert_eq!(from, spans[0].span_context.span_id());
    }
}

#[tokio::test]
async fn answer_says_why_it_ended() {
    let (rig, _, orchestrator) = orchestrator();
    let session = orchestrator.session().unwrap();
    let reply = serde_json::json!({
        "choices": [{"finish_reason": "stop"}, {"finish_reason": "length"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    });
    let turn = Turn::model("gpt-5").usage_from(move |(): &()| UsageFormat::OpenAiChat.read(&reply));
    session.run_turn(turn, || async { Ok::<_, BoxError>(()) }).await.unwrap();
    let reasons = Value::Array(Array::String(vec!["stop".into(), "length".into()]));
    assert_eq!(said(&rig.span("chat gpt-5"))["gen_ai.response.finish_reasons"], reasons);
}

#[test]
fn a_fleet_that_loses_its_backend_is_counted() {
    use runtime_events::payload::{FleetReach, Word};
    use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock as _, ManualClock};

    let rig = Rig::new();
    let data = FleetReach { fleet: Some(Word::Literal("agents")), ..FleetReach::default() }.data();
    for name in [AgentEventName::FleetDegraded, AgentEventName::FleetRecovered] {
        let event = AgentEvent::new(name, AgentEventStatus::Running, ManualClock::new().utc_now());
        rig.emit(&event.with_data(data.clone()));
    }
    let changes = &rig.metrics()["techrevati.fleet.changes"].points;
    let mut to: Vec<_> =
        changes.iter().map(|point| point.said["techrevati.to"].to_string()).collect();
    to.sort();
    assert_eq!(to, ["degraded", "recovered"]);
    assert!(changes.iter().all(|point| point.said["techrevati.fleet"] == "agents".into()));
    assert!(rig.spans().is_empty(), "it belongs to no run");
}
