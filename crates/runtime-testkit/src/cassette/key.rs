//! The key of a request: calls with one key are the same call.

use std::collections::BTreeSet;

use runtime_store::Fingerprint;
use serde_json::{Value, json};

use super::format::Port;

/// The fields of requests that differ in each run, as JSON pointers. A `*` stands for any index or key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Volatile(BTreeSet<String>);

impl Volatile {
    pub(crate) fn add(&mut self, pointer: impl Into<String>) {
        self.0.insert(pointer.into());
    }

    pub(crate) fn pointers(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }

    /// The request without them.
    pub(crate) fn strip(&self, mut request: Value) -> Value {
        for pointer in &self.0 {
            let mut steps = pointer.split('/');
            // What is before the first slash: a pointer begins with one.
            steps.next();
            remove(&mut request, &steps.map(unescaped).collect::<Vec<_>>());
        }
        request
    }
}

impl Extend<String> for Volatile {
    fn extend<I: IntoIterator<Item = String>>(&mut self, pointers: I) {
        self.0.extend(pointers);
    }
}

/// The key of a request that has no secrets and no volatile fields.
///
/// A digest of the canonical form, so that neither white space nor the order of fields matters.
pub(crate) fn key(port: Port, name: &str, request: &Value) -> Fingerprint {
    Fingerprint::of_json(&json!([port, name, request]))
}

fn unescaped(step: &str) -> String {
    step.replace("~1", "/").replace("~0", "~")
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((step, rest)) = path.split_first() else { return };
    let any = step == "*";
    match value {
        Value::Object(fields) if rest.is_empty() => fields.retain(|name, _| !any && name != step),
        Value::Object(fields) => {
            let inside = fields.iter_mut().filter(|(name, _)| any || *name == step);
            inside.for_each(|(_, field)| remove(field, rest));
        }
        Value::Array(items) => {
            let at: Option<usize> = step.parse().ok();
            for (index, item) in items.iter_mut().enumerate() {
                if !any && at != Some(index) {
                    continue;
                }
                if rest.is_empty() {
                    // The places of the others stay.
                    *item = Value::Null;
                } else {
                    remove(item, rest);
                }
            }
        }
        _ => {}
    }
}
