//! Many threads on one session, many sessions on one orchestrator, and calls on their own threads.

use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEventName, ManualClock, SpanOutcome};
use runtime_lifecycle::{AgentRegistry, AgentStatus, RegistryConfig};
use runtime_orchestrator::{
    BoxError, Orchestrator, TelemetryConfig, ToolCall, ToolError, Turn, TurnError,
};
use runtime_policy::{QualityGate, QualityLevel};
use runtime_resilience::{CircuitState, chain_text};
use runtime_sinks::testing::RecordingEventSink;
use runtime_sinks::{RingBufferUsageSink, SinkError};
use runtime_usage::{UsageSnapshot, Usd};

use crate::support::{Fixture, assert_lawful, now, prices, spin_until, spins};

const THREADS: u64 = 8;
const ROUNDS: u64 = 40;
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn session_shared_by_eight_threads_loses_nothing() {
    let events = RecordingEventSink::new();
    let usage = RingBufferUsageSink::with_capacity(NonZeroUsize::new(10_000).unwrap());
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(ManualClock::new())
        .event_sink(events.clone())
        .usage_sink(usage.clone())
        .pricing(prices())
        .quality_gate(QualityGate::new(QualityLevel::Standard))
        .telemetry(TelemetryConfig::default().event_log(NonZeroUsize::new(16).unwrap()))
        .max_iterations(u32::MAX);
    let session = orchestrator.session().unwrap();
    let start = Barrier::new(usize::try_from(THREADS).unwrap());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    let turn = Turn::model("m").usage(UsageSnapshot::new(3, 1));
                    now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
                    let turn = Turn::model("m");
                    session.blocking().run_turn(turn, || Err::<(), _>("503")).unwrap_err();
                    let tool = ToolCall::new("search");
                    session.blocking().run_tool(tool, || Ok::<_, BoxError>(())).unwrap();
                    session.evaluate_gate(QualityLevel::Standard).unwrap();
                    assert!(session.summary().agent_events.len() <= 16);
                }
            });
        }
    });
    let report = session.finish(Ok::<_, BoxError>(()));

    let calls = THREADS * ROUNDS;
    let summary = report.summary;
    assert_eq!(u64::from(summary.iterations), 2 * calls);
    assert_eq!(summary.usage.turns, calls);
    assert_eq!(summary.usage.total_input_tokens, 3 * calls);
    assert_eq!(summary.usage.total_cost_usd, Usd::from_nanos(5_000 * calls));
    assert_eq!(usage.records().len() as u64, calls);
    let all = events.events();
    assert_lawful(&all);
    // The session's begin and end and three changes of state; begin and end of answered turns,
    // failed turns and tools; gates.
    assert_eq!(all.len() as u64, 5 + calls * (2 + 2 + 2 + 1));
    assert_eq!(summary.events_emitted, all.len() as u64);
}

#[test]
fn parallel_sessions_keep_separate_books_in_one_registry() {
    let finished = 10;
    let registry =
        AgentRegistry::with_config(RegistryConfig::default().finished_capacity(finished));
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(ManualClock::new())
        .registry(registry.clone())
        .pricing(prices());
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let orchestrator = &orchestrator;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let events = RecordingEventSink::new();
                    let session =
                        orchestrator.clone().event_sink(events.clone()).session().unwrap();
                    let tokens = thread * ROUNDS + round;
                    let turn = Turn::model("m").usage(UsageSnapshot::new(tokens, 0));
                    session.blocking().run_turn(turn, || Ok::<_, BoxError>(())).unwrap();
                    assert_eq!(session.tracker().totals().tokens.input_tokens, tokens);
                    match round % 3 {
                        0 => session.complete().unwrap(),
                        1 => session.handle().cancel("enough").unwrap(),
                        _ => drop(session),
                    }
                    assert_lawful(&events.events());
                }
            });
        }
    });
    assert!(registry.list_active().is_empty());
    assert_eq!(registry.len(), finished);
    assert_eq!(registry.finished_dropped(), THREADS * ROUNDS - finished as u64);
}

