//! From each session that died down to the error it died of.

use std::collections::HashMap;

use runtime_events::{AgentEvent, AgentEventName, SpanOutcome};

use crate::problems::is_bad;
use crate::timeline::{Span, SpanKind, Timeline};

/// A longer text of a session is not searched for the texts of its failures.
const MOST_SAID: usize = 10_000;

/// The end of a session by a failure.
#[derive(Clone, Debug)]
pub(crate) struct Death {
    pub(crate) fate: Fate,
    /// Whether the session around it ended well all the same.
    pub(crate) is_survived: bool,
    pub(crate) session: usize,
    /// The events from the end of the session to the failure inside all others.
    ///
    /// They are ends of sessions, turns, attempts and tools, or the refusal of one. A session
    /// without an end is told by its first event.
    pub(crate) chain: Vec<usize>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Fate {
    Failed,
    /// It was cancelled or dropped when its last call had failed.
    Cancelled,
    /// The log ends, and its last call had failed.
    Unfinished,
}

impl Timeline {
    /// The sessions that died: the one that ended the run first, then the ones that it survived.
    ///
    /// Each failed session is in one chain: one that took others with it is in theirs.
    pub(crate) fn deaths(&self) -> Vec<Death> {
        let inside = Inside::of(self);
        let mut is_told = vec![false; self.sessions.len()];
        let mut deaths = Vec::new();
        // `order` has each session after the one around it.
        for session in self.order.iter().copied() {
            if is_told[session] || self.sessions[session].is_continued {
                continue;
            }
            let Some((fate, end)) = inside.end_of(session) else { continue };
            let mut chain = vec![end];
            let mut next = inside.cause_of(session, end);
            while let Some(row) = next {
                chain.push(row);
                next = inside.cause_of_row(row);
            }
            if fate == Fate::Failed || chain.len() > 1 {
                for session in chain.iter().filter_map(|row| self.rows[*row].session) {
                    is_told[session] = true;
                }
                let around = self.sessions[session].parent;
                let is_survived = around.is_some_and(|around| inside.end_of(around).is_none());
                deaths.push(Death { fate, is_survived, session, chain });
            }
        }
        deaths.sort_by_key(|death| {
            let session = &self.sessions[death.session];
            let rank = (death.is_survived, death.fate, session.depth);
            (rank, std::cmp::Reverse(session.end), death.session)
        });
        deaths
    }
}

/// The failures inside the spans and sessions of a run.
struct Inside<'r> {
    run: &'r Timeline,
    /// The last attempt or session in each span, of those that were not cancelled.
    last_of: HashMap<usize, usize>,
    /// The ends of the failed sessions in each session.
    failed_in: HashMap<usize, Vec<usize>>,
}

impl<'r> Inside<'r> {
    fn of(timeline: &'r Timeline) -> Self {
        let (last_of, failed_in) = (HashMap::new(), HashMap::new());
        let mut inside = Self { run: timeline, last_of, failed_in };
        for (number, span) in timeline.spans.iter().enumerate() {
            let is_decided = span.outcome.is_some_and(|outcome| outcome != SpanOutcome::Cancelled);
            let (Some(around), Some(last), true) = (span.parent, span.last, is_decided) else {
                continue;
            };
            match span.kind {
                // No chain returns: attempts stay in their session, and the session around another
                // one is an earlier one.
                SpanKind::Attempt if timeline.spans[around].session == span.session => {}
                SpanKind::Session if timeline.sessions[span.session].root == Some(number) => {
                    let Some(parent) = timeline.sessions[span.session].parent else { continue };
                    if span.is_failed() {
                        inside.failed_in.entry(parent).or_default().push(last);
                    }
                }
                _ => continue,
            }
            let before = inside.last_of.entry(around).or_insert(number);
            let at = |span: usize| (timeline.spans[span].end, timeline.spans[span].last);
            if at(*before) < at(number) {
                *before = number;
            }
        }
        inside
    }

    /// The fate of a session that did not end well, and the event that tells of it.
    fn end_of(&self, session: usize) -> Option<(Fate, usize)> {
        let session = &self.run.sessions[session];
        let Some(root) = session.root.map(|root| &self.run.spans[root]) else {
            // In a log of the original, the last word of an agent is its end.
            let is_end = |event: &AgentEvent| {
                matches!(event.event, AgentEventName::AgentFailed | AgentEventName::AgentCompleted)
            };
            let mut rows = session.rows.iter().rev();
            let last = *rows.find(|row| is_end(&self.run.rows[**row].event))?;
            let fails = self.run.rows[last].event.event == AgentEventName::AgentFailed;
            return (fails && session.id.is_none()).then_some((Fate::Failed, last));
        };
        match (root.last, root.outcome) {
            (Some(last), Some(SpanOutcome::Cancelled)) => Some((Fate::Cancelled, last)),
            (Some(last), _) => root.is_failed().then_some((Fate::Failed, last)),
            (None, _) => root.first.map(|first| (Fate::Unfinished, first)),
        }
    }

    /// The failure that ended a session: one whose text the session quotes, or else the last one,
    /// unless a turn went well after it.
    fn cause_of(&self, session: usize, end: usize) -> Option<usize> {
        let said = self.run.rows[end].event.detail.as_deref();
        let said = said.filter(|said| said.len() <= MOST_SAID).unwrap_or_default();
        let children = self.failed_in.get(&session).map_or(&[][..], Vec::as_slice);
        let mut rows: Vec<usize> =
            self.run.sessions[session].rows.iter().chain(children).copied().collect();
        if !children.is_empty() {
            rows.sort_by_key(|row| self.run.rows[*row].at);
        }
        let (mut last, mut went_well) = (None, false);
        for row in rows.into_iter().rev().filter(|row| *row != end) {
            let event = &self.run.rows[row].event;
            if event.event == AgentEventName::TurnCompleted {
                if last.is_some() {
                    break;
                }
                went_well = true;
            } else if self.can_end(row) {
                let quotes = |detail: &str| !detail.is_empty() && said.contains(detail);
                if event.detail.as_deref().is_some_and(quotes) {
                    return Some(row);
                }
                if !went_well {
                    last.get_or_insert(row);
                }
            }
        }
        last
    }

    /// Whether it tells of a failure that can end a session.
    fn can_end(&self, row: usize) -> bool {
        let event = &self.run.rows[row].event;
        match event.event {
            // The steps of a recovery are told by its turn.
            AgentEventName::RecoveryFailed | AgentEventName::RecoveryEscalated => false,
            AgentEventName::AttemptFailed => {
                let span = self.run.rows[row].span.map(|span| &self.run.spans[span]);
                let turn = span.and_then(|span| span.parent).map(|turn| &self.run.spans[turn]);
                is_bad(event) && turn.is_some_and(Span::is_unfinished)
            }
            _ => is_bad(event),
        }
    }

    /// The failure inside a failure.
    fn cause_of_row(&self, row: usize) -> Option<usize> {
        let number = self.run.rows[row].span?;
        let span = &self.run.spans[number];
        if span.last != Some(row) {
            return None;
        }
        match span.kind {
            SpanKind::Session if self.run.sessions[span.session].root == Some(number) => {
                self.cause_of(span.session, row)
            }
            SpanKind::Session => None,
            _ => {
                let last = &self.run.spans[*self.last_of.get(&number)?];
                last.last.filter(|_| last.is_failed())
            }
        }
    }
}
