//! Quality levels and the gate.

use runtime_policy::{QualityGate, QualityLevel};

#[test]
fn levels_are_ordered_and_named() {
    let words: Vec<_> = QualityLevel::ALL.iter().map(|level| level.as_str()).collect();
    assert_eq!(words, ["minimal", "standard", "strict", "release"]);
    assert!(QualityLevel::ALL.is_sorted());
    for level in QualityLevel::ALL {
        let outcome = serde_json::to_value(QualityGate::new(*level).evaluate(None)).unwrap();
        assert_eq!(outcome["required_level"], level.as_str().to_uppercase());
        assert_eq!(level.as_str().parse(), Ok(*level));
    }
}

#[test]
fn gate_requires_at_least_its_level() {
    for &required in QualityLevel::ALL {
        let gate = QualityGate::new(required);
        assert!(!gate.evaluate(None).satisfied);
        for &observed in QualityLevel::ALL {
            let outcome = gate.evaluate(Some(observed));
            assert_eq!(outcome.satisfied, observed as u8 >= required as u8);
            assert_eq!(outcome.satisfied, observed >= required);
            assert_eq!(
                (outcome.required_level, outcome.observed_level),
                (required, Some(observed))
            );
        }
    }
}

#[test]
fn unknown_level_is_refused_by_name() {
    let error = serde_json::from_str::<QualityLevel>(r#""superb""#).unwrap_err();
    assert!(error.to_string().starts_with("unknown quality level `superb`"), "{error}");
}
