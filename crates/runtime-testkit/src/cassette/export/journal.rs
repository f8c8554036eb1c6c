//! The steps of a durable thread.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use runtime_resilience::RecordedFailure;
use runtime_store::{
    EntryKind, FailureKind, IntentRecord, OutcomeRecord, StepKey, StepKind, StepName, Stored,
};
use serde_json::{Value, json};

use super::Export;
use crate::cassette::format::{End, Port, Recording};

pub(super) fn read(entries: &[Stored], export: &mut Export) {
    let mut begun: HashMap<StepKey, (StepName, DateTime<Utc>)> = HashMap::new();
    let (mut before, mut sealed, mut refused) = (None, 0, 0);
    for Stored { at, entry, .. } in entries {
        match entry.kind {
            EntryKind::INTENT => {
                let intent = serde_json::from_slice::<IntentRecord>(&entry.body);
                match (intent, entry.step) {
                    (Ok(intent), Some(step)) => drop(begun.insert(step, (intent.step, *at))),
                    _ => sealed += 1,
                }
            }
            // The call that is answered is the last one.
            EntryKind::ATTEMPT => {
                if let Some((_, from)) = entry.step.and_then(|step| begun.get_mut(&step)) {
                    *from = *at;
                }
            }
            EntryKind::OUTCOME => {
                let outcome = serde_json::from_slice::<OutcomeRecord<Value>>(&entry.body);
                let Ok(outcome) = outcome else {
                    sealed += 1;
                    continue;
                };
                let intent = entry.step.and_then(|step| begun.remove(&step));
                // Without an intent, it began after what was written before.
                let (intended, from) = match intent {
                    Some((name, from)) => (Some(name), from),
                    None => (None, before.unwrap_or(*at)),
                };
                if let Some(name) = outcome.step.or(intended) {
                    match recording(&name, *at, outcome.ok, outcome.error) {
                        Some(recording) => export.add((from, *at), recording),
                        None => refused += usize::from(is_call(&name)),
                    }
                }
            }
            _ => {}
        }
        before = Some(*at);
    }
    export.miss(sealed, "its record cannot be read, or is sealed");
    export.miss(refused, "it was refused before it was made");
}

const fn is_call(name: &StepName) -> bool {
    matches!(name.kind, StepKind::Turn | StepKind::Tool)
}

fn recording(
    name: &StepName,
    at: DateTime<Utc>,
    ok: Option<Value>,
    error: Option<runtime_store::FailureRecord>,
) -> Option<Recording> {
    let end = match error {
        None => End::Reply(ok.unwrap_or_default()),
        Some(failure) => match failure.kind {
            FailureKind::Failed => {
                End::Error(Box::new(RecordedFailure::told(&failure.text, failure.class, at)))
            }
            FailureKind::TimedOut => End::Dropped,
            // The call was not made.
            _ => return None,
        },
    };
    Some(match name.kind {
        StepKind::Turn => {
            let request = json!({ "model": &*name.name });
            Recording { any: true, ..Recording::of(Port::Model, "", request, end) }
        }
        StepKind::Tool => {
            Recording { any: true, ..Recording::of(Port::Tool, &name.name, Value::Null, end) }
        }
        StepKind::Value => Recording::of(Port::Value, &name.name, Value::Null, end),
        _ => return None,
    })
}
