//! Pauses: from `agent.paused` to `agent.resumed`, an agent waits for input.
//!
//! The log has no span for it, so one is made here. It lasts no longer than its session, and how it
//! ended is read from the session's next events.

use std::sync::Arc;

use runtime_events::payload::{Wait, Word};
use runtime_events::{AgentEventName, SpanId, SpanOutcome};

use super::Timeline;
use super::parts::{Span, SpanKind};

/// The name of a wait for input.
const INPUT: &str = "input";
/// A session's word for a pause that was given up.
const GIVEN_UP: &str = "gave up waiting";

/// The pauses that are open, by session.
#[derive(Debug)]
pub(super) struct Pauses(Vec<Pause>);

#[derive(Clone, Copy, Debug)]
enum Pause {
    No,
    /// The span of it.
    Open(usize),
    /// The log has spans of its own for it.
    Told,
}

impl Pauses {
    pub(super) fn of(timeline: &Timeline) -> Self {
        let mut pauses = vec![Pause::No; timeline.sessions.len()];
        for row in &timeline.rows {
            let begins = row.event.event == AgentEventName::WaitStarted;
            if let Some(session) = row.session
                && begins
                && Wait::of(&row.event).reason.map(Word::as_str) == Some(INPUT)
            {
                pauses[session] = Pause::Told;
            }
        }
        Self(pauses)
    }

    pub(super) fn see(&mut self, timeline: &mut Timeline, row: usize) {
        let held = &timeline.rows[row];
        let Some(session) = held.session else { return };
        let is_end = held.event.outcome.is_some()
            && held.event.span.is_some()
            && timeline.sessions[session].root == held.span;
        let gave_up = held.event.detail.as_deref() == Some(GIVEN_UP);
        let outcome = match held.event.event {
            AgentEventName::AgentResumed if gave_up => SpanOutcome::Cancelled,
            AgentEventName::AgentResumed => SpanOutcome::Ok,
            _ if is_end => SpanOutcome::Cancelled,
            AgentEventName::AgentPaused => return self.open(timeline, session, row),
            _ => return,
        };
        let Pause::Open(span) = self.0[session] else { return };
        self.0[session] = Pause::No;
        let at = timeline.rows[row].at;
        let span = &mut timeline.spans[span];
        span.end = at.max(span.start);
        span.last = Some(row);
        span.outcome = Some(outcome);
    }

    fn open(&mut self, timeline: &mut Timeline, session: usize, row: usize) {
        if !matches!(self.0[session], Pause::No) {
            return;
        }
        let held = &timeline.rows[row];
        let id = id(timeline.sessions[session].id(), row);
        let span = Span {
            // Where it is told of, in its session at least.
            parent: held.span.or(timeline.sessions[session].root),
            name: Arc::from(INPUT),
            first: Some(row),
            is_told: false,
            ..Span::new(id, SpanKind::Wait, session, held.at)
        };
        let number = timeline.spans.len();
        timeline.spans.push(span);
        timeline.sessions[session].spans.push(number);
        self.0[session] = Pause::Open(number);
    }
}

/// An id that the same log gives the same pause (FNV-1a).
fn id(session: Option<&str>, row: usize) -> SpanId {
    let bytes = session.unwrap_or_default().bytes().chain((row as u64).to_le_bytes());
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    SpanId::from_u64(bytes.fold(0xcbf2_9ce4_8422_2325, mix))
}
