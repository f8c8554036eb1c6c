//! Sessions, turns, tools, pauses and drains in any order.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Clock, ManualClock};
use runtime_orchestrator::{
    BoxError, Drained, OrchestrationSession, Orchestrator, Shutdown, Turn, TurnError,
};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Account, Limit, Usd};

use crate::support::{
    assert_lawful, billed, by_session, dollar, limit, now, prices, spin_until, wait_for,
};

#[derive(Clone, Debug)]
enum Op {
    Open,
    Child(Index),
    /// A child of another orchestrator, which drains separately.
    Below(Index),
    Begin(Index, Kind),
    /// The call of a turn or tool returns, or a pause gets its input.
    Return(Index),
    Drop(Index),
    Poll(Index),
    End(Index, How),
    /// The body returns the refusal of its turn.
    HandOn(Index),
    Advance(u64),
    Drain(u64),
    /// The drains are polled.
    PollDrains,
    DropDrain(Index),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Turn,
    Tool,
    Pause,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Complete,
    Fail,
    Cancel,
}

fn any_op() -> impl Strategy<Value = Op> {
    let kind = prop::sample::select(vec![Kind::Turn, Kind::Turn, Kind::Tool, Kind::Pause]);
    let how = prop::sample::select(vec![How::Complete, How::Fail, How::Cancel]);
    let at = any::<Index>;
    prop_oneof![
        4 => Just(Op::Open),
        2 => at().prop_map(Op::Child),
        2 => at().prop_map(Op::Below),
        9 => (at(), kind).prop_map(|(at, kind)| Op::Begin(at, kind)),
        4 => at().prop_map(Op::Return),
        1 => at().prop_map(Op::Drop),
        2 => at().prop_map(Op::Poll),
        4 => (at(), how).prop_map(|(at, how)| Op::End(at, how)),
        2 => at().prop_map(Op::HandOn),
        3 => (1..4_u64).prop_map(Op::Advance),
        1 => (0..9_u64).prop_map(Op::Drain),
        4 => Just(Op::PollDrains),
        1 => at().prop_map(Op::DropDrain),
    ]
}

proptest! {
    #[test]
    fn drain_loses_no_session_and_begins_nothing(
        ops in vec(any_op(), 0..60),
        grace in prop::sample::select(vec![0, 0, 1, 3, 5]),
    ) {
        let mut world = World::new(Duration::from_secs(grace));
        for op in &ops {
            world.apply(op);
        }
        world.end();
    }
}

type Work = Pin<Box<dyn Future<Output = Result<(), bool>>>>;

type Draining = Pin<Box<dyn Future<Output = Drained>>>;

/// A running turn, tool or pause. The error is whether a shutdown is the cause.
struct Task {
    session: Arc<OrchestrationSession>,
    kind: Kind,
    returns: Rc<Cell<bool>>,
    work: Work,
}

struct World {
    clock: ManualClock,
    events: RecordingEventSink,
    company: Account,
    lead: Orchestrator,
    search: Orchestrator,
    sessions: Vec<Arc<OrchestrationSession>>,
    tasks: Vec<Task>,
    /// Each with the end of its timeout.
    drains: Vec<(Instant, Draining)>,
    grace: Duration,
    /// When draining began.
    begun: Option<Instant>,
    /// The number of sessions that were open when it began or were opened since.
    open_since: u64,
    /// The number of begin events when the grace was over, as a drain noticed.
    closed: Option<usize>,
}

