//! A text without its secrets is the same when it is cleaned again, and JSON stays JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_events::without_secrets;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let clean = without_secrets(text);
    assert_eq!(without_secrets(&clean), clean);
    if serde_json::from_str::<Value>(text).is_ok() {
        assert!(serde_json::from_str::<Value>(&clean).is_ok(), "{clean}");
    }
});
