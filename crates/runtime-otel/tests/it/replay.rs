//! The same spans from a log.

use opentelemetry_sdk::trace::SpanData;
use runtime_events::{AgentEvent, AgentEventName, Data, SpanOutcome};
use runtime_otel::{OtelConfig, replay, replay_log};

use crate::support::{Rig, Told, Traces, said};

/// All that an exporter is told of each span, in the order of their ids.
pub(crate) fn whole(spans: &[SpanData]) -> Vec<String> {
    let mut spans: Vec<_> = spans.iter().collect();
    spans.sort_by_key(|span| {
        let context = &span.span_context;
        (context.trace_id().to_bytes(), context.span_id().to_bytes())
    });
    let links = |span: &SpanData| {
        let link = |it: &opentelemetry::trace::Link| {
            format!("{:?}", (it.span_context.trace_id(), it.span_context.span_id(), &it.attributes))
        };
        span.links.iter().map(link).collect::<Vec<_>>()
    };
    spans
        .into_iter()
        .map(|it| {
            format!(
                "{:?}",
                (
                    (it.span_context.trace_id(), it.span_context.span_id(), it.parent_span_id),
                    (&it.name, &it.span_kind, it.start_time, it.end_time),
                    (&it.attributes, &it.status, links(it)),
                    it.events.iter().collect::<Vec<_>>(),
                )
            )
        })
        .collect()
}

/// The spans of events, through their JSON.
pub(crate) fn replayed(config: &OtelConfig, events: &[AgentEvent]) -> Vec<SpanData> {
    let traces = Traces::new();
    let log: String = events.iter().map(|event| event.to_json() + "\n").collect();
    let replayed =
        replay_log(traces.tracer(), config.clone(), log.as_bytes()).expect("memory does not fail");
    assert_eq!(replayed.unread, 0);
    traces.spans()
}

fn run() -> Vec<AgentEvent> {
    let mut writer = Told::new(1, "writer").labelled("workflow", "nightly");
    let mut events = vec![writer.started()];
    let (turn, event) = writer.turn("gpt-5");
    events.push(event);
    let (attempt, event) = writer.attempt(turn, Data::new().with("attempt", 1));
    events.push(event);
    let name = AgentEventName::AttemptFailed;
    events.push(writer.end(name, attempt, Some(turn), SpanOutcome::Failed));
    events.push(writer.turn_ended(turn, SpanOutcome::Failed));
    events.push(writer.ended(SpanOutcome::Failed));
    events
}
#[test]
fn a_replay_gives_the_spans_and_ids_that_there_were_live() {
    let (rig, events) = (Rig::new(), run());
    for event in &events {
        rig.emit(event);
    }
    assert_eq!(whole(&replayed(&OtelConfig::default(), &events)), whole(&rig.spans()));
    assert_eq!(
        whole(&replayed(&OtelConfig::default(), &events)),
        whole(&replayed(&OtelConfig::default(), &events)),
        "and each time"
    );

    let agent = rig.span("invoke_agent writer");
    let (id, root) = (events[0].session_id.as_deref().unwrap(), events[0].span.unwrap());
    assert_eq!(agent.span_context.trace_id().to_string(), id);
    assert_eq!(agent.span_context.span_id().to_string(), root.to_string());
}

#[test]
fn a_run_that_was_cut_off_is_seen_up_to_there() {
    let events = run();
    for kept in 0..=events.len() {
        let traces = Traces::new();
        let stats = replay(traces.tracer(), OtelConfig::default(), &events[..kept]);
        let spans = traces.spans();
        let begun = [0, 1, 2, 3, 3, 3, 3][kept];
        let open = [0, 1, 2, 3, 2, 1, 0][kept];
        assert_eq!((stats.begun, stats.abandoned, stats.open), (begun, open, 0));
        let workflow = usize::from(kept > 0);
        assert_eq!(spans.len() as u64, begun + workflow as u64);
        let Some(last) = kept.checked_sub(1).map(|last| events[last].emitted_at.into()) else {
            continue;
        };
        for span in &spans {
            assert!(span.end_time <= last);
            if said(span).get("error.type") == Some(&"abandoned".into()) {
                assert_eq!(span.end_time, last);
            }
        }
    }
}

#[test]
fn torn_lines_and_unknown_names_are_counted_as_unread() {
    let mut log = String::from("\n{\"event\":\"agent.exploded\",\"status\":\"running\"}\r\n");
    for event in run() {
        log += &event.to_json();
        log.push('\n');
    }
    let torn = log.len() - 40;
    let mut log = log.into_bytes();
    log.truncate(torn);
    log.push(0xff);
    let traces = Traces::new();
    let replayed = replay_log(traces.tracer(), OtelConfig::default(), &*log).unwrap();
    assert_eq!(replayed.unread, 2);
    assert_eq!((replayed.spans.begun, replayed.spans.abandoned), (3, 1));
}