impl World {
    fn new(grace: Duration) -> Self {
        let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
        let company = Account::new(Limit::recorded(Usd::from_dollars(1)));
        let lead = Orchestrator::new("lead", "draft")
            .shutdown(&Shutdown::on(clock.clone()).grace(grace))
            .time(clock.clone())
            .event_sink(events.clone())
            .pricing(prices())
            .account(&company);
        let search = Orchestrator::new("searcher", "draft")
            .time(clock.clone())
            .event_sink(events.clone())
            .pricing(prices());
        let (sessions, tasks, drains) = (Vec::new(), Vec::new(), Vec::new());
        let (begun, open_since, closed) = (None, 0, None);
        Self {
            clock,
            events,
            company,
            lead,
            search,
            sessions,
            tasks,
            drains,
            grace,
            begun,
            open_since,
            closed,
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Open => {
                let opened = self.lead.session();
                assert_eq!(opened.is_err(), self.begun.is_some());
                self.open_since += u64::from(opened.is_ok());
                self.sessions.extend(opened.map(Arc::new));
            }
            Op::Child(at) => {
                let Some(parent) = self.session(*at) else { return };
                let closed = parent.status().is_terminal();
                let opened = parent.child("reader");
                assert_eq!(opened.is_err(), self.closed.is_some() || closed);
                self.open_since += u64::from(opened.is_ok());
                self.sessions.extend(opened.map(Arc::new));
            }
            Op::Below(at) => {
                let Some(parent) = self.session(*at) else { return };
                let closed = parent.status().is_terminal();
                let opened = self.search.session_below(&parent);
                assert_eq!(opened.is_err(), self.closed.is_some() || closed);
                self.open_since += u64::from(opened.is_ok());
                self.sessions.extend(opened.map(Arc::new));
            }
            Op::Begin(at, kind) => {
                let Some(session) = self.session(*at) else { return };
                self.begin(&session, *kind);
            }
            Op::Return(at) => {
                let Some(task) = self.take(*at) else { return };
                task.returns.set(true);
                if matches!(task.kind, Kind::Pause) {
                    let _ = task.session.provide_input("yes");
                }
                let closed = task.session.status().is_terminal();
                let shutdown = task.session.summary().shutdown;
                match task.work.now_or_never() {
                    // A provided input is taken, even after a cancel.
                    Some(Ok(())) => {}
                    Some(Err(by_shutdown)) => assert_eq!((closed, shutdown), (true, by_shutdown)),
                    None => panic!("it returns"),
                }
            }
            Op::Drop(at) => drop(self.take(*at)),
            Op::Poll(at) => {
                let Some(mut task) = self.take(*at) else { return };
                let closed = task.session.status().is_terminal();
                match task.work.as_mut().now_or_never() {
                    None => {
                        assert!(!closed, "it is interrupted where it waits");
                        self.tasks.push(task);
                    }
                    Some(result) => {
                        assert!(closed);
                        let by_shutdown = result.unwrap_err();
                        assert_eq!(task.session.summary().shutdown, by_shutdown);
                    }
                }
            }
            Op::End(at, how) => {
                let Some(session) = self.session(*at) else { return };
                // Refused if the session has ended or is busy.
                let _ = match how {
                    How::Complete => session.complete().is_ok(),
                    How::Fail => session.fail("enough", AgentFailureClass::Unknown).is_ok(),
                    How::Cancel => session.handle().cancel("ctrl-c").is_ok(),
                };
            }
            Op::HandOn(at) => {
                if self.sessions.is_empty() {
                    return;
                }
                let at = at.index(self.sessions.len());
                if Arc::strong_count(&self.sessions[at]) > 1 {
                    return;
                }
                let Some(session) = Arc::into_inner(self.sessions.swap_remove(at)) else { return };
                let closed = session.status().is_terminal();
                let result =
                    now(session.run_turn(Turn::model("m"), async || Ok::<_, BoxError>(())));
                let (by, before) =
                    (result.as_ref().err().map(TurnError::is_shutdown), &self.closed);
                let summary = session.finish(result.map(drop)).summary;
                assert!(closed || before.is_none() || by == Some(true) || summary.iterations > 25);
                assert!(closed || summary.shutdown == (by == Some(true)));
            }
            Op::Advance(seconds) => self.clock.advance(Duration::from_secs(*seconds)),
            Op::Drain(seconds) => {
                let (lead, after) = (self.lead.clone(), Duration::from_secs(*seconds));
                let (until, timeout) = (self.clock.now() + after, limit(&self.clock, after));
                self.drains.push((until, Box::pin(async move { lead.drain(timeout).await })));
                self.poll_drains();
            }
            Op::PollDrains => self.poll_drains(),
            Op::DropDrain(at) => {
                if !self.drains.is_empty() {
                    drop(self.drains.swap_remove(at.index(self.drains.len())));
                }
            }
        }
        if let Some(beginnings) = self.closed {
            assert_eq!(self.beginnings(), beginnings, "nothing begins");
        }
    }

