//! The events of a simulation, and the laws of every stream of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::payload::TurnEnded;
use runtime_events::{AgentEvent, AgentEventName, SpanId};
use runtime_sinks::{EventSink, SinkError};
use runtime_usage::Usd;

use super::life::Life;

/// A sink whose events the simulation keeps and checks: numbers without gaps, each span begun and ended once.
///
/// What a process emits after its crash does not arrive.
#[derive(Clone)]
pub struct SimEvents {
    ledger: Arc<Ledger>,
    life: Arc<Life>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<Arc<AgentEvent>>,
    sessions: BTreeMap<Arc<str>, Session>,
    /// What broke a law first.
    broken: Option<String>,
}

struct Session {
    life: Arc<Life>,
    seq: u64,
    root: Option<SpanId>,
    /// What the attempts of each open span cost.
    open: BTreeMap<SpanId, Usd>,
    ended: bool,
    billed: Usd,
}

impl SimEvents {
    pub(crate) const fn new(ledger: Arc<Ledger>, life: Arc<Life>) -> Self {
        Self { ledger, life }
    }

    /// All events of all processes, in the order in which they were emitted.
    pub fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.ledger.events()
    }

    /// What the turns of a session cost, by their events.
    pub fn billed(&self, session: &str) -> Usd {
        self.ledger.state().sessions.get(session).map_or(Usd::ZERO, |session| session.billed)
    }

    /// What all turns cost, by their events.
    pub fn billed_in_all(&self) -> Usd {
        self.ledger.state().sessions.values().map(|session| session.billed).sum()
    }
}

impl EventSink for SimEvents {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        if !self.life.is_cut() {
            self.ledger.state().take(event, &self.life);
        }
        Ok(())
    }
}

impl Ledger {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What broke a law first.
    pub(crate) fn broken(&self) -> Option<String> {
        self.state().broken.clone()
    }

    /// A session that has not ended, though its process has not crashed.
    pub(crate) fn left_open(&self) -> Option<String> {
        let open = |(id, session): (&Arc<str>, &Session)| {
            (!session.ended && !session.life.is_cut()).then(|| {
                format!("session {id} has no last event; open spans: {:?}", session.open.keys())
            })
        };
        self.state().sessions.iter().find_map(open)
    }

    pub(crate) fn events(&self) -> Vec<Arc<AgentEvent>> {
        self.state().events.clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.state().events.len()
    }
}

impl State {
    fn take(&mut self, event: &Arc<AgentEvent>, life: &Arc<Life>) {
        if let Err(why) = self.follow(event, life) {
            self.broken.get_or_insert_with(|| format!("{why}: {}", event.to_json()));
        }
        self.events.push(Arc::clone(event));
    }

    fn follow(&mut self, event: &AgentEvent, life: &Arc<Life>) -> Result<(), &'static str> {
        // A fleet's events have no session.
        let Some(id) = &event.session_id else { return Ok(()) };
        let session = self.sessions.entry(Arc::clone(id)).or_insert_with(|| Session::new(life));
        session.follow(event)
    }
}

impl Session {
    fn new(life: &Arc<Life>) -> Self {
        Self {
            life: Arc::clone(life),
            seq: 0,
            root: None,
            open: BTreeMap::new(),
            ended: false,
            billed: Usd::ZERO,
        }
    }

    fn follow(&mut self, event: &AgentEvent) -> Result<(), &'static str> {
        use AgentEventName as Name;

        if event.seq != Some(self.seq + 1) {
            return Err("the number of an event does not follow");
        }
        self.seq += 1;
        if self.ended {
            return Err("an event after the last one of its session");
        }
        let Some(span) = event.span else { return Ok(()) };
        if self.seq == 1 {
            self.root = Some(span);
        } else if self.root == Some(span) {
            self.ended = event.outcome.is_some();
            if self.ended && !self.open.is_empty() {
                return Err("a session ends around an open span");
            }
        } else if event.outcome.is_some() {
            let attempts = self.open.remove(&span).ok_or("a span ends that is not open")?;
            self.bill(event, attempts)?;
        } else if matches!(
            event.event,
            Name::TurnStarted | Name::AttemptStarted | Name::ToolCalled | Name::WaitStarted
        ) {
            if self.open.insert(span, Usd::ZERO).is_some() {
                return Err("a span begins twice");
            }
        } else if !self.open.contains_key(&span) {
            return Err("an event of a span that is not open");
        }
        Ok(())
    }
}

impl Session {
    /// A call that costs has ended. What a turn costs is what its attempts cost.
    fn bill(&mut self, event: &AgentEvent, attempts: Usd) -> Result<(), &'static str> {
        let cost = TurnEnded::of(event).cost_nanousd().map_or(Usd::ZERO, Usd::from_nanos);
        if !attempts.is_zero() {
            return if cost == attempts {
                Ok(())
            } else {
                Err("a turn costs other than its attempts")
            };
        }
        self.billed = self.billed.saturating_add(cost);
        if let Some(turn) = event.parent.and_then(|turn| self.open.get_mut(&turn)) {
            *turn = turn.saturating_add(cost);
        }
        Ok(())
    }
}

impl fmt::Debug for SimEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimEvents").field("events", &self.ledger.len()).finish_non_exhaustive()
    }
}
