//! What a thread has cost by its entries, counted without the library's fold.

use std::collections::HashMap;

use runtime_store::{
    AttemptRecord, CheckpointRecord, EntryKind, IntentRecord, OutcomeRecord, StepKey, Stored,
};
use runtime_usage::Usd;
use serde_json::Value;

use super::cost;

/// A call that was announced.
struct Announced {
    /// The life that made it.
    fence: u64,
    /// What its attempts cost that were settled.
    settled: Usd,
    /// What its last attempt costs if its outcome is lost.
    reserved: Usd,
}

impl Announced {
    fn lost(&self) -> Usd {
        self.settled.saturating_add(self.reserved)
    }
}

/// The bill of an outcome is that of all attempts of its life. Calls of other lives are lost.
pub(super) fn recount(entries: &[Stored]) -> Result<Usd, String> {
    let mut announced: HashMap<StepKey, Vec<Announced>> = HashMap::new();
    let mut sum = Usd::ZERO;
    let text = |error: serde_json::Error| error.to_string();
    for (place, Stored { fence, entry, .. }) in entries.iter().enumerate() {
        let calls = entry.step.map(|step| announced.entry(step).or_default());
        match (entry.kind, calls) {
            // What was before it may be gone.
            (EntryKind::CHECKPOINT, _) if place == 0 => {
                let record: CheckpointRecord<Value> =
                    serde_json::from_slice(&entry.body).map_err(text)?;
                sum = cost(&record.totals);
            }
            (EntryKind::INTENT, Some(calls)) => {
                let IntentRecord { reserved, .. } =
                    serde_json::from_slice(&entry.body).map_err(text)?;
                calls.push(Announced { fence: *fence, settled: Usd::ZERO, reserved });
            }
            (EntryKind::ATTEMPT, Some(calls)) => {
                let AttemptRecord { before, reserved, .. } =
                    serde_json::from_slice(&entry.body).map_err(text)?;
                let call = calls.last_mut().ok_or("an attempt of nothing")?;
                call.settled = call.settled.saturating_add(before.cost);
                call.reserved = reserved;
            }
            (EntryKind::OUTCOME, Some(calls)) => {
                let OutcomeRecord::<Value> { bill, .. } =
                    serde_json::from_slice(&entry.body).map_err(text)?;
                calls.pop_if(|last| last.fence == *fence);
                let bill = bill.map(|bill| bill.cost);
                sum = calls.drain(..).map(|call| call.lost()).chain(bill).chain([sum]).sum();
            }
            _ => {}
        }
    }
    Ok(announced.values().flatten().map(Announced::lost).chain([sum]).sum())
}
