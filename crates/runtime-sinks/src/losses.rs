//! [`Losses`]: lost events, until they can be reported in the stream.

use std::sync::Arc;

use runtime_events::payload::{self, Any, LogRecord, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};
use serde_json::Value;

/// Counts lost events by session, for the event `log.dropped` that explains the gap to readers. Use it in
/// a sink of your own that may drop events.
///
/// It lists at most 64 sessions. The events of further sessions are in the total only.
///
/// ```
/// use runtime_events::payload::LogRecord;
/// use runtime_events::{AgentEvent, ManualClock};
/// use runtime_sinks::Losses;
///
/// let mut losses = Losses::default();
/// let mut event = AgentEvent::started("writer", "draft");
/// (event.session_id, event.seq) = (Some("s1".into()), Some(7));
/// losses.add(&event);
///
/// let record = losses.to_record(&ManualClock::new()).expect("one event is lost");
/// let said = LogRecord::of(&record);
/// assert_eq!(said.count, Some(1));
/// assert_eq!(said.losses().next().and_then(|loss| loss.first_seq), Some(7));
/// ```
#[derive(Debug, Default)]
pub struct Losses {
    count: u64,
    sessions: Vec<Loss>,
}

#[derive(Debug)]
struct Loss {
    session_id: Arc<str>,
    first_seq: u64,
    last_seq: u64,
    count: u64,
}

/// How many sessions a record lists.
const LISTED: usize = 64;

impl Losses {
    /// Counts a lost event.
    pub fn add(&mut self, event: &AgentEvent) {
        self.count += 1;
        let (Some(id), Some(seq)) = (&event.session_id, event.seq) else { return };
        self.enter(Loss { session_id: id.clone(), first_seq: seq, last_seq: seq, count: 1 });
    }

    /// Counts `lost` of the events. Which ones they are is known only if all are lost.
    pub(crate) fn add_some(&mut self, events: &[Arc<AgentEvent>], lost: u64) {
        if lost == events.len() as u64 {
            for event in events {
                self.add(event);
            }
        } else {
            self.count += lost;
        }
    }

    /// Adds the counts of another value.
    pub(crate) fn merge(&mut self, other: Self) {
        self.count += other.count;
        other.sessions.into_iter().for_each(|loss| self.enter(loss));
    }

    /// The event `log.dropped`, if any event is lost.
    pub fn to_record(&self, clock: &dyn Clock) -> Option<AgentEvent> {
        if self.count == 0 {
            return None;
        }
        let sessions = self.sessions.iter().map(Loss::to_json).collect::<Value>();
        let (count, sessions) = (Some(self.count), Some(Any::Json(&sessions)));
        let lost = LogRecord { count, sessions, ..LogRecord::default() };
        Some(record(AgentEventName::LogDropped, AgentEventStatus::Failed, lost.data(), clock))
    }

    fn enter(&mut self, new: Loss) {
        let mut known = self.sessions.iter_mut();
        if let Some(loss) = known.find(|loss| loss.session_id == new.session_id) {
            loss.first_seq = loss.first_seq.min(new.first_seq);
            loss.last_seq = loss.last_seq.max(new.last_seq);
            loss.count += new.count;
        } else if self.sessions.len() < LISTED {
            self.sessions.push(new);
        }
    }
}

impl Loss {
    fn to_json(&self) -> Value {
        let loss = payload::Loss {
            session_id: Some(Word::Shared(&self.session_id)),
            first_seq: Some(self.first_seq),
            last_seq: Some(self.last_seq),
            count: Some(self.count),
        };
        loss.data().into()
    }
}

/// An event of a sink itself, without a session.
pub(crate) fn record(
    name: AgentEventName,
    status: AgentEventStatus,
    data: Data,
    clock: &dyn Clock,
) -> AgentEvent {
    AgentEvent::new(name, status, clock.utc_now()).with_data(data)
}
