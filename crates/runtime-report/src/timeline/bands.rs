//! In which state each agent and each breaker was, and for how long.

use std::collections::HashMap;
use std::sync::Arc;

use runtime_events::payload::{BreakerChanged, StatusChanged, Word};
use runtime_events::{AgentEvent, AgentEventName};

use super::parts::Segment;
use super::{Row, Timeline};

/// A circuit breaker and its states.
#[derive(Clone, Debug)]
pub(crate) struct Breaker {
    pub(crate) name: Arc<str>,
    pub(crate) states: Vec<Segment>,
}

pub(super) fn read(timeline: &mut Timeline) {
    for session in 0..timeline.sessions.len() {
        timeline.sessions[session].states = states(timeline, session);
    }
    timeline.breakers = breakers(timeline);
}

/// States as their changes say or, in a log without those, as other events imply.
fn states(timeline: &Timeline, session: usize) -> Vec<Segment> {
    let session = &timeline.sessions[session];
    let events = || session.rows.iter().map(|row| &timeline.rows[*row]);
    let told = events().any(|row| row.event.event == AgentEventName::StatusChanged);
    let mut band = Band::new(session.start);
    for row in events() {
        let event = &row.event;
        if event.event == AgentEventName::StatusChanged {
            let changed = StatusChanged::of(event);
            if let (true, Some(from)) = (band.is_empty(), changed.from) {
                band.set(session.start, from.as_str());
            }
            if let Some(to) = changed.to {
                band.set(row.at, to.as_str());
            }
        } else if !told && let Some(state) = implied(event) {
            band.set(row.at, state);
        }
    }
    band.close(session.end)
}

fn implied(event: &AgentEvent) -> Option<&'static str> {
    Some(match event.event {
        AgentEventName::AgentStarted | AgentEventName::AgentResumed => "running",
        AgentEventName::AgentReady => "idle",
        AgentEventName::AgentPaused => "waiting_for_input",
        // A budget's `agent.failed` ends nothing, and has no outcome.
        AgentEventName::AgentCompleted | AgentEventName::AgentFailed => {
            let ends = event.outcome.is_some() || event.session_id.is_none();
            return ends.then_some(event.status.as_str());
        }
        _ => return None,
    })
}

/// A breaker may be shared, and several sessions tell of one change of it: by their generations,
/// it counts once. A process that starts anew counts its generations anew.
fn breakers(timeline: &Timeline) -> Vec<Breaker> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    let mut bands: Vec<(Arc<str>, Band, Option<u64>)> = Vec::new();
    let is_change = |row: &&Row| row.event.event == AgentEventName::BreakerChanged;
    let mut changes: Vec<_> = timeline.rows.iter().filter(is_change).collect();
    changes.sort_by_key(|row| row.at);
    for row in changes {
        let told = BreakerChanged::of(&row.event);
        let name = told.breaker.map_or("breaker", Word::as_str);
        let place = *names.entry(name).or_insert_with(|| {
            bands.push((Arc::from(name), Band::new(0), None));
            bands.len() - 1
        });
        let (_, band, last) = &mut bands[place];
        let (from, to) = (told.from.map(Word::as_str), told.to.map(Word::as_str));
        let generation = told.generation;
        let is_old = generation.is_some() && generation <= *last;
        if is_old && from != band.state() {
            continue;
        }
        *last = generation.or(*last);
        if let (true, Some(from)) = (band.is_empty(), from) {
            band.set(0, from);
        }
        if let Some(to) = to {
            band.set(row.at, to);
        }
    }
    let closed = |(name, band, _): (_, Band, _)| Breaker { name, states: band.close(timeline.end) };
    bands.into_iter().map(closed).collect()
}

/// States as they are set, one after the other.
struct Band {
    start: u64,
    segments: Vec<Segment>,
}

impl Band {
    const fn new(start: u64) -> Self {
        Self { start, segments: Vec::new() }
    }

    const fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    fn state(&self) -> Option<&str> {
        self.segments.last().map(|segment| &*segment.state)
    }

    fn set(&mut self, at: u64, state: &str) {
        let at = at.max(self.start);
        if let Some(last) = self.segments.last_mut() {
            if *last.state == *state {
                return;
            }
            last.to = at.max(last.from);
        }
        let from = self.segments.last().map_or(at, |last| last.to);
        self.segments.push(Segment { from, to: from, state: Arc::from(state) });
    }

    fn close(mut self, end: u64) -> Vec<Segment> {
        if let Some(last) = self.segments.last_mut() {
            last.to = end.max(last.from);
        }
        self.segments
    }
}
