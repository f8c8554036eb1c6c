//! One log of several sessions with concurrent calls: the reader finds no defect, every span in any
//! prefix has begun, and lost events are counted.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::num::NonZeroU32;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, ManualClock};
use runtime_orchestrator::{
    Attempt, BoxError, OrchestrationSession, Orchestrator, RecoveryConfig, Turn,
};
use runtime_report::Problem;
use runtime_report::Timeline;
use runtime_resilience::{Hedge, RateLimiter, RateLimits, Route, Routes};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Limit, Usd};

use crate::support::{assert_lawful, assert_whole, breaker, by_session, dollar, prices, yields};

#[derive(Clone, Copy, Debug)]
enum End {
    Answers,
    Fails,
    Hangs,
    Panics,
}

/// An operation on a session or on a running call.
#[derive(Clone, Debug)]
enum Op {
    Turn(Index, End, usize),
    /// A recovering turn, and the ends of its attempts.
    Recovering(Index, [End; 3], usize),
    Tool(Index, End, usize),
    Pause(Index),
    Answer(Index),
    Child(Index),
    Handover(Index),
    Finish(Index, bool),
    Poll(Index),
    Cut(Index),
    Advance(u64),
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Answers),
        4 => Just(End::Fails),
        3 => Just(End::Hangs),
        1 => Just(End::Panics),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let who = any::<Index>;
    prop_oneof![
        3 => (who(), any_end(), 0..3_usize).prop_map(|(who, end, polls)| Op::Turn(who, end, polls)),
        5 => (who(), [any_end(), any_end(), any_end()], 0..3_usize)
            .prop_map(|(who, ends, polls)| Op::Recovering(who, ends, polls)),
        4 => (who(), any_end(), 0..3_usize).prop_map(|(who, end, polls)| Op::Tool(who, end, polls)),
        1 => who().prop_map(Op::Pause),
        1 => who().prop_map(Op::Answer),
        1 => who().prop_map(Op::Child),
        1 => who().prop_map(Op::Handover),
        1 => (who(), any::<bool>()).prop_map(|(who, well)| Op::Finish(who, well)),
        16 => who().prop_map(Op::Poll),
        2 => who().prop_map(Op::Cut),
        6 => (0..5_u64).prop_map(Op::Advance),
    ]
}

