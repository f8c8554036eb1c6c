//! [`LogReport`]: what a log has, and what is missing.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime_events::payload::LogRecord;
use runtime_events::{AgentEvent, AgentEventName};
use serde_json::Value;

/// What was read from a log, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogReport {
    /// The number of events, including those of sinks.
    pub events: u64,
    /// The number of lines that are JSON but not known events.
    pub unknown: u64,
    /// The number of errors: lines that are not JSON, except for last lines, and files that could not be read, or
    /// not to their ends.
    pub unreadable: u64,
    /// The torn last lines, which were skipped.
    pub torn: Vec<TornLine>,
    /// The number of sessions.
    pub sessions: u64,
    /// The number of repeated events, whose sequence numbers were read before.
    pub repeated: u64,
    /// The number of events that sinks report as dropped.
    pub dropped: u64,
    /// The number of bytes that sinks report as cut off from torn lines.
    pub recovered_bytes: u64,
    /// The gaps between the events of sessions, in the order of the log. A missing end of a log cannot be
    /// detected.
    pub gaps: Vec<Gap>,
}

impl LogReport {
    /// Whether every line was read and no event of a session is missing.
    pub const fn is_whole(&self) -> bool {
        self.unreadable == 0 && self.torn.is_empty() && self.gaps.is_empty()
    }
}

/// A last line that is incomplete.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TornLine {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u64,
    /// The number of bytes of the line.
    pub bytes: u64,
}

/// Missing events of a session: the sequence numbers from `first` to `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The session.
    pub session_id: Arc<str>,
    /// The first missing number.
    pub first: u64,
    /// The last missing number.
    pub last: u64,
    /// The cause.
    pub cause: GapCause,
    /// The file of the event after the gap.
    pub file: PathBuf,
    /// The line of the event after the gap, counted from 1.
    pub line: u64,
}

impl Gap {
    /// The number of missing events.
    #[expect(clippy::len_without_is_empty, reason = "a gap is never empty")]
    pub const fn len(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { session_id, first, last, cause, .. } = self;
        if first == last {
            return write!(f, "session `{session_id}` lacks event {first}: {cause}");
        }
        write!(f, "session `{session_id}` lacks events {first} to {last}: {cause}")
    }
}

/// The cause of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapCause {
    /// A `log.dropped` reports the events.
    Dropped,
    /// The session started in a file that was removed.
    Removed,
    /// The cause is unknown.
    Unexplained,
}

impl fmt::Display for GapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dropped => "dropped",
            Self::Removed => "in a file that was removed",
            Self::Unexplained => "cause unknown",
        })
    }
}

/// Tracks the sequence numbers of each session.
#[derive(Debug, Default)]
pub(crate) struct Check {
    report: LogReport,
    /// The last number of each session.
    sessions: HashMap<Arc<str>, u64>,
    /// The sessions that have ended, while a log is followed: the oldest are forgotten.
    ended: Option<VecDeque<Arc<str>>>,
    /// The losses that sinks report, maybe after the gap.
    losses: HashMap<Arc<str>, Vec<(u64, u64)>>,
    /// Whether earlier files were removed.
    shortened: bool,
}

/// How many ended sessions of a log that is followed are remembered, for events that are told again.
const ENDED: usize = 65_536;

impl Check {
    /// A log may be followed for weeks: from now on, sessions that ended long ago are forgotten.
    pub(crate) fn follows(&mut self) {
        self.ended.get_or_insert_default();
    }

    pub(crate) fn begins_with(&mut self, first: Option<u64>) {
        self.shortened = first.is_some_and(|first| first > 1);
    }

    pub(crate) fn event(&mut self, event: &AgentEvent, place: (&Path, u64)) {
        self.report.events += 1;
        match event.event {
            AgentEventName::LogDropped => self.losses(&LogRecord::of(event)),
            AgentEventName::LogRecovered => {
                self.report.recovered_bytes += LogRecord::of(event).torn_bytes.unwrap_or(0);
            }
            _ => {}
        }
        if let (Some(id), Some(seq)) = (&event.session_id, event.seq) {
            self.number(id, seq, place);
            if event.ends_session() {
                self.end(id);
            }
        }
    }

