//! Canonical JSON is JSON of the same value, and its own canonical form.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_store::canonical_json;
use serde_json::Value;

fuzz_target!(|text: &str| {
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        let canonical = canonical_json(&value);
        let again: Value = serde_json::from_str(&canonical).expect("it is JSON");
        assert_eq!(canonical_json(&again), canonical);
    }
});
