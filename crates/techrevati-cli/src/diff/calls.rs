//! The calls of a cassette.

use std::collections::HashMap;

use runtime_testkit::cassette::{Port, Recording};
use serde_json::{Value, json};

use super::Step;

/// `calls` have no volatile fields.
pub(super) fn steps(calls: Vec<Recording>) -> Vec<Step> {
    let mut counts: HashMap<(Port, String), u64> = HashMap::new();
    let step = |call: Recording| {
        let count = counts.entry((call.port, call.name.clone())).or_default();
        *count += 1;
        let name = if call.name.is_empty() { String::new() } else { format!(" `{}`", call.name) };
        let what = match call.port {
            Port::Tool => format!("tool{name}"),
            Port::Value => format!("value{name}"),
            port => port.to_string(),
        };
        let chunks: Vec<Value> = call.chunks.into_iter().map(|(_, chunk)| chunk).collect();
        let head = call.opened.map(|opened| opened.head);
        let facts = json!({
            "port": call.port,
            "name": call.name,
            "request": call.request,
            "head": head,
            "chunks": chunks,
            "end": call.end,
        });
        let place = format!("call {}, number {count} of its kind", call.call);
        Step { session: 0, place, name: what, facts }
    };
    calls.into_iter().map(step).collect()
}