    fn end(&mut self, id: &Arc<str>) {
        let Some(ended) = &mut self.ended else { return };
        ended.push_back(Arc::clone(id));
        if ended.len() > ENDED
            && let Some(oldest) = ended.pop_front()
        {
            self.sessions.remove(&oldest);
            self.losses.remove(&oldest);
        }
    }

    /// An unknown entry may still belong to a session.
    pub(crate) fn unknown(&mut self, value: &Value, place: (&Path, u64)) {
        self.report.unknown += 1;
        let (id, seq) = (value.get("session_id"), value.get("seq"));
        if let (Some(id), Some(seq)) = (id.and_then(Value::as_str), seq.and_then(Value::as_u64)) {
            self.number(&Arc::from(id), seq, place);
        }
    }

    pub(crate) const fn unreadable(&mut self) {
        self.report.unreadable += 1;
    }

    pub(crate) fn torn(&mut self, line: TornLine) {
        self.report.torn.push(line);
    }

    pub(crate) fn report(&self) -> LogReport {
        let mut report = self.report.clone();
        for gap in &mut report.gaps {
            let told = self.losses.get(&gap.session_id);
            if told.is_some_and(|told| is_covered(told, gap)) {
                gap.cause = GapCause::Dropped;
            }
        }
        report
    }

    fn number(&mut self, id: &Arc<str>, seq: u64, (file, line): (&Path, u64)) {
        let last = self.sessions.get(id).copied();
        let expected = last.map_or(1, |last| last.saturating_add(1));
        if seq < expected {
            self.report.repeated += 1;
            return;
        }
        if seq > expected {
            let removed = last.is_none() && self.shortened;
            let cause = if removed { GapCause::Removed } else { GapCause::Unexplained };
            let session_id = Arc::clone(id);
            let (file, first, last) = (file.to_owned(), expected, seq - 1);
            self.report.gaps.push(Gap { session_id, first, last, cause, file, line });
        }
        self.report.sessions += u64::from(last.is_none());
        self.sessions.insert(Arc::clone(id), seq);
    }

    fn losses(&mut self, record: &LogRecord<'_>) {
        self.report.dropped += record.count.unwrap_or(0);
        for loss in record.losses() {
            let Some(id) = loss.session_id else { continue };
            let (first, last) = (loss.first_seq.unwrap_or(0), loss.last_seq.unwrap_or(0));
            self.losses.entry(id.to_shared()).or_default().push((first, last));
        }
    }
}

/// Whether the reported losses cover a gap.
fn is_covered(told: &[(u64, u64)], gap: &Gap) -> bool {
    let mut told = told.to_vec();
    told.sort_unstable();
    let mut next = gap.first;
    for (first, last) in told {
        if first <= next && last >= next {
            next = last.saturating_add(1);
        }
    }
    next > gap.last
}

#[cfg(test)]
mod tests {
    use runtime_events::SpanOutcome;

    use super::*;

    fn ended(session: &str) -> AgentEvent {
        let mut event = AgentEvent::completed("writer", "draft").with_outcome(SpanOutcome::Ok);
        (event.session_id, event.seq) = (Some(session.into()), Some(1));
        event
    }

    #[test]
    fn a_check_that_follows_forgets_the_oldest_ended_sessions() {
        let place = (Path::new("run.jsonl"), 1);
        let (mut check, sessions) = (Check::default(), 3 * ENDED);
        check.follows();
        let mut open = AgentEvent::started("writer", "draft");
        (open.session_id, open.seq) = (Some("open".into()), Some(1));
        check.event(&open, place);
        for session in 0..sessions {
            check.event(&ended(&session.to_string()), place);
        }
        assert_eq!(check.sessions.len(), ENDED + 1);
        // One that is open is remembered, and so are those that ended last.
        open.seq = Some(2);
        check.event(&open, place);
        check.event(&ended(&(sessions - 1).to_string()), place);
        let report = check.report();
        assert!(report.is_whole(), "{:?}", report.gaps);
        assert_eq!((report.sessions, report.repeated), (sessions as u64 + 1, 1));
    }

    #[test]
    fn a_check_that_does_not_follow_forgets_nothing() {
        let place = (Path::new("run.jsonl"), 1);
        let mut check = Check::default();
        for _ in 0..2 {
            (0..2 * ENDED).for_each(|id| check.event(&ended(&id.to_string()), place));
        }
        assert_eq!(check.report().repeated, 2 * ENDED as u64);
    }
}
