//! Digests as text.

use runtime_store::{ApprovalDigest, StepKey};

#[test]
fn only_hexadecimal_digits_are_a_digest() {
    let key: StepKey = "00ff00ff00ff00ff00ff00ff00ff00ff".parse().unwrap();
    assert_eq!(key.to_string(), "00ff00ff00ff00ff00ff00ff00ff00ff");
    for odd in ["+0ff00ff00ff00ff00ff00ff00ff00ff", "00ff00ff00ff00ff00ff00ff00ff00fé", "00ff", ""]
    {
        assert!(odd.parse::<StepKey>().is_err(), "{odd}");
    }
    let error = "00fg".parse::<ApprovalDigest>().unwrap_err();
    assert_eq!(error.to_string(), "digest must be 32 bytes, 64 hexadecimal digits; found 1 bytes");
}
