//! Any bytes are a log, and what is read of it has every projection.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use runtime_report::{PageConfig, Timeline};
use runtime_sinks::LogReader;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = LogReader::read("log", Cursor::new(bytes.to_vec()));
    let events: Vec<_> = (&mut reader).filter_map(|entry| entry.ok()?.event().cloned()).collect();
    let report = reader.report();
    assert_eq!(report.events, events.len() as u64);

    let timeline = Timeline::read(&events);
    let _ = timeline.stats();
    let _ = timeline.html(&PageConfig::default());
    let _ = timeline.mermaid();
    let trace = timeline.chrome_trace();
    assert!(serde_json::from_str::<Value>(&trace).is_ok(), "{trace}");
});
