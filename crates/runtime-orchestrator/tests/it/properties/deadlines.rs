//! Deadlines are passed down and never extended: the time left of a session is the minimum along
//! the path to it.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::pending;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;
use runtime_events::{Clock, ManualClock};
use runtime_orchestrator::{
    BoxError, OrchestrationSession, Orchestrator, SessionError, ToolCall, Turn, TurnError,
};

use crate::support::{limit, now};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A child with its parent's settings.
    Child,
    /// A session of another orchestrator, with this deadline, on the first or the second clock.
    Below(Option<u64>, bool),
    /// Advances the clocks, each by its number of seconds.
    Advance(u64, u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let deadline = prop::option::of(1..60_u64);
    prop_oneof![
        2 => Just(Step::Child),
        3 => (deadline, any::<bool>()).prop_map(|(deadline, other)| Step::Below(deadline, other)),
        3 => (0..9_u64, 0..9_u64).prop_map(|(one, other)| Step::Advance(one, other)),
    ]
}

/// A session, its clock, and its deadline on that clock, in seconds.
struct Node {
    session: OrchestrationSession,
    on_other: bool,
    deadline: Option<u64>,
}

fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

struct Path {
    clocks: [ManualClock; 2],
    nodes: Vec<Node>,
}

impl Path {
    fn new(deadline: Option<u64>) -> Self {
        let clocks = [ManualClock::new(), ManualClock::new()];
        let session = orchestrator(&clocks[0], deadline).session().unwrap();
        Self { nodes: vec![Node { session, on_other: false, deadline }], clocks }
    }

    fn seconds(&self, on_other: bool) -> u64 {
        self.clocks[usize::from(on_other)].elapsed().as_secs()
    }

    /// The time left by the model.
    fn left(&self, node: &Node) -> Option<u64> {
        node.deadline.map(|at| at.saturating_sub(self.seconds(node.on_other)))
    }

    fn apply(&mut self, step: Step) {
        let parent = self.nodes.last().unwrap();
        let left = self.left(parent);
        let (opened, on_other, own) = match step {
            Step::Child => (parent.session.child("searcher"), parent.on_other, None),
            Step::Below(own, on_other) => {
                let clock = &self.clocks[usize::from(on_other)];
                (orchestrator(clock, own).session_below(&parent.session), on_other, own)
            }
            Step::Advance(one, other) => {
                self.clocks[0].advance(Duration::from_secs(one));
                self.clocks[1].advance(Duration::from_secs(other));
                return;
            }
        };
        match opened {
            Ok(session) => {
                assert_ne!(left, Some(0));
                let now = self.seconds(on_other);
                let deadline = least(left, own).map(|left| now + left);
                self.nodes.push(Node { session, on_other, deadline });
            }
            Err(error) => {
                assert!(matches!(error, SessionError::Deadline(_)), "{error:?}");
                assert_eq!(left, Some(0));
            }
        }
    }

    fn check(&self) {
        for node in &self.nodes {
            let left = self.left(node).map(Duration::from_secs);
            assert_eq!(node.session.time_left(), left);
            let clock = &self.clocks[usize::from(node.on_other)];
            if let Some(left) = left.filter(|left| !left.is_zero()) {
                assert_eq!(node.session.deadline(), Some(clock.now() + left));
            }
            assert_eq!(node.session.deadline().is_some(), node.deadline.is_some());
        }
        for pair in self.nodes.windows(2).filter(|pair| pair[0].on_other == pair[1].on_other) {
            if let Some(above) = pair[0].session.deadline() {
                assert!(pair[1].session.deadline().unwrap() <= above, "it was extended");
            }
        }
    }

    /// A turn and a tool of the last session have the minimum of its time and their own.
    fn call(&self, timeout: Option<u64>) {
        let node = self.nodes.last().unwrap();
        let (clock, left) = (&self.clocks[usize::from(node.on_other)], self.left(node));
        // A timeout of a thousand years is no timeout.
        let own = limit(clock, timeout.map_or(Duration::MAX, Duration::from_secs));
        let turn = Turn::model("m").timeout(own.clone());
        let turn = match now(node.session.begin_turn(turn)) {
            Ok(turn) => turn,
            Err(error) => {
                assert!(matches!(error, TurnError::Deadline(_)), "{error:?}");
                assert_eq!(left, Some(0));
                return;
            }
        };
        assert_ne!(left, Some(0));
        let Some(least) = least(left, timeout) else { return };
        assert_eq!(turn.time_left(), Some(Duration::from_secs(least)));
        let mut turn = turn;
        let mut tool = Box::pin(
            node.session.run_tool(ToolCall::new("t").timeout(own), pending::<Result<(), BoxError>>),
        );
        let cut = {
            let mut step = Box::pin(turn.run(pending::<()>()));
            assert!(step.as_mut().now_or_never().is_none());
            assert!(tool.as_mut().now_or_never().is_none());
            clock.advance(Duration::from_secs(least).saturating_sub(Duration::from_nanos(1)));
            assert!(step.as_mut().now_or_never().is_none(), "not yet");
            assert!(tool.as_mut().now_or_never().is_none(), "not yet");
            clock.advance(Duration::from_nanos(1));
            assert!(tool.as_mut().now_or_never().unwrap().is_err());
            now(step).unwrap_err()
        };
        let by_deadline = left.is_some_and(|left| timeout.is_none_or(|timeout| left < timeout));
        match cut {
            TurnError::Deadline(_) => assert!(by_deadline),
            TurnError::TimedOut(_) => assert!(!by_deadline),
            other => panic!("{other:?}"),
        }
        assert_eq!(turn.time_left(), Some(Duration::ZERO));
    }
}

fn orchestrator(clock: &ManualClock, deadline: Option<u64>) -> Orchestrator {
    let orchestrator = Orchestrator::new("lead", "research").time(clock.clone());
    match deadline {
        Some(deadline) => orchestrator.deadline(limit(clock, Duration::from_secs(deadline))),
        None => orchestrator,
    }
}

proptest! {
    #[test]
    fn time_left_is_the_minimum_along_every_path(
        deadline in prop::option::of(1..60_u64),
        steps in vec(any_step(), 0..12),
        timeout in prop::option::of(1..60_u64),
    ) {
        let mut path = Path::new(deadline);
        path.check();
        for step in steps {
            path.apply(step);
            path.check();
        }
        path.call(timeout);
        path.check();
    }
}
