//! Which session an event is of, and when it happened on the time of the run.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use runtime_events::{AgentEvent, AgentEventName};

use super::parts::{Session, TokenUse};
use super::{Row, Timeline};

/// The owner of events. Events of the original have no session: there, a role owns them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Session(Arc<str>),
    Role(Arc<str>),
}

impl Owner {
    fn of(event: &AgentEvent) -> Option<Self> {
        match (&event.session_id, &event.role) {
            (Some(id), _) => Some(Self::Session(Arc::clone(id))),
            (None, Some(role)) => Some(Self::Role(Arc::clone(role))),
            (None, None) => None,
        }
    }
}

/// Makes rows of events, and sessions without spans.
pub(super) fn place(events: Vec<AgentEvent>) -> Timeline {
    let mut owners = HashMap::new();
    let mut sessions = Vec::new();
    // When each session opened by the wall clock, once an event tells.
    let mut opened: Vec<Option<DateTime<Utc>>> = Vec::new();
    let mut whose = Vec::with_capacity(events.len());
    for event in &events {
        let session = Owner::of(event).map(|owner| {
            *owners.entry(owner).or_insert_with(|| {
                sessions.push(empty(event));
                opened.push(None);
                sessions.len() - 1
            })
        });
        whose.push(session);
        let Some(session) = session else { continue };
        if opened[session].is_none() {
            opened[session] = event.elapsed.map(|elapsed| {
                let elapsed = Duration::from_std(elapsed).unwrap_or_default();
                event.emitted_at.checked_sub_signed(elapsed).unwrap_or(event.emitted_at)
            });
        }
        let held = &mut sessions[session];
        if held.labels.is_none() {
            held.labels.clone_from(&event.labels);
        }
        held.role = held.role.take().or_else(|| event.role.clone());
        held.phase = held.phase.take().or_else(|| event.phase.clone());
    }

    // A sink's events about its file are no part of the run, unless there is nothing else.
    let of_run = |event: &&AgentEvent| !is_of_log(event.event);
    let stamps = events.iter().filter(of_run).map(|event| event.emitted_at).min();
    let began = opened.iter().flatten().copied().chain(stamps).min();
    let began = began.or_else(|| events.iter().map(|event| event.emitted_at).min());
    let mut timeline = Timeline { sessions, began, ..Timeline::default() };
    let Some(began) = began else { return timeline };
    for (event, session) in events.into_iter().zip(whose) {
        let opened = session.and_then(|session| opened[session]);
        let at = match (opened, event.elapsed) {
            (Some(opened), Some(elapsed)) => {
                let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
                since(began, opened).saturating_add(elapsed)
            }
            _ => since(began, event.emitted_at),
        };
        if let Some(session) = session {
            let held = &mut timeline.sessions[session];
            held.rows.push(timeline.rows.len());
            held.start = held.start.min(at);
            held.end = held.end.max(at);
        }
        // A sink's events about its file are no part of the run, and may be years from it.
        if session.is_some() || !is_of_log(event.event) {
            timeline.end = timeline.end.max(at);
        }
        timeline.rows.push(Row { event, at, session, span: None });
    }
    timeline
}

/// Whether it is a sink's event about its file.
pub(crate) const fn is_of_log(name: AgentEventName) -> bool {
    matches!(
        name,
        AgentEventName::LogOpened
            | AgentEventName::LogRecovered
            | AgentEventName::LogRotated
            | AgentEventName::LogDropped
    )
}

fn empty(event: &AgentEvent) -> Session {
    Session {
        id: event.session_id.clone(),
        short: None,
        role: None,
        phase: None,
        labels: None,
        start: u64::MAX,
        end: 0,
        root: None,
        parent: None,
        depth: 0,
        spans: Vec::new(),
        rows: Vec::new(),
        lost: 0,
        spent: TokenUse::default(),
        states: Vec::new(),
        is_continued: false,
    }
}

/// Nanoseconds from `began` to `at`; none if it was earlier.
fn since(began: DateTime<Utc>, at: DateTime<Utc>) -> u64 {
    let micros = at.signed_duration_since(began).num_microseconds().unwrap_or(i64::MAX);
    u64::try_from(micros).unwrap_or(0).saturating_mul(1_000)
}