#[test]
fn session_ended_by_many_threads_ends_once() {
    for _ in 0..50 {
        let fixture = Fixture::new();
        let session = fixture.orchestrator.session().unwrap();
        let start = Barrier::new(4);
        let ended: usize = thread::scope(|scope| {
            let threads = [0, 1, 2, 3].map(|way| {
                let (session, start) = (&session, &start);
                scope.spawn(move || {
                    start.wait();
                    let turn =
                        session.blocking().run_turn(Turn::model("m"), || Ok::<_, BoxError>(()));
                    let closed = matches!(turn, Ok(_) | Err(TurnError::Closed(_)));
                    assert!(closed, "{turn:?}");
                    usize::from(match way {
                        0 => session.complete().is_ok(),
                        1 => session.handle().cancel("enough").is_ok(),
                        2 => session.fail("no", runtime_events::AgentFailureClass::Unknown).is_ok(),
                        _ => {
                            session.handoff_to("editor", "polish", serde_json::Value::Null).is_ok()
                        }
                    })
                })
            });
            threads.map(|thread| thread.join().unwrap()).iter().sum()
        });
        assert_eq!(ended, 1);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn pauses_and_inputs_on_different_threads_meet() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (taken, next) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..ROUNDS {
                // The worker waits a moment earlier than the pause.
                let answered = spins(|| handle.provide_input(round.to_string()).is_ok());
                if !answered || next.recv().is_err() {
                    // Ends a pause that would wait forever.
                    let _ = handle.cancel("no pause came");
                    return;
                }
            }
        });
        for round in 0..ROUNDS {
            let input = runtime.block_on(session.pause_for_input("next?")).unwrap();
            assert_eq!(input, round.to_string());
            taken.send(()).unwrap();
        }
    });
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn turn_on_its_own_thread_returns_at_its_timeout() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let (release, gate) = mpsc::channel::<()>();
    let finished = Arc::new(AtomicBool::new(false));
    let late = Arc::clone(&finished);
    let error = thread::scope(|scope| {
        let clock = fixture.clock.clone();
        scope.spawn(move || {
            spin_until(|| clock.waiting() > 0);
            clock.advance(Duration::from_millis(999));
            spin_until(|| clock.waiting() > 0);
            clock.advance(Duration::from_millis(1));
        });
        let turn = Turn::model("m").usage(UsageSnapshot::new(5, 5));
        let call = move || {
            gate.recv()?;
            late.store(true, Ordering::SeqCst);
            Ok::<_, mpsc::RecvError>(())
        };
        session.blocking().run_turn_within(turn, SECOND, call).unwrap_err()
    });

    assert_eq!(error.to_string(), "turn exceeded timeout of 1.000s");
    assert_eq!(fixture.clock.elapsed(), SECOND);
    assert_eq!(fixture.breaker.state(), CircuitState::Open, "a timeout is a failure");
    let before = fixture.events.len();
    release.send(()).unwrap();
    spin_until(|| finished.load(Ordering::SeqCst));
    assert_eq!(fixture.events.len(), before, "a late result is ignored");
    assert_eq!(session.tracker().totals().turns, 0);
    session.complete().unwrap();
    assert_lawful(&fixture.events.events());
}

#[test]
fn timely_call_on_its_own_thread_is_answered() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").usage(UsageSnapshot::new(5, 5));
    let answer = session.blocking().run_turn_within(turn, SECOND, || Ok::<_, BoxError>(7)).unwrap();
    assert_eq!((answer.value, answer.usage.input_tokens), (7, 5));
    let tool = ToolCall::new("search");
    assert_eq!(
        session.blocking().run_tool_within(tool, SECOND, || Ok::<_, BoxError>(8)).unwrap(),
        8
    );
    let turn = Turn::model("m");
    let failed = session.blocking().run_turn_within(turn, SECOND, || Err::<(), _>("503"));
    assert_eq!(chain_text(&failed.unwrap_err()), "503");
    assert_eq!(fixture.clock.waiting(), 0);
    assert_eq!(fixture.clock.elapsed(), Duration::ZERO);
}

#[test]
fn tool_on_its_own_thread_returns_at_its_timeout() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let (_release, gate) = mpsc::channel::<()>();
    let error = thread::scope(|scope| {
        let clock = fixture.clock.clone();
        scope.spawn(move || {
            spin_until(|| clock.waiting() > 0);
            clock.advance(SECOND);
        });
        let call = move || gate.recv();
        session.blocking().run_tool_within(ToolCall::new("search"), SECOND, call).unwrap_err()
    });
    assert_eq!(error.to_string(), "tool 'search' exceeded timeout of 1.000s");
    let ended = fixture.only(AgentEventName::ToolCompleted);
    assert_eq!(ended.outcome, Some(SpanOutcome::TimedOut));
    assert_eq!(fixture.breaker.state(), CircuitState::Closed, "the breaker does not count tools");
}

