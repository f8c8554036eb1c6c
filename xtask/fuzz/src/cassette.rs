//! Any text is a cassette or an error with its line, and its requests are compared without a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_testkit::cassette::{Cassette, differences};

fuzz_target!(|text: &str| {
    match Cassette::at("case.jsonl").recordings_of(text) {
        Ok(recordings) => {
            for pair in recordings.windows(2) {
                let _ = differences(&pair[0].request, &pair[1].request);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