    fn begin(&mut self, session: &Arc<OrchestrationSession>, kind: Kind) {
        let returns = Rc::new(Cell::new(false));
        let gate = Rc::clone(&returns);
        let call = move || async move {
            let ready = || if gate.get() { Poll::Ready(()) } else { Poll::Pending };
            poll_fn(|_| ready()).await;
            Ok::<_, BoxError>(())
        };
        let held = Arc::clone(session);
        let mut work: Work = Box::pin(async move {
            match kind {
                Kind::Turn => {
                    let turn = Turn::model("m").estimate(dollar()).usage(dollar());
                    let answer = held.run_turn(turn, call).await;
                    answer.map(drop).map_err(|error| error.is_shutdown())
                }
                Kind::Tool => {
                    held.run_tool("search", call).await.map_err(|error| error.is_shutdown())
                }
                Kind::Pause => {
                    let input = held.pause_for_input("go on?").await;
                    input.map(drop).map_err(|error| error.is_shutdown())
                }
            }
        });
        let closed = session.status().is_terminal();
        match work.as_mut().now_or_never() {
            None => {
                assert!(!closed && self.closed.is_none());
                self.tasks.push(Task { session: Arc::clone(session), kind, returns, work });
            }
            Some(result) => {
                let by_shutdown = result.unwrap_err();
                if closed {
                    assert_eq!(by_shutdown, session.summary().shutdown);
                } else if self.closed.is_some() {
                    let iterations = session.summary().iterations;
                    assert!(by_shutdown || iterations > 25, "refused, and why");
                } else {
                    let capped = session.summary().iterations > 25;
                    assert!(capped || matches!(kind, Kind::Pause), "two pauses, or the cap");
                }
            }
        }
    }

    fn poll_drains(&mut self) {
        if self.drains.is_empty() {
            return;
        }
        let now = self.clock.now();
        if self.begun.is_none() {
            (self.begun, self.open_since) = (Some(now), self.open());
        }
        let over = self.begun.map(|begun| begun + self.grace);
        if self.drains.iter().any(|(until, _)| Some(*until).min(over) <= Some(now)) {
            self.closed = self.closed.or_else(|| Some(self.beginnings()));
        }
        let clock = &self.clock;
        let mut done = Vec::new();
        // A drain that waits for nothing on the clock waits for threads in sinks.
        spin_until(|| {
            self.drains.retain_mut(|(_, drain)| match drain.as_mut().now_or_never() {
                None => true,
                Some(drained) => {
                    done.push(drained);
                    false
                }
            });
            clock.waiting() == self.drains.len()
        });
        for drained in done {
            let known = drained.ended + drained.left_over.len() as u64;
            assert_eq!(known, self.open_since, "none is lost");
            let stuck = drained.left_over.iter().filter(|left| left.stuck).count() as u64;
            assert_eq!(stuck, self.open());
        }
    }

    /// The number of sessions without a last event.
    fn open(&self) -> u64 {
        let streams = by_session(&self.events.events());
        streams.iter().filter(|stream| !is_over(stream)).count() as u64
    }

    fn beginnings(&self) -> usize {
        let begin = [
            AgentEventName::AgentStarted,
            AgentEventName::TurnStarted,
            AgentEventName::ToolCalled,
            AgentEventName::AgentPaused,
        ];
        self.events.events().iter().filter(|event| begin.contains(&event.event)).count()
    }

    fn session(&self, at: Index) -> Option<Arc<OrchestrationSession>> {
        let some = !self.sessions.is_empty();
        some.then(|| Arc::clone(&self.sessions[at.index(self.sessions.len())]))
    }

    fn take(&mut self, at: Index) -> Option<Task> {
        let some = !self.tasks.is_empty();
        some.then(|| self.tasks.swap_remove(at.index(self.tasks.len())))
    }

    /// Drops everything: the roster is empty, every span has ended, and the books agree.
    fn end(mut self) {
        self.poll_drains();
        self.tasks.clear();
        self.sessions.clear();
        self.poll_drains();
        assert!(self.drains.is_empty(), "the drains are done after all sessions");
        let drained = wait_for(self.lead.drain(limit(&self.clock, Duration::ZERO)));
        assert!(drained.left_over.iter().all(|left| !left.stuck));
        if self.begun.is_some() {
            assert_eq!(drained.ended + drained.left_over.len() as u64, self.open_since);
        }
        let streams = by_session(&self.events.events());
        let by_shutdown = streams.iter().filter(|stream| {
            assert_lawful(stream);
            let last = stream.last().unwrap();
            last.data.as_ref().is_some_and(|data| data.get("reason").is_some())
        });
        assert_eq!(by_shutdown.count(), drained.left_over.len());
        let balance = self.company.balance();
        assert_eq!((balance.reserved, balance.spent), (Usd::ZERO, billed(&self.events.events())));
        assert!(self.lead.shared_registry().list_active().is_empty());
    }
}

fn is_over(stream: &[Arc<AgentEvent>]) -> bool {
    let last = &stream[stream.len() - 1];
    last.outcome.is_some() && last.span == stream[0].span
}
