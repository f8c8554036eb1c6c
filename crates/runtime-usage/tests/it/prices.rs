//! Prices: the cost of a turn, the price of a model, and price files.

use std::error::Error;
use std::path::PathBuf;

use runtime_usage::{
    ModelPrices, ModelPricing, NameMatch, PricingFileError, PricingTable, UsageSnapshot,
    UsageTracker, Usd, has_pricing, load_pricing_from_file, register_pricing,
};

fn flat(dollars: u64) -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(dollars), Usd::from_dollars(dollars))
}

/// A file that is removed when the test ends.
struct TempFile(PathBuf);

impl TempFile {
    fn new(test: &str, content: impl AsRef<[u8]>) -> Self {
        let name = format!("runtime-usage-{}-{test}.json", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).expect("the folder for temporary files is writable");
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn cost_is_rounded_once_half_even() {
    // Each of the four items is 0.4 nano; together they are 1.6, which is 2.
    let tiny = Usd::from_nanos(400_000);
    let pricing = ModelPricing::per_million(tiny, tiny).cache_write(tiny).cache_read(tiny);
    let usage = UsageSnapshot::new(1, 1).cache_write(1).cache_read(1);
    assert_eq!(pricing.cost(&usage), Usd::from_nanos(2));

    let half = ModelPricing::per_million(Usd::from_nanos(500_000), Usd::ZERO);
    let costs = [1, 2, 3, 4, 5].map(|tokens| half.cost(&UsageSnapshot::new(tokens, 0)).nanos());
    assert_eq!(costs, [0, 1, 2, 2, 2]);
}

#[test]
fn cost_is_exact_beyond_64_bits() {
    let pricing = ModelPricing::per_million(Usd::from_nanos(500_000), Usd::from_dollars(15));
    let usage = UsageSnapshot::new(3, 5_000_000_000);
    assert_eq!(pricing.cost(&usage), Usd::from_nanos(75_000 * 1_000_000_000 + 2));
}

#[test]
fn cost_saturates() {
    let all =
        ModelPricing::per_million(Usd::MAX, Usd::MAX).cache_write(Usd::MAX).cache_read(Usd::MAX);
    let most = UsageSnapshot::new(u64::MAX, u64::MAX).cache_write(u64::MAX).cache_read(u64::MAX);
    assert_eq!(all.cost(&most), Usd::MAX);
}

#[test]
fn compatible_table_matches_the_longest_beginning() {
    let table = PricingTable::by_beginning();
    for (name, price) in [("gpt", 1), ("GPT-4", 2), ("gpt-4-turbo", 3), ("Локальная", 4)] {
        table.register(name, flat(price)).unwrap();
    }
    for (model, price) in [
        ("gpt-4", Some(2)),
        ("gpt-4-TURBO", Some(3)),
        ("gpt-4-turbo-2026", Some(3)),
        ("gpt-4-tur", Some(2)),
        ("gpt-5", Some(1)),
        ("GPT", Some(1)),
        ("gp", None),
        ("", None),
        ("ЛОКАЛЬНАЯ-7b", Some(4)),
        ("zeta", None),
    ] {
        assert_eq!(table.get(model), price.map(flat), "{model}");
    }
}

#[test]
fn unknown_model_takes_no_price_of_a_known_beginning() {
    let table = PricingTable::new();
    for (name, price) in [("gpt-5", 1), ("gpt-5.5", 2), ("anthropic.claude-opus-4-6", 3)] {
        table.register(name, flat(price)).unwrap();
    }
    let found = |name: &str| table.resolve(name).map(|found| ((*found.prices).clone(), found.how));
    let is = |price, how| Some((ModelPrices::from(flat(price)), how));
    assert_eq!(found("GPT-5.5"), is(2, NameMatch::Exact));
    assert_eq!(found("gpt-5.5-2026-05-14"), is(2, NameMatch::Version));
    assert_eq!(found("us.anthropic.claude-opus-4-6"), is(3, NameMatch::Place));
    for other in ["gpt-5.5-pro", "gpt-5-mini", "gpt-5.6", "gpt-55", "gpt-5o", "claude-opus-4-6"] {
        assert_eq!(found(other), None, "{other}");
    }
}

#[test]
fn names_of_any_length_and_script_are_found() {
    let table = PricingTable::new();
    let long = "Model-".repeat(100);
    table.register(&long, flat(1)).unwrap();
    assert_eq!(table.get(&format!("{}@latest", long.to_uppercase())), Some(flat(1)));
    // A name that ends within a character of another is another name.
    table.register("é", flat(2)).unwrap();
    assert_eq!(table.get("è"), None);
}

#[test]
fn register_returns_the_replaced_price() {
    let table = PricingTable::new();
    let clone = table.clone();
    assert_eq!(table.register("m", flat(1)), Ok(None));
    assert_eq!(table.register("M", flat(2)), Ok(Some(flat(1))));
    assert_eq!(clone.get("m"), Some(flat(2)), "a clone shares the prices");
    assert_eq!(table.to_vec().len(), 1);
}

#[test]
fn blank_model_name_is_refused() {
    let table = PricingTable::new();
    for name in ["", "  ", "\t"] {
        let error = table.register(name, flat(1)).unwrap_err();
        assert_eq!(error.to_string(), "model name must not be empty");
    }
    assert!(table.to_vec().is_empty());
}

#[test]
fn own_price_format_is_read() {
    let table = PricingTable::from_json(
        r#"{
            "_comment": "prices of May",
            "_schema": {"input_per_million": "float"},
            "models": {
                "Model-A": {"input_per_million": 3, "output_per_million": 15.0,
                            "cache_write_per_million": 3.75, "cache_read_per_million": 0.3},
                "model-b": {"input_per_million": 0.0375, "output_per_million": 0.15},
                "MODEL-B": {"input_per_million": 1, "output_per_million": 1}
            }
        }"#,
    )
    .unwrap();
    let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
        .cache_write(Usd::from_cents(375))
        .cache_read(Usd::from_cents(30));
    assert_eq!(table.get("model-a"), Some(pricing));
    assert_eq!(table.get("model-b"), Some(flat(1)), "the later entry holds");
    let names: Vec<_> = table.to_vec().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["model-a".into(), "model-b".into()]);
}

