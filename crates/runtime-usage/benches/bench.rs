//! Benchmarks: pricing a model, recording a turn, reading the totals, reading usage from a stream.
#![expect(clippy::unwrap_used, reason = "a benchmark may fail by panicking")]

#[path = "parts/accounts.rs"]
mod accounts;
#[path = "parts/stream.rs"]
mod stream;

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use runtime_usage::{
    ModelPrices, ModelPricing, PriceReader, PricingTable, ReportedUsage, ServiceTier,
    UsageSnapshot, UsageTracker, Usd,
};

/// The number of models in public price lists.
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

/// A list as large as the published one: an entry of its sample, under other names.
fn litellm_list() -> String {
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../tests/data/litellm.json")).unwrap();
    let entry = serde_json::to_string_pretty(&sample["gpt-5.4"]).unwrap();
    let entries: Vec<_> =
        (0..MODELS).map(|number| format!(r#""{}": {entry}"#, name(number))).collect();
    format!("{{{}}}", entries.join(","))
}

fn models_dev_list() -> String {
    let models = r#"{"cost": {"input": 5, "output": 30, "cache_read": 0.5, "tiers": [
        {"input": 10, "output": 45, "cache_read": 1, "tier": {"type": "context", "size": 272000}}]}}"#;
    let models: Vec<_> =
        (0..MODELS / 30).map(|number| format!(r#""{}": {models}"#, name(number))).collect();
    let models = models.join(",");
    let providers: Vec<_> =
        (0..30).map(|number| format!(r#""p{number}": {{"models": {{{models}}}}}"#)).collect();
    format!("{{{}}}", providers.join(","))
}

fn genai_list() -> String {
    let sample: serde_json::Value =
        serde_json::from_str(include_str!("../tests/data/genai_prices.json")).unwrap();
    let models = vec![sample[0]["models"][1].clone(); MODELS / 30];
    let models = serde_json::to_string(&models).unwrap();
    let providers: Vec<_> =
        (0..30).map(|number| format!(r#"{{"id": "p{number}", "models": {models}}}"#)).collect();
    format!("[{}]", providers.join(","))
}

fn published(c: &mut Criterion) {
    for (form, list) in [
        ("litellm", litellm_list()),
        ("models_dev", models_dev_list()),
        ("genai_prices", genai_list()),
    ] {
        assert_eq!(PriceReader::new().read(&list).unwrap().models, MODELS);
        c.bench_function(&format!("usage/load_3000_models_{form}"), |b| {
            b.iter(|| PricingTable::from_json(black_box(&list)));
        });
    }
    let table = PricingTable::from_json(&litellm_list()).unwrap();
    let (model, long) = (name(1_234), UsageSnapshot::new(250_000, 800).cache_read(50_000));
    c.bench_function("usage/price_with_explain", |b| {
        b.iter(|| table.price(black_box(&model), black_box(&long), ServiceTier::Flex));
    });
    c.bench_function("usage/record_reported_turn", |b| {
        let tracker = UsageTracker::with_pricing(table.clone());
        let usage = ReportedUsage::from(long).tier(ServiceTier::Flex);
        b.iter(|| tracker.record(black_box(&model), black_box(&usage), ServiceTier::Standard));
    });
    let prices: &ModelPrices = &table.prices(&model).unwrap();
    c.bench_function("usage/worst_case", |b| {
        b.iter(|| prices.worst_case(black_box(&long), ServiceTier::Standard));
    });
    c.bench_function("usage/output_tokens_for", |b| {
        let left = Usd::from_dollars(3);
        b.iter(|| prices.output_tokens_for(black_box(&long), left, ServiceTier::Standard));
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

criterion_group!(benches, pricing, tracking, money, accounts::budgets, published, stream::streams);
criterion_main!(benches);
