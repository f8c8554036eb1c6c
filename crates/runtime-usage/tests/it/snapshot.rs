//! Tokens of a turn.

use runtime_usage::UsageSnapshot;

#[test]
fn json_has_the_original_s_keys_and_survives_the_way_back() {
    let usage = UsageSnapshot::new(1, 2).cache_write(3).cache_read(4);
    let json =
        r#"{"input_tokens":1,"output_tokens":2,"cache_write_tokens":3,"cache_read_tokens":4}"#;
    assert_eq!(usage.to_json(), json);
    assert_eq!(UsageSnapshot::from_json(json).unwrap(), usage);
}

#[test]
fn missing_counts_are_zero_and_unknown_keys_are_ignored() {
    let usage =
        UsageSnapshot::from_json(r#"{"output_tokens": 2, "tokens_of_tomorrow": 9}"#).unwrap();
    assert_eq!(usage, UsageSnapshot::new(0, 2));
    assert!(UsageSnapshot::from_json("{}").unwrap().is_empty());
}

#[test]
fn bad_counts_are_refused_with_field_and_value() {
    for (json, parts) in [
        (r#"{"cache_read_tokens": -5}"#, ["`cache_read_tokens`", "`-5`"]),
        (r#"{"output_tokens": 1.5}"#, ["`output_tokens`", "`1.5`"]),
        (r#"{"input_tokens": "9"}"#, ["`input_tokens`", "\"9\""]),
        (r#"{"input_tokens": 1} x"#, ["`.`", "trailing characters"]),
        ("[1, 2", ["`.`", "EOF"]),
    ] {
        let text = UsageSnapshot::from_json(json).unwrap_err().to_string();
        assert!(parts.iter().all(|part| text.contains(part)), "{json}: {text}");
    }
}

#[test]
fn sums_are_checked_or_saturate() {
    let usage = UsageSnapshot::new(1, 2).cache_write(3).cache_read(4);
    let full = UsageSnapshot::new(u64::MAX, 0);
    let doubled = UsageSnapshot::new(2, 4).cache_write(6).cache_read(8);
    assert_eq!(usage.checked_add(&usage), Some(doubled));
    assert_eq!(usage.saturating_add(&usage), doubled);
    assert_eq!(usage.checked_add(&full), None);
    assert_eq!(usage.saturating_add(&full).input_tokens, u64::MAX);
    assert_eq!(full.saturating_add(&usage).total_tokens(), u64::MAX);
}
