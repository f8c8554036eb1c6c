//! The JSON of an event: the original's keys, then the envelope, and only what is set.

#[macro_use]
mod line;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use self::line::{Key, Line, Write};
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
#[error("not an agent event: {cause}")]
#[non_exhaustive]
pub struct EventParseError {
    cause: serde_json::Error,
}

impl AgentEvent {
    /// The event as one line of JSON.
    pub fn to_json(&self) -> String {
        let mut line = Vec::with_capacity(USUAL);
        self.write_json(&mut line);
        String::from_utf8(line).unwrap_or_default()
    }

    /// Appends the event as one line of JSON, without the end of the line.
    pub fn write_json(&self, line: &mut Vec<u8>) {
        let begin = line.len();
        let Ok(()) = self.write_to(&mut Line(line));
        // Each key is written behind a comma, and `event` is always there.
        line[begin] = b'{';
        line.push(b'}');
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
        serde_json::from_str(json).map_err(|cause| EventParseError { cause })
    }
}

/// The bytes of most events.
const USUAL: usize = 512;

impl AgentEvent {
    /// Writes all that is set, in the order of the JSON.
    fn write_to<W: Write>(&self, to: &mut W) -> Result<(), W::Error> {
        to.word(key!("event"), Some(self.event.as_str().as_bytes()))?;
        to.word(key!("type"), Some(self.event.short().as_bytes()))?;
        to.word(key!("status"), Some(self.status.as_str().as_bytes()))?;
        to.word(key!("emitted_at"), Some(Stamp::new(self.emitted_at).as_bytes()))?;
        to.text(key!("role"), self.role.as_deref())?;
        to.text(key!("phase"), self.phase.as_deref())?;
        to.any(key!("project_id"), self.project_id)?;
        to.text(key!("failure_class"), self.failure_class.map(AgentFailureClass::as_str))?;
        to.text(key!("detail"), self.detail.as_deref())?;
        to.data(key!("data"), self.data.as_ref())?;
        to.text(key!("session_id"), self.session_id.as_deref())?;
        to.any(key!("seq"), self.seq)?;
        to.any(key!("elapsed_ns"), self.elapsed.map(nanos))?;
        to.word(key!("span"), self.span.map(SpanId::digits).as_ref().map(<[u8; 16]>::as_slice))?;
        to.word(
            key!("parent"),
            self.parent.map(SpanId::digits).as_ref().map(<[u8; 16]>::as_slice),
        )?;
        to.text(key!("outcome"), self.outcome.map(SpanOutcome::as_str))?;
        to.any(key!("labels"), self.labels.as_deref())
    }
}

impl Serialize for AgentEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = Entries(serializer.serialize_map(None)?);
        self.write_to(&mut map)?;
        map.0.end()
    }
}

/// The entries of any serialiser's map.
struct Entries<M>(M);

impl<M: SerializeMap> Write for Entries<M> {
    type Error = M::Error;

    fn any<T: Serialize>(&mut self, key: Key, value: Option<T>) -> Result<(), M::Error> {
        value.map_or(Ok(()), |value| self.0.serialize_entry(key.name, &value))
    }
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
