//! Amounts, and payloads of providers from `tests/data/usage`.

use runtime_usage::{ModelPricing, StreamUsage, Usd};
use serde_json::Value;

/// Reads an amount.
pub(crate) fn usd(text: &str) -> Usd {
    text.parse().expect("the amount is well-formed")
}

/// The payload in this file.
macro_rules! payload {
    ($name:literal) => {
        serde_json::from_str::<serde_json::Value>(include_str!(concat!(
            "../data/usage/",
            $name,
            ".json"
        )))
        .expect("a payload is JSON")
    };
}

/// The events in this file, one per line.
macro_rules! events {
    ($name:literal) => {
        include_str!(concat!("../data/usage/", $name, ".jsonl"))
            .lines()
            .map(|line| serde_json::from_str(line).expect("an event is JSON"))
            .collect::<Vec<serde_json::Value>>()
    };
}

pub(crate) use {events, payload};

/// Input, output, cache write and cache read, in cents per million.
pub(crate) fn prices(input: u64, output: u64, write: u64, read: u64) -> ModelPricing {
    ModelPricing::per_million(Usd::from_cents(input), Usd::from_cents(output))
        .cache_write(Usd::from_cents(write))
        .cache_read(Usd::from_cents(read))
}

/// Feeds all events to `stream`.
pub(crate) fn fed(mut stream: StreamUsage, events: &[Value]) -> StreamUsage {
    for event in events {
        stream.push(event).expect("the event is sound");
    }
    stream
}
