//! Draining while many threads open sessions and run turns.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;

use runtime_events::ManualClock;
use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, Shutdown, Turn};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Account, Limit, Usd};

use super::SECOND;
use crate::support::{assert_lawful, by_session, dollar, prices, spin_until};

const THREADS: usize = 6;
const ROUNDS: usize = 30;

/// The counts of the threads.
#[derive(Default)]
struct Seen {
    begun: AtomicBool,
    opened: AtomicU64,
    refused: AtomicU64,
}

impl Seen {
    /// Whether draining had begun before `act`, and the result of `act`.
    fn after<T>(&self, act: impl FnOnce() -> T) -> (bool, T) {
        // Acquire pairs with the release of the draining thread: later calls are refused.
        let after = self.begun.load(Ordering::Acquire);
        (after, act())
    }

    fn note<T, E>(
        &self,
        (after, result): (bool, Result<T, E>),
        shutdown: fn(&E) -> bool,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                assert!(!after, "the call began after the drain");
                Some(value)
            }
            Err(error) => {
                assert!(shutdown(&error));
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    fn turns(&self, session: &OrchestrationSession) {
        for _ in 0..4 {
            let turn = Turn::model("m").estimate(dollar()).usage(dollar());
            let result = self.after(|| session.blocking().run_turn(turn, || Ok::<_, BoxError>(())));
            self.note(result, runtime_orchestrator::TurnError::is_shutdown);
            let result = self.after(|| session.blocking().run_tool("t", || Ok::<_, BoxError>(())));
            self.note(result, runtime_orchestrator::ToolError::is_shutdown);
        }
    }

    /// Opens sessions and children until one is refused.
    fn work(&self, orchestrator: &Orchestrator) {
        loop {
            let opened = self.after(|| orchestrator.session());
            let Some(session) = self.note(opened, runtime_orchestrator::SessionError::is_shutdown)
            else {
                return;
            };
            self.opened.fetch_add(1, Ordering::Relaxed);
            self.turns(&session);
            let child = self.after(|| session.child("searcher"));
            if let Some(child) = self.note(child, runtime_orchestrator::SessionError::is_shutdown) {
                self.opened.fetch_add(1, Ordering::Relaxed);
                self.turns(&child);
                let _ = child.complete();
            }
            let _ = session.finish(Ok::<_, BoxError>(()));
        }
    }
}

#[test]
fn nothing_begins_during_a_drain_and_nothing_is_lost() {
    for round in 0..ROUNDS {
        let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
        let company = Account::new(Limit::enforced(Usd::from_dollars(1_000_000)));
        let shutdown = Shutdown::on(clock.clone());
        let orchestrator = Orchestrator::new("writer", "draft")
            .time(clock.clone())
            .event_sink(events.clone())
            .pricing(prices())
            .account(&company)
            .shutdown(&shutdown);
        let (seen, start) = (Seen::default(), Barrier::new(THREADS + 1));
        let drained = thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    seen.work(&orchestrator);
                });
            }
            start.wait();
            // Late enough for some sessions to be open.
            spin_until(|| seen.opened.load(Ordering::Relaxed) > (round % 10) as u64);
            shutdown.begin();
            seen.begun.store(true, Ordering::Release);
            shutdown.drain_blocking(SECOND)
        });

        assert!(drained.in_time, "the bodies end by themselves: {drained}");
        assert!(drained.left_over.is_empty(), "{drained}");
        assert!(seen.refused.load(Ordering::Relaxed) >= THREADS as u64);
        let streams = by_session(&events.events());
        assert_eq!(streams.len() as u64, seen.opened.load(Ordering::Relaxed));
        assert!(drained.ended <= streams.len() as u64);
        for stream in &streams {
            assert_lawful(stream);
        }
        assert_eq!(company.balance().reserved, Usd::ZERO);
        assert!(orchestrator.shared_registry().list_active().is_empty());
    }
}

#[test]
fn every_session_ends_once_when_timeout_and_bodies_race() {
    for _ in 0..ROUNDS {
        let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
        let orchestrator =
            Orchestrator::new("writer", "draft").time(clock.clone()).event_sink(events.clone());
        let open =
            Mutex::new((0..THREADS).map(|_| orchestrator.session().unwrap()).collect::<Vec<_>>());
        let start = Barrier::new(THREADS + 2);
        let drained = thread::scope(|scope| {
            for thread in 0..THREADS {
                let session = open.lock().unwrap().pop().unwrap();
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    match thread % 3 {
                        0 => drop(session),
                        1 => drop(session.finish(Err::<(), BoxError>("disk full".into()))),
                        _ => {
                            let turn = Turn::model("m");
                            let result =
                                session.blocking().run_turn(turn, || Ok::<_, BoxError>(()));
                            drop(session.finish(result.map(|answer| answer.value)));
                        }
                    }
                });
            }
            let drain = scope.spawn(|| {
                start.wait();
                orchestrator.drain_blocking(SECOND)
            });
            start.wait();
            // The timeout passes while they end.
            clock.advance(SECOND);
            spin_until(|| {
                clock.advance(SECOND);
                drain.is_finished()
            });
            drain.join().unwrap()
        });
        let again = orchestrator.drain_blocking(SECOND);
        // Sessions that had ended before are not counted.
        assert!(again.ended + again.left_over.len() as u64 <= THREADS as u64);
        assert!(again.ended >= drained.ended);
        assert!(again.left_over.iter().all(|left| !left.stuck));
        let streams = by_session(&events.events());
        assert_eq!(streams.len(), THREADS);
        let by_shutdown = streams.iter().filter(|stream| {
            assert_lawful(stream);
            let last = stream.last().unwrap();
            last.data.as_ref().is_some_and(|data| data.get("reason").is_some())
        });
        assert_eq!(by_shutdown.count(), again.left_over.len());
    }
}
