//! What was lost, until the log can be told.

use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, Data};
use serde_json::{Value, json};

/// Counts lost events by session, and makes the record of them: `log.dropped`.
///
/// It takes no more room than so many sessions; those beyond are in the sum only.
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
    pub(crate) fn add(&mut self, event: &AgentEvent) {
        self.count += 1;
        let (Some(id), Some(seq)) = (&event.session_id, event.seq) else { return };
        if let Some(loss) = self.sessions.iter_mut().find(|loss| loss.session_id == *id) {
            loss.first_seq = loss.first_seq.min(seq);
            loss.last_seq = loss.last_seq.max(seq);
            loss.count += 1;
        } else if self.sessions.len() < LISTED {
            let (session_id, count) = (Arc::clone(id), 1);
            self.sessions.push(Loss { session_id, first_seq: seq, last_seq: seq, count });
        }
    }

    /// The record of it, if there is anything to record.
    pub(crate) fn to_record(&self, clock: &dyn Clock) -> Option<AgentEvent> {
        if self.count == 0 {
            return None;
        }
        let sessions: Vec<Value> = self.sessions.iter().map(Loss::to_json).collect();
        let data = Data::new().with("count", self.count).with("sessions", sessions);
        let (name, status) = (AgentEventName::LogDropped, AgentEventStatus::Failed);
        Some(AgentEvent::new(name, status, clock.utc_now()).with_data(data))
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