async fn plays(end: End, polls: usize) -> Result<(), BoxError> {
    yields(polls).await;
    match end {
        End::Answers => Ok(()),
        End::Fails => Err("status 503".into()),
        End::Hangs => pending().await,
        End::Panics => panic!("of the test"),
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Sessions that write one log, and their running calls.
struct Scene {
    clock: ManualClock,
    events: RecordingEventSink,
    sessions: Vec<Rc<OrchestrationSession>>,
    tasks: Vec<Task>,
}

impl Scene {
    /// With routes and hedges, or with a breaker and a rate limit.
    fn new(routed: bool) -> Self {
        let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
        let a_second = RateLimits::default()
            .requests_per_minute(NonZeroU32::new(60).unwrap())
            .burst(Duration::from_secs(4));
        let orchestrator = Orchestrator::new("writer", "draft")
            .time(clock.clone())
            .event_sink(events.clone())
            .pricing(prices())
            .budget(Limit::enforced(Usd::from_dollars(6)));
        let orchestrator = if routed {
            orchestrator.recovery(
                RecoveryConfig::default()
                    .routes(Routes::ordered([Route::new("first", "m"), Route::new("second", "m")]))
                    .hedge(Hedge::after(Duration::from_secs(2))),
            )
        } else {
            orchestrator.circuit_breaker(breaker(&clock, 4)).rate_limiter(RateLimiter::with_clock(
                "svc",
                a_second,
                Arc::new(clock.clone()),
            ))
        };
        let sessions = (0..2).map(|_| Rc::new(orchestrator.session().unwrap())).collect();
        Self { clock, events, sessions, tasks: Vec::new() }
    }

    fn begin(&mut self, task: impl Future<Output = ()> + 'static) {
        let caught = AssertUnwindSafe(task).catch_unwind();
        self.tasks.push(Box::pin(async { drop(caught.await) }));
    }

    fn who(&self, who: Index) -> Rc<OrchestrationSession> {
        Rc::clone(who.get(&self.sessions))
    }

    fn act(&mut self, op: &Op) {
        match *op {
            Op::Turn(who, end, polls) => {
                let session = self.who(who);
                let turn = Turn::model("m").usage(dollar());
                self.begin(async move { drop(session.run_turn(turn, || plays(end, polls)).await) });
            }
            Op::Recovering(who, ends, polls) => {
                let session = self.who(who);
                self.begin(async move {
                    let turn = Turn::model("m").usage(dollar()).repeatable();
                    let call = |attempt: Attempt| {
                        let place = attempt.number() as usize % ends.len();
                        plays(ends[place], polls)
                    };
                    drop(session.run_turn_recovering(turn, call).await);
                });
            }
            Op::Tool(who, end, polls) => {
                let session = self.who(who);
                self.begin(async move {
                    drop(session.run_tool("search", || plays(end, polls)).await);
                });
            }
            Op::Pause(who) => {
                let session = self.who(who);
                self.begin(async move { drop(session.pause_for_input("go on?").await) });
            }
            Op::Answer(who) => drop(self.who(who).provide_input("yes")),
            Op::Child(who) => {
                let child = self.who(who).child("searcher");
                self.sessions.extend(child.map(Rc::new));
            }
            Op::Handover(who) => {
                drop(self.who(who).handoff_to("editor", "done", serde_json::json!({})));
            }
            Op::Finish(who, true) => drop(self.who(who).complete()),
            Op::Finish(who, false) => {
                let _ = self.who(who).fail("enough", AgentFailureClass::Unknown);
            }
            Op::Poll(which) if !self.tasks.is_empty() => {
                let which = which.index(self.tasks.len());
                let mut cx = Context::from_waker(Waker::noop());
                if self.tasks[which].as_mut().poll(&mut cx).is_ready() {
                    drop(self.tasks.swap_remove(which));
                }
            }
            Op::Cut(which) if !self.tasks.is_empty() => {
                drop(self.tasks.swap_remove(which.index(self.tasks.len())));
            }
            Op::Poll(_) | Op::Cut(_) => {}
            Op::Advance(seconds) => self.clock.advance(Duration::from_secs(seconds)),
        }
    }

    /// At the end, running calls are dropped, then the sessions, in any order.
    fn play(mut self, ops: &[Op], order: &[Index]) -> Vec<Arc<AgentEvent>> {
        for op in ops {
            self.act(op);
        }
        self.tasks.clear();
        for which in order {
            if !self.sessions.is_empty() {
                drop(self.sessions.swap_remove(which.index(self.sessions.len())));
            }
        }
        self.sessions.clear();
        self.events.events()
    }
}

proptest! {
    #[test]
    fn checker_finds_no_defect_in_logs_of_sessions(
        routed in any::<bool>(),
        ops in vec(any_op(), 0..60),
        order in vec(any::<Index>(), 0..4),
        cut in any::<Index>(),
        lost in vec(any::<Index>(), 0..6),
    ) {
        let events = Scene::new(routed).play(&ops, &order);
        assert_whole(&events);
        for session in by_session(&events) {
            assert_lawful(&session);
        }
        assert_cut(&events[..cut.index(events.len() + 1)]);
        assert_lossy(&events, &lost);
    }
}

/// Ensures that the property covers all events.
#[test]
fn drawn_operations_cover_every_event() {
    use AgentEventName::{
        AgentBlocked, AgentPaused, AgentResumed, AttemptStarted, BreakerChanged, HandedOver,
        RecoveryAttempted, ToolCalled, TurnStarted, WaitStarted,
    };
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for round in 0..100 {
        let ops = vec(any_op(), 60).new_tree(&mut runner).unwrap().current();
        for event in Scene::new(round % 2 == 0).play(&ops, &[]) {
            let data = |key| event.data.as_ref().and_then(|data| data.get(key));
            let kind = data("for").or_else(|| data("hedge")).map(ToString::to_string);
            let nested = event.event == AgentEventName::AgentStarted && event.parent.is_some();
            seen.insert(format!("{} {}", event.event, kind.unwrap_or_default()).trim().to_owned());
            seen.extend(nested.then(|| "child".to_owned()));
        }
    }
    for name in [
        AgentBlocked,
        AgentPaused,
        AgentResumed,
        ToolCalled,
        AttemptStarted,
        BreakerChanged,
        HandedOver,
        RecoveryAttempted,
        TurnStarted,
    ] {
        assert!(seen.contains(name.as_str()), "{name}: {seen:#?}");
    }
    for name in ["\"backoff\"", "\"rate_limit\""] {
        assert!(seen.contains(&format!("{WaitStarted} {name}")), "{name}: {seen:#?}");
    }
    assert!(
        seen.contains("child") && seen.contains(&format!("{AttemptStarted} true")),
        "{seen:#?}"
    );
}

/// A crash: spans may have no end, but there is no other defect.
fn assert_cut(events: &[Arc<AgentEvent>]) {
    let timeline = Timeline::read(events.iter().map(|event| &**event));
    for finding in timeline.findings() {
        assert!(matches!(finding.problem, Problem::NotEnded(_)), "{finding}");
    }
    let open = timeline.spans().iter().filter(|span| span.is_unfinished()).count();
    assert!(open >= timeline.findings().len());
}

/// Events that a sink dropped: each one, except the last of a session, is known to be missing.
fn assert_lossy(events: &[Arc<AgentEvent>], lost: &[Index]) {
    let mut kept = events.to_vec();
    for which in lost {
        kept.remove(which.index(kept.len()));
    }
    let mut sessions = BTreeMap::new();
    for event in &kept {
        let (seen, highest) = sessions.entry(event.session_id.clone()).or_insert((0, 0));
        *seen += 1;
        *highest = event.seq.unwrap();
    }
    let missing: u64 = sessions.values().map(|(seen, highest)| highest - seen).sum();
    let timeline = Timeline::read(kept.iter().map(|event| &**event));
    assert_eq!(timeline.lost(), missing);
    let told = timeline.findings().iter().map(|finding| match finding.problem {
        Problem::Missing { count, .. } => count,
        _ => 0,
    });
    assert_eq!(told.sum::<u64>(), missing);
    assert!(timeline.html(&runtime_report::PageConfig::default()).ends_with("</script>\n"));
}