#[test]
fn cancel_wakes_a_blocked_turn_and_tool() {
    for tool in [false, true] {
        let fixture = Fixture::new();
        let session = fixture.orchestrator.session().unwrap();
        let handle = session.handle();
        let (release, gate) = mpsc::channel::<()>();
        let returned = AtomicBool::new(false);
        let call = move || gate.recv();
        thread::scope(|scope| {
            let (clock, returned) = (fixture.clock.clone(), &returned);
            scope.spawn(move || {
                spin_until(|| clock.waiting() > 0);
                handle.cancel("enough").unwrap();
                // Without a wake-up the call returns, and the test fails instead of hanging.
                spins(|| returned.load(Ordering::SeqCst));
                drop(release);
            });
            if tool {
                let search = ToolCall::new("search");
                let ended = session.blocking().run_tool_within(search, SECOND, call);
                returned.store(true, Ordering::SeqCst);
                assert!(matches!(ended, Err(ToolError::Closed(_))), "{ended:?}");
            } else {
                let ended = session.blocking().run_turn_within(Turn::model("m"), SECOND, call);
                returned.store(true, Ordering::SeqCst);
                assert!(matches!(ended, Err(TurnError::Closed(_))), "{ended:?}");
            }
        });
        assert_eq!(fixture.clock.elapsed(), Duration::ZERO);
        assert_eq!(fixture.clock.waiting(), 0);
        assert_eq!(fixture.breaker.state(), CircuitState::Closed, "a cancel is no failure");
        assert_eq!(session.status(), AgentStatus::Cancelled);
        assert_lawful(&fixture.events.events());
    }
}

#[test]
fn panic_on_its_own_thread_keeps_its_payload() {
    let fixture = Fixture::new();
    let run = || {
        fixture.orchestrator.run_blocking(|session| {
            let call = || -> Result<u8, BoxError> { resume_unwind(Box::new(41_u8)) };
            Ok(session.blocking().run_turn_within(Turn::model("m"), SECOND, call)?.value)
        })
    };
    let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(*payload.downcast::<u8>().unwrap(), 41);
    let turn = fixture.only(AgentEventName::TurnFailed);
    assert_eq!(turn.outcome, Some(SpanOutcome::Panicked));
    assert_eq!(fixture.breaker.state(), CircuitState::Open);
    assert_lawful(&fixture.events.events());

    let session = fixture.orchestrator.session().unwrap();
    let call = || -> Result<(), BoxError> { resume_unwind(Box::new(42_u8)) };
    let run = || session.blocking().run_tool_within(ToolCall::new("t"), SECOND, call);
    let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert_eq!(*payload.downcast::<u8>().unwrap(), 42);
}

#[test]
fn sink_panicking_on_one_thread_keeps_the_order_of_others() {
    let clock = ManualClock::new();
    let panics = |event: &Arc<runtime_events::AgentEvent>| -> Result<(), SinkError> {
        if event.seq.unwrap().is_multiple_of(3) {
            resume_unwind(Box::new("sink"))
        }
        Ok(())
    };
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(clock)
        .event_sink(panics)
        .max_iterations(u32::MAX);
    let session = orchestrator.session().unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..10 {
                    let turn = Turn::unmetered();
                    session.blocking().run_turn(turn, || Ok::<_, BoxError>(())).unwrap();
                }
            });
        }
    });
    let summary = session.finish(Ok::<_, BoxError>(())).summary;
    assert_eq!(summary.events_emitted, 5 + 2 * 10 * THREADS);
    assert_eq!(summary.sink_failures, summary.events_emitted / 3);
    assert_lawful(&summary.agent_events);
}

#[test]
fn states_around_a_pause_have_no_gap_when_threads_race() {
    for _ in 0..200 {
        let fixture = Fixture::new();
        let session = fixture.orchestrator.session().unwrap();
        let handle = session.handle();
        thread::scope(|scope| {
            scope.spawn(|| handle.cancel("enough"));
            for _ in 0..3 {
                let pause = session.pause_for_input("go on?");
                let mut pause = std::pin::pin!(pause);
                let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = pause.as_mut().poll(&mut cx);
            }
        });
        drop(session);
        let events = fixture.events.events();
        assert_lawful(&events);
        let mut state = "idle".to_owned();
        for event in &events {
            if event.event == AgentEventName::StatusChanged {
                let data = event.data.as_ref().unwrap();
                assert_eq!(data.get("from").unwrap(), &*state);
                data.get("to").unwrap().as_str().unwrap().clone_into(&mut state);
            }
        }
        assert_eq!(state, "cancelled");
    }
}
