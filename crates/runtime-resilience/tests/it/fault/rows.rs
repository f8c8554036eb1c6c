//! The tables themselves, and rows of a user's own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use runtime_resilience::{
    Fault, FaultKind, FaultRule, FaultRules, FaultScope, Provider, ReplyField, TimeoutPhase,
};
use serde_json::json;

use super::now;

/// The rows of a provider, or those for any.
fn table(provider: Provider, of: &str) -> Vec<String> {
    let rows = FaultRules::built_in(provider).map(ToString::to_string);
    rows.filter(|row| row.starts_with(&format!("| {of} |"))).collect()
}

#[test]
fn the_guide_lists_every_row_and_every_kind_in_order() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let page = fs::read_to_string(page).unwrap();
    let mut tables: Vec<Vec<String>> =
        Provider::ALL.iter().map(|&provider| table(provider, provider.as_str())).collect();
    tables.push(table(Provider::Other, "any"));
    for table in tables.iter().filter(|table| !table.is_empty()) {
        let table = table.join("\n") + "\n";
        assert!(page.contains(&format!("|\n{table}\n")), "docs/faults.md lacks\n{table}");
    }
    let mut kinds = String::new();
    for kind in every_kind() {
        let fault = Fault::of(kind);
        let yes = |yes| if yes { "yes" } else { "no" };
        let (retry, elsewhere, counts) =
            (yes(fault.retry), yes(fault.elsewhere), yes(fault.counts));
        let (cools, reach, scenario) = (fault.cools, fault.reach, fault.scenario());
        writeln!(
            kinds,
            "| {kind} | {retry} | {elsewhere} | {cools} | {counts} | {reach} | `{scenario}` |"
        )
        .unwrap();
    }
    assert!(page.contains(&kinds), "docs/faults.md lacks\n{kinds}");
}

/// As the guide lists them: a timeout of the connection is unlike the others.
fn every_kind() -> impl Iterator<Item = FaultKind> {
    let phases = [TimeoutPhase::Connect, TimeoutPhase::Provider].map(FaultKind::Timeout);
    FaultKind::ALL.into_iter().flat_map(move |kind| match kind {
        FaultKind::Timeout(_) => phases.to_vec(),
        kind => vec![kind],
    })
}

#[test]
fn no_row_comes_twice_for_one_provider() {
    for &provider in Provider::ALL {
        let rows: Vec<_> = FaultRules::built_in(provider).map(ToString::to_string).collect();
        let different: BTreeSet<_> = rows.iter().collect();
        assert_eq!(rows.len(), different.len(), "{provider}");
    }
}

#[test]
fn no_row_retries_a_kind_that_cannot_pass() {
    for &provider in Provider::ALL {
        for row in FaultRules::built_in(provider) {
            let fault = row.fault();
            assert!(fault.kind.may_pass() || !fault.retry, "{row}");
        }
    }
    assert!(!FaultRule::any(FaultKind::Quota).again_here().fault().retry);
    assert!(FaultRule::any(FaultKind::Request).again_here().fault().retry);
}

#[test]
fn own_rows_go_first_and_only_if_they_match() {
    let busy = FaultRule::new(Provider::OpenAi, FaultKind::Overload)
        .status(429, 430)
        .says(ReplyField::Type, &["tokens", "requests"])
        .mentions(ReplyField::Message, &["GPU"])
        .cools(FaultScope::Provider)
        .counts(false)
        .elsewhere(false)
        .never_here();
    let rules =
        FaultRules::default().row(busy).row(FaultRule::any(FaultKind::Local).status(418, 418));
    let kind = |provider, status, kind: &str, message: &str| {
        let body = json!({"error": {"type": kind, "message": message}});
        rules.of_json(provider, status, &(), &body, now()).kind
    };
    let rate = FaultKind::RateLimit;
    assert_eq!(kind(Provider::OpenAi, 429, "Tokens", "no gpu is free"), FaultKind::Overload);
    assert_eq!(kind(Provider::OpenAi, 429, "tokens", "wait"), rate);
    assert_eq!(kind(Provider::OpenAi, 429, "other", "no GPU is free"), rate);
    assert_eq!(kind(Provider::OpenAi, 431, "tokens", "no GPU is free"), FaultKind::Request);
    assert_eq!(kind(Provider::Azure, 429, "tokens", "no GPU is free"), rate);
    assert_eq!(kind(Provider::Azure, 418, "", ""), FaultKind::Local);

    let starts =
        FaultRule::any(FaultKind::Tool).begins(ReplyField::Message, &["tool", "die Maschine"]);
    let by_start = FaultRules::default().row(starts);
    for (text, expected) in [
        ("Tool failed", FaultKind::Tool),
        ("die maschine", FaultKind::Tool),
        ("the tool", FaultKind::Auth),
        ("too", FaultKind::Auth),
        ("toöl", FaultKind::Auth),
    ] {
        let body = json!({"error": text});
        assert_eq!(by_start.of_json(Provider::Other, 401, &(), &body, now()).kind, expected);
    }

    let body = br#"{"error":{"type":"tokens","message":"GPU"}}"#;
    let fault = rules.of_response(Provider::OpenAi, 430, &(), body, now());
    let expected = (FaultKind::Overload, false, false, FaultScope::Provider, false);
    assert_eq!(super::facts(&fault), expected);
    let event = json!({"error": {"code": 418}});
    assert_eq!(rules.of_stream_error(Provider::Other, &event, now()).kind, FaultKind::Local);
}