#[test]
fn invalid_list_is_refused_with_path_and_value() {
    const OK: &str = r#"{"input_per_million": 1, "output_per_million": 1}"#;
    let with = |prices: &str| format!(r#"{{"models": {{"ok": {OK}, "m": {prices}}}}}"#);
    for (json, at, part) in [
        (
            with(r#"{"input_per_million": -1, "output_per_million": 1}"#),
            "models.m.input_per_million",
            "`-1`",
        ),
        (
            with(r#"{"input_per_million": 1, "output_per_million": "2"}"#),
            "models.m.output_per_million",
            "\"2\"",
        ),
        (
            with(r#"{"input_per_million": 1e999, "output_per_million": 1}"#),
            "models.m.input_per_million",
            "out of range",
        ),
        (
            with(r#"{"input_per_million": NaN, "output_per_million": 1}"#),
            "models.m.input_per_million",
            "line 1",
        ),
        (with(r#"{"input_per_million": 1}"#), "models.m", "`output_per_million`"),
        (
            with(r#"{"input_per_million": 1, "output_per_million": 1, "cash": 2}"#),
            "models.m.cash",
            "`cash`",
        ),
        (with("7"), "models.m", "`7`"),
        (format!(r#"{{"models": {{" ": {OK}}}}}"#), "models", "model name must not be empty"),
        (r#"{"models": {}, "extra": 1}"#.to_owned(), ".", "`extra`"),
        (r#"{"models": {}, "models": {}}"#.to_owned(), ".", "duplicate"),
        (r#"{"models": []}"#.to_owned(), "models", "sequence"),
        ("{}".to_owned(), ".", "unknown format"),
        ("[]".to_owned(), ".", "sequence"),
        (r#"{"models": {}} {"#.to_owned(), ".", "trailing"),
        (r#"{"models": {"#.to_owned(), "models.?", "EOF"),
    ] {
        let error = PricingTable::from_json(&json).expect_err(&json);
        assert!(error.at == at && error.to_string().contains(part), "{json}: {error}");
        assert!(error.source().is_none(), "the text has all of it");
    }
}

#[test]
fn invalid_file_changes_nothing_and_is_named() {
    let file = TempFile::new(
        "half-right",
        r#"{"models": {
            "known": {"input_per_million": 9, "output_per_million": 9},
            "new": {"input_per_million": 1, "output_per_million": 1},
            "broken": {"input_per_million": 1, "output_per_million": -1}
        }}"#,
    );
    let table = PricingTable::new();
    table.register("known", flat(1)).unwrap();
    let before = table.to_vec();

    let error = table.load_file(&file.0).unwrap_err();
    assert_eq!(error.to_string(), format!("invalid price file `{}`", file.0.display()));
    let text = error.source().unwrap().to_string();
    assert!(text.contains("models.broken.output_per_million") && text.contains("`-1`"), "{text}");
    assert!(matches!(error, PricingFileError::Parse { .. }));
    assert_eq!(table.to_vec(), before);
}

#[test]
fn unreadable_file_is_named() {
    let table = PricingTable::new();
    let error = table.load_file("no/such/prices.json").unwrap_err();
    assert_eq!(error.to_string(), "cannot read price file `no/such/prices.json`");
    assert!(error.source().is_some());

    let file = TempFile::new("not-text", b"\xff\xfe{");
    assert!(matches!(table.load_file(&file.0), Err(PricingFileError::Read { .. })));
}

#[test]
fn missing_price_is_reported_once_per_model() {
    let table = PricingTable::new();
    let first = |model: &str| {
        let tracker = UsageTracker::with_pricing(table.clone());
        tracker.record_turn(model, &UsageSnapshot::new(1, 1)).first_unpriced
    };
    assert!(first("Local-7b"));
    assert!(!first("local-7B"));
    assert!(!first("LOCAL-7B"));
    assert!(!first(""));
    let reported = (0..5_000).filter(|number| first(&format!("m{number}"))).count();
    assert_eq!(reported, 1_023, "the number of remembered names is bounded");
}

/// The only test that changes the table of the process.
#[test]
fn global_table_functions_work() {
    assert!(!has_pricing("global-model"));
    register_pricing("Global-Model", flat(1)).unwrap();
    assert!(has_pricing("global-model-2026-05-14"));
    let list = r#"{"models": {"Global-File": {"input_per_million": 2, "output_per_million": 2}}}"#;
    let file = TempFile::new("global", list);
    assert_eq!(load_pricing_from_file(&file.0).unwrap(), 1);
    assert_eq!(PricingTable::global().get("global-file"), Some(flat(2)));
}

#[test]
fn versions_of_a_name_have_its_price_and_near_misses_have_none() {
    let table = PricingTable::new();
    table.register("m", flat(1)).unwrap();
    for version in [
        "m-latest",
        "m:latest",
        "m@latest",
        "m@default",
        "m@001",
        "m-001",
        "m@20260514",
        "m-20260514",
        "m-20261231",
        "m-260514",
        "m-0613",
        "m-1231",
        "m-2411",
        "m-3912",
        "m-2026-05-14",
        "m-05-20",
        "m-12-31",
        "m-09-2025",
        "M-LATEST",
    ] {
        assert!(table.prices(version).is_some(), "{version}");
    }
    for other in [
        "m-default",
        "m:default",
        "m:001",
        "m:20260514",
        "m@1",
        "m@0001",
        "m-100",
        "m-01",
        "m-0001",
        "m-20261314",
        "m-20260014",
        "m-20260532",
        "m-20260500",
        "m-19990514",
        "m-2o260514",
        "m-261314",
        "m-260532",
        "m-26o514",
        "m-1301",
        "m-0632",
        "m-0600",
        "m-2213",
        "m-4012",
        "m-2413",
        "m-o613",
        "m-2026-13-14",
        "m-2026-05-32",
        "m-13-20",
        "m-05-32",
        "m-05-2",
        "m-5-20",
        "m-13-2025",
        "m-09-1999",
        "m-09-202",
        "m-09-20255",
        "m-ab-cd",
        "m-09-20ab",
        "m-v1",
        "m-1",
        "m-aé1",
        "m--latest",
        "m-2026051",
        "m-202605144",
    ] {
        assert!(table.prices(other).is_none(), "{other}");
    }
}
