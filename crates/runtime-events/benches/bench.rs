//! What one event costs: to build, to write and to read.

use std::hint::black_box;
use std::sync::Arc;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};

/// What a turn emits when it is answered; names are shared, as in a session.
fn turn_completed(role: &Arc<str>, phase: &Arc<str>, session: &Arc<str>, seq: u64) -> AgentEvent {
    let at = DateTime::from_timestamp_nanos(1_779_278_400_123_456_000);
    let data = Data::with_capacity(4)
        .with("model", "gpt-5")
        .with("input_tokens", 1_200)
        .with("output_tokens", 340)
        .with("duration_ms", 1_834);
    let mut event = AgentEvent::new(AgentEventName::TurnCompleted, AgentEventStatus::Running, at)
        .with_role(role.clone())
        .with_phase(phase.clone())
        .with_project(42)
        .with_data(data)
        .with_span(SpanId::from_u64(seq), Some(SpanId::from_u64(1)))
        .with_outcome(SpanOutcome::Ok);
    event.session_id = Some(session.clone());
    event.seq = Some(seq);
    event
}

fn sample() -> AgentEvent {
    turn_completed(&"writer".into(), &"draft".into(), &"5f0c2a7e9b314d68".into(), 17)
}

fn build(c: &mut Criterion) {
    c.bench_function("event/build", |b| {
        let (role, phase, session) = ("writer".into(), "draft".into(), "5f0c2a7e9b314d68".into());
        b.iter(|| turn_completed(black_box(&role), &phase, &session, black_box(17)));
    });
}

fn to_json(c: &mut Criterion) {
    c.bench_function("event/to_json", |b| {
        let event = sample();
        b.iter(|| black_box(&event).to_json());
    });
}

fn from_json(c: &mut Criterion) {
    c.bench_function("event/from_json", |b| {
        let json = sample().to_json();
        b.iter(|| AgentEvent::from_json(black_box(&json)));
    });
}

criterion_group!(benches, build, to_json, from_json);
criterion_main!(benches);
