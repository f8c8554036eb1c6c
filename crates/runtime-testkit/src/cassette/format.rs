//! The lines of a cassette: one head, then one line per call.

use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::wire_names;
use runtime_resilience::RecordedFailure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the format.
    pub(crate) cassette: u32,
    /// When the recording began: the wall clock of a replay begins there.
    pub(crate) recorded: DateTime<Utc>,
    /// The seed of its ids and random numbers, in hexadecimal digits.
    pub(crate) seed: String,
    /// The fields of requests that differ in each run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) volatile: Vec<String>,
    /// What it was made from, if no run was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
}

wire_names! {
    /// The side of the program at which a call was recorded.
    #[non_exhaustive]
    pub enum Port: "port" {
        /// A model, with a whole reply.
        Model = "model",
        /// A model, with a reply in chunks.
        Stream = "stream",
        /// A tool.
        Tool = "tool",
        /// A value that another run would find different: a time, a random number.
        Value = "value",
        /// A request over HTTP.
        Http = "http",
    }
}

/// A recorded call: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recording {
    /// The number of the call, from 1, by its beginning.
    pub call: u64,
    /// When it began, in microseconds since the recording began.
    #[serde(default)]
    pub at_us: u64,
    /// How long it took, in microseconds.
    #[serde(default)]
    pub took_us: u64,
    /// Where it was recorded.
    pub port: Port,
    /// The tool, or the name of the value.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub name: String,
    /// What was asked, without secrets.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub request: Value,
    /// Whether it answers any request of its port and name, after those that are recorded as asked: what it was
    /// made from does not have the request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub any: bool,
    /// What came before the first chunk: of a stream nothing, of a reply over HTTP its status and headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Opened>,
    /// The chunks of a stream, each with its time since the call began, in microseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<(u64, Value)>,
    /// How it ended.
    #[serde(flatten)]
    pub end: End,
}

/// The beginning of a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Opened {
    /// When, in microseconds since the call began.
    pub at_us: u64,
    /// Its status and headers, over HTTP.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub head: Value,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a replay has to repeat each of them")]
pub enum End {
    /// With this value.
    Reply(Value),
    /// With the last chunk.
    Done,
    /// With this error.
    Error(Box<RecordedFailure>),
    /// Its caller left: a timeout, a cancelled turn, a stream that was read no further.
    Dropped,
    /// It panicked.
    Panicked,
}

impl Recording {
    /// A call without its number and its times.
    pub(crate) fn of(port: Port, name: &str, request: Value, end: End) -> Self {
        let (name, opened, chunks) = (name.to_owned(), None, Vec::new());
        Self { call: 0, at_us: 0, took_us: 0, port, name, request, any: false, opened, chunks, end }
    }
}

impl Opened {
    pub(crate) const fn new(at_us: u64, head: Value) -> Self {
        Self { at_us, head }
    }
}

/// In whole microseconds, which is how a cassette writes times.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
