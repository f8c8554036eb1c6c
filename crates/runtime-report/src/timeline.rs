//! The model of a run: sessions, the spans in them, and when everything happened.
//!
//! Within a session, times are the monotonic clock's (`elapsed`); sessions are placed against each
//! other by the wall clock, once each. A clock that was set in the middle of a session therefore
//! moves nothing in it.
//!
//! ```text
//! event with a span
//!   ├─ a name that begins spans, no outcome ─► the span begins
//!   ├─ an outcome ───────────────────────────► the span ends
//!   └─ neither ──────────────────────────────► it happened inside the span
//! ```
//!
//! From `agent.paused` to `agent.resumed`, an agent waits for input: that is shown as a wait, too.
//!
//! A log is read as it is: gaps, repetitions and missing ends are shown as such, and listed by
//! [`Timeline::findings`].

mod bands;
pub(crate) mod lives;
mod names;
mod parts;
mod pauses;
mod placing;
mod reading;
mod spending;

use std::borrow::Borrow;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::AgentEvent;
use runtime_events::payload::{HandedOver, SessionEnded, Word};

use crate::check::Finding;

pub(crate) use self::bands::Breaker;
pub use self::lives::ThreadRun;
pub(crate) use self::lives::{Life, LifeEnd};
pub(crate) use self::parts::{Segment, nanos};
pub use self::parts::{Session, Span, SpanKind, TokenUse};
pub(crate) use self::placing::is_of_log;
pub(crate) use self::spending::{Account, Charge};

/// The model of a run, or of all runs of a log.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    pub(crate) rows: Vec<Row>,
    pub(crate) sessions: Vec<Session>,
    /// The sessions as they are shown: each after the one around it.
    pub(crate) order: Vec<usize>,
    pub(crate) spans: Vec<Span>,
    pub(crate) charges: Vec<Charge>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) threads: Vec<ThreadRun>,
    pub(crate) breakers: Vec<Breaker>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) began: Option<DateTime<Utc>>,
    pub(crate) end: u64,
    pub(crate) unread: u64,
}

/// An event and its place: nanoseconds since the run began.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) event: AgentEvent,
    pub(crate) at: u64,
    pub(crate) session: Option<usize>,
    pub(crate) span: Option<usize>,
}

impl Timeline {
    /// Reads events in the order they have in their log. Any log has a timeline.
    pub fn read<I>(events: I) -> Self
    where
        I: IntoIterator,
        I::Item: Borrow<AgentEvent>,
    {
        reading::read(events.into_iter().map(|event| event.borrow().clone()).collect())
    }

    /// Says how many lines of the log were no events, so that the projections can say so.
    #[must_use]
    pub const fn unread(mut self, lines: u64) -> Self {
        self.unread = lines;
        self
    }

    /// Its sessions, in the order of their first events.
    pub fn sessions(&self) -> &[Session] {
        &self.sessions
    }

    /// Its spans, in the order of their beginnings.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Its events in the order of the log, each with the time since the run began.
    pub fn events(&self) -> impl ExactSizeIterator<Item = (Duration, &AgentEvent)> {
        self.rows.iter().map(|row| (Duration::from_nanos(row.at), &row.event))
    }

    /// When the run began, by the wall clock.
    pub const fn began(&self) -> Option<DateTime<Utc>> {
        self.began
    }

    /// From the first event to the last.
    pub const fn duration(&self) -> Duration {
        Duration::from_nanos(self.end)
    }

    /// How many events the sequence numbers say are missing.
    pub fn lost(&self) -> u64 {
        self.sessions.iter().fold(0, |sum, session| sum.saturating_add(session.lost))
    }

    /// Findings in the log; none, if it is whole and each span began and ended once,
    /// inside its parent.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// The role that a session handed its work to, if it did.
pub(crate) fn target_of<'t>(timeline: &'t Timeline, session: &Session) -> Option<&'t str> {
    session.rows.iter().rev().find_map(|row| target(&timeline.rows[*row].event))
}

/// The role that takes the work over, by this event. The original tells it only at the end of a
/// session, in its `handoff`; we also tell it when it happens.
pub(crate) fn target(event: &AgentEvent) -> Option<&str> {
    let said = HandedOver::of(event).target_role;
    let target = said.or_else(|| SessionEnded::of(event).handoff()?.target_role);
    target.map(Word::as_str)
}
