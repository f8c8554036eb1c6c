//! What one event costs: to build, to look through for secrets, to write, to parse and to read.

use std::hint::black_box;
use std::sync::Arc;

use chrono::DateTime;
use criterion::{Criterion, criterion_group, criterion_main};
use runtime_events::payload::{TurnEnded, Word};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, SpanId, SpanOutcome, without_secrets,
};

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

fn remove_secrets(c: &mut Criterion) {
    c.bench_function("event/remove_secrets", |b| {
        let mut event = sample().with_detail("429 from the provider: try again in 20 s".to_owned());
        event.data = event.data.map(|data| data.with("provider", "anthropic".to_owned()));
        b.iter(|| black_box(&mut event).remove_secrets());
    });
}

fn without(c: &mut Criterion) {
    let texts = [
        ("name", "claude-opus-4-5-20251101"),
        (
            "detail",
            "rate_limit, status 429: Rate limit reached for gpt-4o in organization org-abc on \
             tokens per min (TPM): Limit 30000, Used 29500, Requested 1200. Please try again in 1.4s.",
        ),
        (
            "secret",
            "invalid_api_key, status 401: Incorrect API key provided: sk-proj-abcDEF1234567890.",
        ),
    ];
    for (name, text) in texts {
        c.bench_function(&format!("secrets/{name}"), |b| {
            b.iter(|| without_secrets(black_box(text)).len());
        });
    }
}

criterion_group!(benches, build, remove_secrets, without, to_json, from_json, read);
criterion_main!(benches);
