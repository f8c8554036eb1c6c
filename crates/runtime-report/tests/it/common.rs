//! Logs for tests.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};

/// The small log that the golden files are of.
pub(crate) const LOG: &str = include_str!("golden/run.jsonl");

pub(crate) fn golden_events() -> Vec<AgentEvent> {
    LOG.lines().map(|line| AgentEvent::from_json(line).expect("our own log")).collect()
}

pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_779_278_400, 0).expect("it is in range")
}

/// A session that writes its events: times are milliseconds since it opened.
#[derive(Debug)]
pub(crate) struct Session {
    id: Arc<str>,
    role: Arc<str>,
    opened: DateTime<Utc>,
    seq: u64,
    pub(crate) events: Vec<AgentEvent>,
}

impl Session {
    pub(crate) fn new(id: &str, role: &str) -> Self {
        Self { id: id.into(), role: role.into(), opened: noon(), seq: 0, events: Vec::new() }
    }

    pub(crate) fn opened_after(mut self, millis: i64) -> Self {
        self.opened = noon() + TimeDelta::milliseconds(millis);
        self
    }

    pub(crate) fn event(&mut self, millis: u64, name: AgentEventName) -> &mut AgentEvent {
        self.seq += 1;
        let elapsed = Duration::from_millis(millis);
        let at = self.opened + TimeDelta::from_std(elapsed).expect("it is in range");
        let mut event = AgentEvent::new(name, AgentEventStatus::Running, at);
        event.session_id = Some(Arc::clone(&self.id));
        event.role = Some(Arc::clone(&self.role));
        event.seq = Some(self.seq);
        event.elapsed = Some(elapsed);
        self.events.push(event);
        self.events.last_mut().expect("it was pushed")
    }

    pub(crate) fn skip(&mut self, events: u64) {
        self.seq += events;
    }

    pub(crate) fn begin(&mut self, millis: u64, name: AgentEventName, span: u64, parent: u64) {
        let event = self.event(millis, name);
        event.span = Some(SpanId::from_u64(span));
        event.parent = (parent > 0).then(|| SpanId::from_u64(parent));
    }

    pub(crate) fn end(&mut self, millis: u64, name: AgentEventName, span: u64) -> &mut AgentEvent {
        let event = self.event(millis, name);
        event.span = Some(SpanId::from_u64(span));
        event.outcome = Some(SpanOutcome::Ok);
        event
    }

    pub(crate) fn fail(
        &mut self,
        millis: u64,
        name: AgentEventName,
        span: u64,
        said: &str,
    ) -> &mut AgentEvent {
        let event = self.end(millis, name, span);
        event.outcome = Some(SpanOutcome::Failed);
        event.detail = Some(said.to_owned().into());
        event
    }

    /// A turn from its beginning to its end.
    pub(crate) fn turn(&mut self, from: u64, to: u64, span: u64, cost: f64) {
        self.begin(from, AgentEventName::TurnStarted, span, 1);
        self.end(to, AgentEventName::TurnCompleted, span).data = Some(
            Data::new()
                .with("model", "gpt-5")
                .with("input_tokens", 100)
                .with("output_tokens", 10)
                .with("cost_usd", cost),
        );
    }

    pub(crate) fn tool(&mut self, from: u64, to: u64, span: u64) {
        self.begin(from, AgentEventName::ToolCalled, span, 1);
        self.end(to, AgentEventName::ToolCompleted, span).data =
            Some(Data::new().with("tool", "search"));
    }
}

/// A session of `events` events: turns and tools, some of which fail.
pub(crate) fn long(events: u64) -> Vec<AgentEvent> {
    let mut session = Session::new("4bf92f3577b34da6a3ce929d0e0e4736", "researcher");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    let mut span = 2;
    while session.seq + 5 <= events {
        let at = 20 * span;
        session.turn(at, at + 15, span, 0.001);
        session.tool(at + 16, at + 19, span + 1);
        if span % 40 == 0 {
            let last = session.events.last_mut().expect("the end of a tool");
            last.outcome = Some(SpanOutcome::Failed);
            last.detail = Some("connection reset by peer".into());
        }
        span += 2;
    }
    session.end(20 * span, AgentEventName::AgentCompleted, 1);
    session.events
}

/// A run of about `events` events that dies of a 401 in the last turn of its lead.
///
/// The lead has 99 workers of one name. Their calls fail often, and recover.
pub(crate) fn dying(events: u64) -> Vec<AgentEvent> {
    let mut lead = Session::new("1ead0000-0000-4000-8000-000000000000", "lead");
    lead.begin(0, AgentEventName::AgentStarted, 1, 0);
    lead.turn(10, 900, 2, 0.01);
    let (mut all, mut end) = (Vec::new(), 0);
    for number in 1..=99 {
        let id = format!("{:08x}-0000-4000-8000-000000000000", number * 0x0123_4567_u64);
        let mut worker = Session::new(&id, "worker").opened_after(1_000);
        let root = number * 10_000;
        worker.begin(0, AgentEventName::AgentStarted, root, 1);
        let mut span = root + 1;
        while worker.seq + 12 < events / 100 {
            let at = 40 * (span - root) + number;
            recovered(&mut worker, at, span, root);
            span += 4;
        }
        end = end.max(40 * (span - root) + number);
        worker.end(40 * (span - root) + number, AgentEventName::AgentCompleted, root);
        all.extend(worker.events);
    }
    let end = end + 1_500;
    lead.begin(end, AgentEventName::TurnStarted, 3, 1);
    lead.begin(end + 1, AgentEventName::AttemptStarted, 4, 3);
    let said = "HTTP 401 Unauthorized: the API key was revoked";
    lead.fail(end + 80, AgentEventName::AttemptFailed, 4, said);
    lead.fail(end + 81, AgentEventName::TurnFailed, 3, said).data =
        Some(Data::new().with("model", "gpt-5").with("attempts", 1));
    lead.fail(end + 90, AgentEventName::AgentFailed, 1, &format!("the turn failed: {said}"));
    all.extend(lead.events);
    all.sort_by_key(|event| event.emitted_at);
    all
}

/// A turn whose first attempt fails, and a tool that works when it is called again: twelve events.
fn recovered(worker: &mut Session, at: u64, span: u64, root: u64) {
    worker.begin(at, AgentEventName::TurnStarted, span, root);
    worker.begin(at + 1, AgentEventName::AttemptStarted, span + 1, span);
    let said = format!("rate_limit, status 429, request req_{at:08x}");
    worker.fail(at + 20, AgentEventName::AttemptFailed, span + 1, &said);
    worker.begin(at + 21, AgentEventName::RecoveryAttempted, span, root);
    worker.begin(at + 40, AgentEventName::AttemptStarted, span + 2, span);
    worker.end(at + 90, AgentEventName::AttemptCompleted, span + 2);
    worker.begin(at + 91, AgentEventName::RecoverySucceeded, span, root);
    worker.end(at + 92, AgentEventName::TurnCompleted, span).data =
        Some(Data::new().with("model", "gpt-5").with("output_tokens", 10).with("cost_usd", 0.001));
    for (from, fails) in [(100, true), (120, false)] {
        let tool = span + 3 + if fails { 5_000 } else { 0 };
        worker.begin(at + from, AgentEventName::ToolCalled, tool, root);
        let event = worker.end(at + from + 19, AgentEventName::ToolCompleted, tool);
        event.data = Some(Data::new().with("tool", "search"));
        if fails {
            event.outcome = Some(SpanOutcome::Failed);
            event.detail = Some("connection reset by peer".into());
        }
    }
}
