//! Events: JSON in both directions, and attributes.

use serde::Deserialize;
use serde_json::{Map, Value};
use techrevati_runtime::events::AgentEvent;

use super::support::{Verdict, every, same, same_json, shape};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RoundTrip {
    json: String,
    expect: Value,
    otel: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    json: String,
    error: bool,
}

#[test]
fn every_event_vector_agrees() {
    every("events", |case: Value| match case.get("error") {
        Some(_) => refused(&shape(case)?),
        None => round_trip(&shape(case)?),
    });
}

fn refused(case: &Refused) -> Verdict {
    same("refused", &AgentEvent::from_json(&case.json).is_err(), &case.error)
}

fn round_trip(case: &RoundTrip) -> Verdict {
    let event = AgentEvent::from_json(&case.json).map_err(|e| e.to_string())?;
    let written: Value = serde_json::from_str(&event.to_json()).map_err(|e| e.to_string())?;
    same_json("json", &written, &case.expect)?;
    // In the caller's data `3.0` does not become `3`.
    let given: Value = serde_json::from_str(&case.json).map_err(|e| e.to_string())?;
    same("data", &written.get("data"), &given.get("data").filter(|data| !data.is_null()))?;
    let again = AgentEvent::from_json(&event.to_json()).map_err(|e| e.to_string())?;
    same("read again", &again, &event)?;
    let attributes = event.to_otel_attributes().into_iter();
    let attributes: Map<String, Value> = attributes
        .map(|(key, value)| (key.to_owned(), serde_json::to_value(value).unwrap()))
        .collect();
    same_json("otel", &attributes.into(), &case.otel)
}
