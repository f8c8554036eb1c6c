//! Parts that are used alone.

use std::future::ready;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Waker};

use chrono::DateTime;
use runtime_events::payload::{TurnEnded, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanId, SpanOutcome};
use runtime_resilience::{CircuitBreaker, Demand, Fault, Provider, RateLimiter, RateLimits};
use runtime_usage::{Account, Limit, ModelPricing, UsageFormat, Usd};

use crate::Work;

/// As `OpenAI` sends them.
const HEADERS: &[(&str, &str)] = &[
    ("date", "Wed, 01 Jul 2026 12:00:00 GMT"),
    ("content-type", "application/json; charset=utf-8"),
    ("openai-processing-ms", "14"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-limit-tokens", "30000"),
    ("x-ratelimit-remaining-requests", "499"),
    ("x-ratelimit-remaining-tokens", "0"),
    ("x-ratelimit-reset-requests", "120ms"),
    ("x-ratelimit-reset-tokens", "634ms"),
    ("retry-after", "1"),
    ("retry-after-ms", "634"),
    ("x-request-id", "req_8d1e"),
];

const REFUSAL: &str = r#"{"error":{"message":"Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM)","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#;

const REPLY: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5","choices":[{"index":0,"message":{"role":"assistant","content":"Yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1200,"completion_tokens":340,"total_tokens":1540,"prompt_tokens_details":{"cached_tokens":1024,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":256,"audio_tokens":0}}}"#;

pub(crate) fn breaker_call() -> Work {
    let breaker = CircuitBreaker::new("openai");
    Box::new(move || {
        black_box(&breaker).call(|| Ok::<_, ()>(black_box(1))).unwrap();
    })
}

pub(crate) fn breaker_call_async() -> Work {
    let breaker = CircuitBreaker::new("openai");
    Box::new(move || {
        let call = pin!(black_box(&breaker).call_async(|| ready(Ok::<_, ()>(black_box(1)))));
        assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    })
}

pub(crate) fn limiter() -> Work {
    const MANY: NonZeroU32 = NonZeroU32::MAX;
    let limits =
        RateLimits::default().requests_per_minute(MANY).input_tokens_per_minute(MANY.into());
    let limiter = RateLimiter::new("openai", limits);
    let ask = Demand::request().input_tokens(900);
    let used = Demand::request().input_tokens(870);
    Box::new(move || limiter.try_reserve(black_box(ask)).unwrap().adjust(black_box(used)))
}

pub(crate) fn account() -> Work {
    let rich = || Limit::enforced(Usd::from_dollars(8_000_000));
    let account = Account::new(rich()).child(rich()).child(rich());
    let (worst, cost) = (Usd::from_cents(4), Usd::from_cents(1));
    Box::new(move || {
        black_box(account.reserve(black_box(worst)).unwrap().settle(black_box(cost)).cost);
    })
}

pub(crate) fn fault() -> Work {
    let headers = HEADERS.to_vec();
    Box::new(move || {
        let (body, now) = (REFUSAL.as_bytes(), DateTime::UNIX_EPOCH);
        black_box(Fault::from_response(Provider::OpenAi, 429, &headers, black_box(body), now));
    })
}

pub(crate) fn usage() -> Work {
    let price = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    Box::new(move || {
        let reply = serde_json::from_str(black_box(REPLY)).unwrap();
        let reported = UsageFormat::OpenAiChat.read(&reply).unwrap();
        black_box(price.cost(&reported.tokens));
    })
}

fn event() -> AgentEvent {
    let at = DateTime::from_timestamp_nanos(1_779_278_400_123_456_000);
    let ended = TurnEnded {
        model: Some(Word::Literal("gpt-5")),
        input_tokens: Some(1_200),
        output_tokens: Some(340),
        cost_usd: Some(0.0049),
        ..TurnEnded::default()
    };
    let mut event = AgentEvent::new(AgentEventName::TurnCompleted, AgentEventStatus::Running, at)
        .with_role("writer")
        .with_phase("draft")
        .with_data(ended.data())
        .with_span(SpanId::from_u64(17), Some(SpanId::from_u64(1)))
        .with_outcome(SpanOutcome::Ok);
    event.session_id = Some("5f0c2a7e9b314d68".into());
    event.seq = Some(17);
    event
}

pub(crate) fn event_to_json() -> Work {
    let event = event();
    Box::new(move || drop(black_box(black_box(&event).to_json())))
}

pub(crate) fn event_from_json() -> Work {
    let json = event().to_json();
    Box::new(move || drop(black_box(AgentEvent::from_json(black_box(&json)).unwrap())))
}
