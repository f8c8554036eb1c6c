//! Any text is an event or an error, and an event is written and read back equal.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_events::AgentEvent;

fuzz_target!(|text: &str| {
    if let Ok(event) = AgentEvent::from_json(text) {
        let again = AgentEvent::from_json(&event.to_json()).expect("what was written is read");
        assert_eq!(again, event);
    }
});
