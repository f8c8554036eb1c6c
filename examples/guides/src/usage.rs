//! The code of `docs/usage.md`.

use serde_json::json;
use techrevati_runtime::prelude::*;
use techrevati_runtime::usage::{ServiceTier, StreamUsage, UsageFormat, UsageTracker};

fn amounts() -> Result<(), BoxError> {
    let cost: Usd = "0.0033125".parse()?;
    assert_eq!(cost.nanos(), 3_312_500);
    assert_eq!(cost.to_string(), "$0.0033125");
    assert_eq!(cost.rounded(), "$0.0033");

    let left = Usd::from_dollars(1).signed_sub(Usd::from_cents(120));
    assert_eq!(left.to_string(), "-$0.20");
    Ok(())
}

fn a_tracker() -> Result<(), BoxError> {
    let prices = PricingTable::from_json(
        r#"{"models": {"gpt-5": {"input_per_million": 1.25, "output_per_million": 10}}}"#,
    )?;
    let tracker = UsageTracker::with_pricing(prices);
    let turn = tracker.record_turn("gpt-5-2026-05-14", &UsageSnapshot::new(12_000, 800));
    assert_eq!(turn.cost, Usd::from_nanos(23_000_000));
    assert_eq!(tracker.total_cost().to_string(), "$0.023");
    assert_eq!(tracker.totals().turns, 1);
    Ok(())
}

fn a_response() -> Result<(), BoxError> {
    let body = json!({
        "model": "gpt-5-2026-05-14",
        "service_tier": "flex",
        "usage": {
            "prompt_tokens": 2_006,
            "completion_tokens": 300,
            "total_tokens": 2_306,
            "prompt_tokens_details": {"cached_tokens": 1_920},
            "completion_tokens_details": {"reasoning_tokens": 128},
        },
    });
    let usage = UsageFormat::OpenAiChat.read(&body)?;
    assert_eq!(usage.tokens, UsageSnapshot::new(86, 300).cache_read(1_920).reasoning(128));
    assert_eq!(usage.tier, Some(ServiceTier::Flex));
    assert_eq!(usage.model.as_deref(), Some("gpt-5-2026-05-14"));
    Ok(())
}

fn a_stream() -> Result<(), BoxError> {
    let mut stream = StreamUsage::new(UsageFormat::Anthropic).input_estimate(1_000);
    for event in [
        json!({"type": "message_start", "message": {
            "model": "claude-sonnet-4-5",
            "usage": {"input_tokens": 25, "cache_read_input_tokens": 4_000, "output_tokens": 1},
        }}),
        json!({"type": "content_block_delta", "delta": {"text": "The sky is blue because"}}),
    ] {
        stream.push(&event)?;
    }
    let so_far = stream.usage();
    assert!(so_far.estimated, "the stream may end here");
    assert_eq!(so_far.tokens, UsageSnapshot::new(25, 6).cache_read(4_000));

    stream.push(&json!({
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 42},
    }))?;
    assert!(stream.is_complete());
    assert_eq!(stream.usage().tokens, UsageSnapshot::new(25, 42).cache_read(4_000));
    Ok(())
}

fn a_missing_count() -> Result<(), BoxError> {
    let usage = UsageFormat::Ollama.read(&json!({"done": true, "eval_count": 3}))?;
    assert_eq!(usage.tokens, UsageSnapshot::new(0, 3));
    assert_eq!(usage.missing, ["prompt_eval_count"]);
    Ok(())
}

fn contradicting_counts() -> Result<(), BoxError> {
    let usage = json!({"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 120}});
    let usage = UsageFormat::OpenAiChat.read(&usage)?;
    assert_eq!(usage.tokens, UsageSnapshot::new(100, 0).cache_read(120));
    assert_eq!(usage.missing, ["completion_tokens", "prompt_tokens_details.cached_tokens"]);
    Ok(())
}

pub(crate) fn run() -> Result<(), BoxError> {
    amounts()?;
    a_tracker()?;
    a_response()?;
    a_stream()?;
    a_missing_count()?;
    contradicting_counts()
}
