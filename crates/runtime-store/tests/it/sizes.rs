//! What the replay of a long thread allocates. Unlike its time, it is exact.

use std::sync::Arc;

use allocation_counter::measure;
use chrono::DateTime;
use runtime_store::{
    BillRecord, Entry, EntryKind, Fold, IntentRecord, OutcomeRecord, Step, StepKind, StepName,
    Stored,
};
use runtime_usage::{UsageSnapshot, Usd};
use serde_json::Value;

const TURNS: u32 = 10_000;

/// Ten thousand turns of a model: an intent and an outcome each.
fn entries() -> Vec<Stored> {
    let mut entries = Vec::new();
    for ordinal in 0..TURNS {
        let (kind, name, scope) = (StepKind::Turn, "gpt-5".into(), "".into());
        let name = StepName { kind, name, scope, keyed: false };
        let step = Step::in_order(name, &Value::Null, (0, ordinal));
        let model = &step.name.name;
        let intent =
            IntentRecord { model: Some(Arc::clone(model)), ..IntentRecord::of(&step.name) };
        let bill = BillRecord {
            model: Arc::clone(model),
            usage: UsageSnapshot::new(1_200, 80),
            cost: Usd::from_cents(1),
            attempts: 1,
            ..BillRecord::default()
        };
        let outcome = OutcomeRecord::of(Ok("a reply")).billed(Some(bill));
        let bodies = [
            (EntryKind::INTENT, serde_json::to_vec(&intent).expect("JSON")),
            (EntryKind::OUTCOME, serde_json::to_vec(&outcome).expect("JSON")),
        ];
        for (kind, body) in bodies {
            let (key, print) = (Some(step.key), Some(step.print));
            let entry = Entry { kind, version: 1, step: key, print, body };
            let seq = entries.len() as u64 + 1;
            entries.push(Stored { seq, fence: 1, at: DateTime::UNIX_EPOCH, entry });
        }
    }
    entries
}

#[test]
fn an_entry_allocates_neither_its_body_nor_its_names_again() {
    let entries = entries();
    let mut fold = Fold::new();
    let counted =
        measure(|| entries.into_iter().for_each(|entry| fold.apply(entry).expect("it fits")));
    assert_eq!(fold.totals().iterations, TURNS);
    // A list of intents, and a part of the maps.
    let turns = u64::from(TURNS);
    let (allocations, bytes) = (counted.count_total, counted.bytes_total / turns);
    println!("{allocations} allocations in {turns} turns, {bytes} bytes a turn");
    assert!(allocations <= 2 * turns, "{allocations}");
}
