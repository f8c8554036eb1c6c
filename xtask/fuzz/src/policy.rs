//! Any text is a policy or an error with its path, and a policy is written and read back equal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_policy::{PermissionPolicy, PolicyCondition, PolicyEngine};

fuzz_target!(|text: &str| {
    if let Ok(condition) = PolicyCondition::from_json(text) {
        let json = serde_json::to_string(&condition).expect("it came from JSON");
        assert_eq!(PolicyCondition::from_json(&json).expect("it was written"), condition);
    }
    if let Ok(policy) = PermissionPolicy::from_json(text) {
        let json = serde_json::to_string(&policy).expect("it came from JSON");
        assert_eq!(PermissionPolicy::from_json(&json).expect("it was written"), policy);
    }
    let _ = PolicyEngine::from_json(text);
});
