//! What one event costs: to build, to write, to parse and to read.

use std::hint::black_box;
use std::sync::Arc;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::payload::{TurnEnded, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanId, SpanOutcome};

/// What a turn emits when it is answered; names are shared, as in a session.
fn turn_completed(role: &Arc<str>, phase: &Arc<str>, session: &Arc<str>, seq: u64) -> AgentEvent {
    let at = DateTime::from_timestamp_nanos(1_779_278_400_123_456_000);
    let ended = TurnEnded {
        model: Some(Word::Literal("gpt-5")),
        input_tokens: Some(1_200),
        output_tokens: Some(340),
        cost_usd: Some(0.0049),
        ..TurnEnded::default()
    };
    let mut event = AgentEvent::new(AgentEventName::TurnCompleted, AgentEventStatus::Running, at)
        .with_role(role.clone())
        .with_phase(phase.clone())
        .with_project(42)
        .with_data(ended.data())
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

fn read(c: &mut Criterion) {
    c.bench_function("event/read", |b| {
        let event = sample();
        b.iter(|| TurnEnded::of(black_box(&event)).total_input());
    });
}

criterion_group!(benches, build, to_json, from_json, read);
criterion_main!(benches);
