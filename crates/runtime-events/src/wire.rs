//! The JSON of an event: the original's keys, then the envelope, and only what is set.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::data::Data;
use crate::event::{AgentEvent, Labels};
use crate::failure::AgentFailureClass;
use crate::name::{AgentEventName, AgentEventStatus};
use crate::span::{SpanId, SpanOutcome};
use crate::time::{Clock, Stamp, SystemClock};

/// A text that is not the JSON of an event.
///
/// The message names the field, and the value where there is one.
#[derive(Debug, Error)]
#[error("not an agent event: {source}")]
#[non_exhaustive]
pub struct EventParseError {
    #[from]
    source: serde_json::Error,
}

impl AgentEvent {
    /// The event as one line of JSON.
    pub fn to_json(&self) -> String {
        // Maps with string keys and JSON values cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads an event from its JSON.
    ///
    /// Keys it does not know are ignored, and so is `type`, which repeats `event`. A missing
    /// `emitted_at` becomes the present time.
    ///
    /// # Errors
    ///
    /// [`EventParseError`] if the text is not a JSON object, if `event` or `status` is missing,
    /// or if a field does not hold what it should.
    ///
    /// ```
    /// use runtime_events::AgentEvent;
    ///
    /// let error = AgentEvent::from_json(r#"{"event":"agent.exploded","status":"running"}"#);
    /// assert!(error.unwrap_err().to_string().contains("unknown event name `agent.exploded`"));
    /// ```
    pub fn from_json(json: &str) -> Result<Self, EventParseError> {
        Ok(serde_json::from_str(json)?)
    }
}

impl Serialize for AgentEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("event", &self.event)?;
        map.serialize_entry("type", self.event.short())?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("emitted_at", Stamp::new(self.emitted_at).as_str())?;
        set(&mut map, "role", self.role.as_deref())?;
        set(&mut map, "phase", self.phase.as_deref())?;
        set(&mut map, "project_id", self.project_id)?;
        set(&mut map, "failure_class", self.failure_class)?;
        set(&mut map, "detail", self.detail.as_deref())?;
        set(&mut map, "data", self.data.as_ref())?;
        set(&mut map, "session_id", self.session_id.as_deref())?;
        set(&mut map, "seq", self.seq)?;
        set(&mut map, "elapsed_ns", self.elapsed.map(nanos))?;
        set(&mut map, "span", self.span)?;
        set(&mut map, "parent", self.parent)?;
        set(&mut map, "outcome", self.outcome)?;
        set(&mut map, "labels", self.labels.as_deref())?;
        map.end()
    }
}

fn set<M: SerializeMap>(
    map: &mut M,
    key: &'static str,
    value: Option<impl Serialize>,
) -> Result<(), M::Error> {
    value.map_or(Ok(()), |value| map.serialize_entry(key, &value))
}

impl<'de> Deserialize<'de> for AgentEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire<'a> {
            event: AgentEventName,
            status: AgentEventStatus,
            #[serde(borrow)]
            emitted_at: Option<Cow<'a, str>>,
            role: Option<Arc<str>>,
            phase: Option<Arc<str>>,
            project_id: Option<i64>,
            failure_class: Option<AgentFailureClass>,
            detail: Option<String>,
            data: Option<Data>,
            session_id: Option<Arc<str>>,
            seq: Option<u64>,
            elapsed_ns: Option<u64>,
            span: Option<SpanId>,
            parent: Option<SpanId>,
            outcome: Option<SpanOutcome>,
            labels: Option<Labels>,
        }

        let wire = Wire::deserialize(deserializer)?;
        let at = match wire.emitted_at {
            Some(text) => parse_stamp(&text).map_err(de::Error::custom)?,
            None => SystemClock.utc_now(),
        };
        let mut event = Self::new(wire.event, wire.status, at);
        event.role = wire.role;
        event.phase = wire.phase;
        event.project_id = wire.project_id;
        event.failure_class = wire.failure_class;
        event.detail = wire.detail.map(Cow::Owned);
        event.data = wire.data;
        event.session_id = wire.session_id;
        event.seq = wire.seq;
        event.elapsed = wire.elapsed_ns.map(Duration::from_nanos);
        event.span = wire.span;
        event.parent = wire.parent;
        event.outcome = wire.outcome;
        event.labels = wire.labels.map(Arc::new);
        Ok(event)
    }
}

/// 584 years at most.
fn nanos(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn parse_stamp(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .map(|at| at.with_timezone(&Utc))
        .map_err(|error| format!("emitted_at `{text}` is not an RFC 3339 time: {error}"))
}
