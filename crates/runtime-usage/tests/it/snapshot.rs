//! Tokens of a turn.

use runtime_usage::UsageSnapshot;

#[test]
fn json_has_the_python_keys_and_round_trips() {
    let usage = UsageSnapshot::new(1, 2).cache_write(3).cache_read(4);
    let json =
        r#"{"input_tokens":1,"output_tokens":2,"cache_write_tokens":3,"cache_read_tokens":4}"#;
    assert_eq!(serde_json::to_string(&usage).unwrap(), json);
    assert_eq!(UsageSnapshot::from_json(json).unwrap(), usage);
}

#[test]
fn missing_counts_are_zero_and_unknown_keys_are_ignored() {
    let usage =
        UsageSnapshot::from_json(r#"{"output_tokens": 2, "tokens_of_tomorrow": 9}"#).unwrap();
    assert_eq!(usage, UsageSnapshot::new(0, 2));
    assert_eq!(UsageSnapshot::from_json("{}").unwrap(), UsageSnapshot::default());
}

#[test]
fn invalid_counts_are_refused_with_field_and_value() {
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
fn sums_saturate() {
    let usage = UsageSnapshot::new(1, 2)
        .cache_write(3)
        .cache_read(4)
        .cache_write_1h(5)
        .input_audio(6)
        .output_audio(7)
        .reasoning(1);
    let doubled = UsageSnapshot::new(2, 4)
        .cache_write(6)
        .cache_read(8)
        .cache_write_1h(10)
        .input_audio(12)
        .output_audio(14)
        .reasoning(2);
    assert_eq!(usage.saturating_add(&usage), doubled);

    let full = UsageSnapshot::new(u64::MAX, 0);
    assert_eq!(usage.saturating_add(&full).input_tokens, u64::MAX);
    assert_eq!(full.saturating_add(&usage).total_input_tokens(), u64::MAX);
}
