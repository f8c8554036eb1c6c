//! Any entries are a journal or an error that names the entry: a line is the number of a kind, a step and a body.
#![no_main]

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use runtime_store::{Entry, EntryKind, Fingerprint, Fold, StepKey, Stored};

fuzz_target!(|text: &str| {
    let mut fold = Fold::new();
    for (seq, line) in (1..).zip(text.lines()) {
        let mut parts = line.splitn(3, ' ');
        let kind = parts.next().and_then(|kind| kind.parse().ok()).unwrap_or(1);
        let step = parts.next().and_then(|step| step.parse::<u8>().ok());
        let body = parts.next().unwrap_or("{}").as_bytes().to_vec();
        let entry = Entry {
            kind: EntryKind::from_code(kind),
            version: Entry::VERSION,
            step: step.map(|step| StepKey::from([step; 16])),
            print: step.map(|step| Fingerprint::from([step; 16])),
            body,
        };
        let stored = Stored { seq, fence: 1, at: DateTime::UNIX_EPOCH, entry };
        if let Err(error) = fold.apply(stored) {
            assert!(!error.to_string().is_empty());
            return;
        }
    }
    let _ = (fold.totals(), fold.open(), fold.checkpoint());
});
