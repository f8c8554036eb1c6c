//! What was lost, until the stream can be told.

use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};
use serde_json::{Value, json};

/// Counts lost events by session, and makes the record of them: `log.dropped`.
///
/// It takes no more room than so many sessions; those beyond are counted together.
#[derive(Debug, Default)]
pub(crate) struct Losses {
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
    pub(crate) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn add(&mut self, event: &AgentEvent) {
        self.count += 1;
        let (Some(id), Some(seq)) = (&event.session_id, event.seq) else { return };
        if let Some(loss) = self.sessions.iter_mut().find(|loss| loss.session_id == *id) {
            loss.first_seq = loss.first_seq.min(seq);
            loss.last_seq = loss.last_seq.max(seq);
            loss.count += 1;
        } else if self.sessions.len() < LISTED {
            let session_id = id.clone();
            self.sessions.push(Loss { session_id, first_seq: seq, last_seq: seq, count: 1 });
        }
    }

    /// The record of all that was lost since the one before.
    pub(crate) fn take(&mut self, clock: &dyn Clock) -> Option<AgentEvent> {
        if self.is_empty() {
            return None;
        }
        let Self { count, sessions } = std::mem::take(self);
        let sessions: Vec<Value> = sessions.iter().map(Loss::to_json).collect();
        let data = Data::new().with("count", count).with("sessions", sessions);
        Some(record(AgentEventName::LogDropped, AgentEventStatus::Failed, data, clock))
    }
}

impl Loss {
    fn to_json(&self) -> Value {
        json!({
            "session_id": *self.session_id,
            "first_seq": self.first_seq,
            "last_seq": self.last_seq,
            "count": self.count,
        })
    }
}

/// What a sink says of itself: an event of no session.
pub(crate) fn record(
    name: AgentEventName,
    status: AgentEventStatus,
    data: Data,
    clock: &dyn Clock,
) -> AgentEvent {
    AgentEvent::new(name, status, clock.utc_now()).with_data(data)
}
