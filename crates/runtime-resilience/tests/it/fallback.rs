//! What changes before another attempt.

use runtime_resilience::{next_provider, smaller_context_budget};

#[test]
fn the_next_provider_is_the_first_other_one() {
    let providers = [String::from("openai"), String::from("anthropic"), String::from("local")];
    assert_eq!(next_provider(&providers, "openai"), Some("anthropic"));
    assert_eq!(next_provider(&providers, "local"), Some("openai"));
    assert_eq!(next_provider(&providers, "elsewhere"), Some("openai"));
    assert_eq!(next_provider(&["local", "local"], "local"), None);
    assert_eq!(next_provider::<&str>(&[], "local"), None);
}

#[test]
fn a_context_budget_is_rounded_down() {
    assert_eq!(smaller_context_budget(309_227, 0.75), 231_920);
    assert_eq!(smaller_context_budget(0, 0.75), 0);
    assert_eq!(smaller_context_budget(10, 1.5), 15);
}

#[test]
fn a_senseless_reduction_saturates() {
    assert_eq!(smaller_context_budget(10, -1.0), 0);
    assert_eq!(smaller_context_budget(10, f64::NEG_INFINITY), 0);
    assert_eq!(smaller_context_budget(10, f64::NAN), 0);
    assert_eq!(smaller_context_budget(10, f64::INFINITY), u64::MAX);
}

#[test]
fn a_huge_context_does_not_grow_by_rounding() {
    let odd = (1 << 53) + 3;
    assert_eq!(smaller_context_budget(odd, 1.0), odd);
    assert_eq!(smaller_context_budget(u64::MAX, 1.0), u64::MAX);
}
