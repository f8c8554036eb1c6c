//! Events, records and temporary files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::DateTime;
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data};
use runtime_sinks::{Durability, JsonlConfig, JsonlSink, UsageRecord};
use runtime_usage::{UsageSnapshot, Usd};

/// An event with a number.
pub(crate) fn event(number: u64) -> Arc<AgentEvent> {
    let event = AgentEvent::new(
        AgentEventName::TurnCompleted,
        AgentEventStatus::Running,
        DateTime::UNIX_EPOCH,
    );
    Arc::new(event.with_role("writer").with_data(Data::new().with("number", number)))
}

/// An event of a session.
pub(crate) fn numbered(session: &str, seq: u64) -> Arc<AgentEvent> {
    let mut event = AgentEvent::clone(&event(seq));
    event.session_id = Some(session.into());
    event.seq = Some(seq);
    Arc::new(event)
}

/// The number of an event made by [`event`].
pub(crate) fn number(event: &AgentEvent) -> u64 {
    let number = event.data.as_ref().and_then(|data| data.get("number"));
    number.and_then(runtime_events::Fact::as_u64).expect("the event carries its number")
}

/// A log with a buffer of this size.
pub(crate) fn buffered(path: &Path, bytes: usize) -> JsonlSink {
    JsonlConfig::default()
        .durability(Durability::Memory)
        .buffer_bytes(bytes)
        .open(path)
        .expect("the log opens")
}

pub(crate) fn record(number: u64) -> UsageRecord {
    UsageRecord::new("gpt-5", UsageSnapshot::new(number, 0), Usd::from_nanos(number))
}

/// A file that does not exist yet, and is removed when the test ends.
pub(crate) struct TempFile(PathBuf);

impl TempFile {
    pub(crate) fn new(test: &str) -> Self {
        let name = format!("runtime-sinks-{}-{test}.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn text(&self) -> String {
        std::fs::read_to_string(&self.0).expect("the file was written")
    }

    /// The events in it; every line must be one.
    pub(crate) fn events(&self) -> Vec<AgentEvent> {
        let text = self.text();
        assert!(text.is_empty() || text.ends_with('\n'), "the last line is complete");
        text.lines().map(|line| AgentEvent::from_json(line).expect(line)).collect()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A folder that does not exist yet, and is removed when the test ends.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    pub(crate) fn new(test: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("runtime-sinks-{}-{test}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
