//! Benchmarks of this crate: pricing a model, recording a turn, reading the totals, gathering usage
//! from a stream.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

#[path = "parts/stream.rs"]
mod stream;

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, UsageTracker, Usd};

/// As many models as public price lists name.
const MODELS: usize = 3_000;

const USAGE: UsageSnapshot = UsageSnapshot::new(12_000, 800).cache_read(30_000);

fn name(number: usize) -> String {
    let families = ["anthropic/claude", "gpt", "openrouter/meta/llama", "google/gemini", "mistral"];
    let family = families[number % families.len()];
    format!("{family}-{}-{}", number / 7, ["mini", "large", "turbo"][number % 3])
}

fn price_list() -> String {
    let mut list = String::from(r#"{"models": {"#);
    for number in 0..MODELS {
        let comma = if number == 0 { "" } else { "," };
        let prices = r#"{"input_per_million": 0.15, "output_per_million": 0.6}"#;
        write!(list, r#"{comma}"{}": {prices}"#, name(number)).unwrap();
    }
    list + "}}"
}

fn table() -> PricingTable {
    PricingTable::from_json(&price_list()).unwrap()
}

fn pricing(c: &mut Criterion) {
    c.bench_function("usage/cost_of_a_turn", |b| {
        let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
        b.iter(|| black_box(pricing).cost(black_box(&USAGE)));
    });
    c.bench_function("usage/resolve_exact_3000", |b| {
        let (table, model) = (table(), name(1_234));
        b.iter(|| table.get(black_box(&model)));
    });
    c.bench_function("usage/resolve_dated_mixed_case_3000", |b| {
        let (table, model) = (table(), format!("{}-20260514", name(1_234).to_uppercase()));
        b.iter(|| table.get(black_box(&model)));
    });
    c.bench_function("usage/resolve_unknown_3000", |b| {
        let table = table();
        b.iter(|| table.get(black_box("local/nobody-knows-it")));
    });
    c.bench_function("usage/load_3000_models", |b| {
        let list = price_list();
        b.iter(|| PricingTable::from_json(black_box(&list)));
    });
}

fn tracking(c: &mut Criterion) {
    c.bench_function("usage/record_turn", |b| {
        let (tracker, model) = (UsageTracker::with_pricing(table()), name(1_234));
        b.iter(|| tracker.record_turn(black_box(&model), black_box(&USAGE)));
    });
    c.bench_function("usage/record_turn_alternating_models", |b| {
        let (tracker, models) = (UsageTracker::with_pricing(table()), [name(1_234), name(5)]);
        let mut turn = 0;
        b.iter(|| {
            turn ^= 1;
            tracker.record_turn(black_box(&models[turn]), black_box(&USAGE))
        });
    });
    c.bench_function("usage/total_cost_after_1m_turns", |b| {
        let (tracker, model) = (UsageTracker::with_pricing(table()), name(1_234));
        for _ in 0..1_000_000 {
            let _ = tracker.record_turn(&model, &USAGE);
        }
        b.iter(|| black_box(&tracker).total_cost());
    });
}

fn money(c: &mut Criterion) {
    c.bench_function("usage/usd_parse", |b| {
        b.iter(|| black_box("1234.567891").parse::<Usd>());
    });
    c.bench_function("usage/usd_from_f64", |b| {
        b.iter(|| Usd::try_from(black_box(1_234.567_891)));
    });
}

criterion_group!(benches, pricing, tracking, money, stream::streams);
criterion_main!(benches);
