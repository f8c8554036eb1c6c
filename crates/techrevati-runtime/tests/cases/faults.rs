//! Replies of providers and gateways, and what each means.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::events::{Clock, ManualClock};
use techrevati_runtime::resilience::{Fault, Provider};

use super::support::compare;

#[derive(Clone, Deserialize)]
pub(crate) struct Reply {
    pub(crate) provider: Provider,
    pub(crate) status: Option<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    stream: bool,
}

impl Reply {
    /// Whether it is inside a stream, which began with status 200.
    pub(crate) const fn is_streamed(&self) -> bool {
        self.stream || self.status.is_none()
    }

    fn fault(&self) -> Fault {
        let now = ManualClock::new().utc_now();
        let body = self.body.as_bytes();
        match self.status {
            Some(status) if !self.is_streamed() => {
                Fault::from_response(self.provider, status, &self.headers, body, now)
            }
            _ => {
                let event = serde_json::from_str(&self.body);
                let event = event.unwrap_or_else(|_| Value::String(self.body.clone()));
                Fault::from_stream_error(self.provider, &event, now)
            }
        }
    }
}

/// The fields of `expect` that the fault does not have, as `field found for expected`.
pub(crate) fn differs(fault: &Fault, expect: &Value) -> Vec<String> {
    let expect = expect.as_object().expect("an object");
    let told = |field: &str| -> Value {
        match field {
            "kind" => fault.kind.as_str().into(),
            "here" => fault.retry.into(),
            "elsewhere" => fault.elsewhere.into(),
            "asked" => fault.asked.as_ref().map(Duration::as_secs_f64).into(),
            "counts" => fault.counts.into(),
            "billed" => fault.may_be_billed().into(),
            "cools" => fault.cools.as_str().into(),
            other => panic!("`{other}` is no field of a fault"),
        }
    };
    let agrees = |found: &Value, expected: &Value| match expected {
        Value::Array(accepted) => accepted.contains(found),
        Value::Number(number) => number.as_f64() == found.as_f64(),
        other => found == other,
    };
    let differing = expect.iter().filter(|(field, expected)| !agrees(&told(field), expected));
    differing
        .map(|(field, expected)| format!("{field} is {} and not {expected}", told(field)))
        .collect()
}

/// Those that people met, and those of providers' own documentation and of their servers' sources.
#[test]
fn faults_agree() {
    compare("provider", "", |reply: &Reply, expect| differs(&reply.fault(), expect));
}
