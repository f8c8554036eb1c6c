//! Reading the events of a session while it goes on.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use runtime_events::AgentEvent;
use runtime_orchestrator::{
    BoxError, MissedEventsError, OrchestrationSession, Orchestrator, SessionEvents, TelemetryConfig,
};

use crate::support::{Fixture, now, returns};

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

/// Reads until a wait or the end. The second is whether it was the end.
fn read(events: &mut SessionEvents) -> (Vec<Result<u64, MissedEventsError>>, bool) {
    let mut all = Vec::new();
    loop {
        let mut next = pin!(events.next());
        match next.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(read)) => all.push(read.map(|event| event.seq.unwrap())),
            Poll::Ready(None) => return (all, true),
            Poll::Pending => return (all, false),
        }
    }
}

fn numbers(from: u64, to: u64) -> Vec<Result<u64, MissedEventsError>> {
    (from..=to).map(Ok).collect()
}

fn keeping(events: usize) -> OrchestrationSession {
    let telemetry = TelemetryConfig::default().event_log(NonZeroUsize::new(events).unwrap());
    Orchestrator::new("writer", "draft").telemetry(telemetry).session().unwrap()
}

#[test]
fn reader_gets_every_event_once_and_then_the_end() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut events = session.handle().events();
    let opened = fixture.events.len() as u64;
    assert_eq!(read(&mut events), (numbers(1, opened), false));
    assert_eq!(read(&mut events), (vec![], false));

    now(session.run_tool("t", fine)).unwrap();
    assert_eq!(read(&mut events), (numbers(opened + 1, opened + 2), false));
    session.complete().unwrap();
    let all = fixture.events.len() as u64;
    assert_eq!(read(&mut events), (numbers(opened + 3, all), true));
    assert_eq!(read(&mut events), (vec![], true));
}

#[test]
fn reader_may_come_after_the_end() {
    let session = keeping(100);
    let handle = session.handle();
    session.complete().unwrap();
    drop(session);
    let (all, over) = read(&mut handle.events());
    assert!(over && all.len() > 3, "{all:?}");
    assert_eq!(all, numbers(1, all.len() as u64));
}

#[test]
fn reader_that_comes_back_goes_on_behind_what_it_has_seen() {
    let session = keeping(100);
    now(session.run_tool("t", fine)).unwrap();
    let (all, _) = read(&mut session.handle().events());
    let last = all.len() as u64;
    assert_eq!(read(&mut session.handle().events_after(2)).0, numbers(3, last));
    assert_eq!(read(&mut session.handle().events_after(last)).0, []);

    // What another session has numbered means nothing here.
    let mut foreign = session.handle().events_after(u64::MAX);
    assert_eq!(read(&mut foreign), (vec![], false));
    now(session.run_tool("t", fine)).unwrap();
    assert_eq!(read(&mut foreign).0, numbers(last + 1, last + 2));
}

#[test]
fn slow_reader_is_told_what_it_missed() {
    let session = keeping(4);
    let mut events = session.handle().events();
    let opened = read(&mut events).0.len() as u64;
    for _ in 0..5 {
        now(session.run_tool("t", fine)).unwrap();
    }
    let (read, _) = read(&mut events);
    let missed = read[0].unwrap_err();
    assert_eq!(missed.missed, 6);
    assert_eq!(missed.to_string(), "missed 6 events, which the session no longer keeps");
    assert_eq!(read[1..], numbers(opened + 7, opened + 10));
}

#[test]
fn without_kept_events_all_are_missed() {
    let fixture = Fixture::new();
    let telemetry = TelemetryConfig::default().without_event_log();
    let fixture = fixture.with(|orchestrator| orchestrator.telemetry(telemetry));
    let session = fixture.orchestrator.session().unwrap();
    let mut events = session.handle().events();
    session.complete().unwrap();
    let missed = fixture.events.len() as u64;
    let (all, over) = read(&mut events);
    assert_eq!(all.into_iter().map(|read| read.unwrap_err().missed).sum::<u64>(), missed);
    assert!(over);

    let silent = Orchestrator::new("writer", "draft")
        .telemetry(TelemetryConfig::default().without_event_log())
        .session()
        .unwrap();
    assert_eq!(read(&mut silent.handle().events()), (vec![], true), "no event is made");
}

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn waiting_reader_is_woken_by_each_kind_of_end() {
    let ends: [fn(&OrchestrationSession); 3] = [
        |session| session.complete().unwrap(),
        |session| session.cancel("enough").unwrap(),
        |session| drop(now(session.run_tool("t", fine))),
    ];
    for end in ends {
        let session = keeping(100);
        let mut events = session.handle().events();
        read(&mut events);
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut next = Box::pin(events.next());
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        end(&session);
        assert!(count.0.load(Ordering::Relaxed) >= 1);
    }
}

#[test]
fn dropped_reader_is_forgotten() {
    let session = keeping(100);
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut events = session.handle().events();
    read(&mut events);
    assert!(pin!(events.next()).poll(&mut Context::from_waker(&waker)).is_pending());
    drop(events);
    drop(waker);
    assert_eq!(Arc::strong_count(&count), 1);
    session.complete().unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 0);
}

#[test]
fn readers_on_other_threads_agree() {
    let session = keeping(10_000);
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let mut events = session.handle().events();
            thread::spawn(move || {
                let mut all: Vec<Arc<AgentEvent>> = Vec::new();
                crate::support::wait_for(async {
                    while let Some(event) = events.next().await {
                        all.push(event.unwrap());
                    }
                });
                all
            })
        })
        .collect();
    for _ in 0..200 {
        now(session.run_tool("t", fine)).unwrap();
    }
    session.complete().unwrap();
    let logs = returns(|| readers.into_iter().map(|r| r.join().unwrap()).collect::<Vec<_>>());
    for log in logs {
        let seqs: Vec<_> = log.iter().map(|event| event.seq.unwrap()).collect();
        assert_eq!(seqs, (1..=log.len() as u64).collect::<Vec<_>>());
        assert!(log.len() > 400);
    }
}

#[test]
fn lagging_reader_on_another_thread_accounts_for_every_event() {
    let session = keeping(3);
    let mut events = session.handle().events();
    let reader = thread::spawn(move || {
        let (mut seen, mut missed) = (0, 0);
        crate::support::wait_for(async {
            while let Some(read) = events.next().await {
                match read {
                    Ok(event) => {
                        seen += 1;
                        assert_eq!(event.seq, Some(seen + missed), "none is skipped unsaid");
                    }
                    Err(error) => {
                        assert!(error.missed > 0);
                        missed += error.missed;
                    }
                }
                // The session runs ahead.
                thread::yield_now();
            }
        });
        (seen, missed)
    });
    for _ in 0..2_000 {
        now(session.run_tool("t", fine)).unwrap();
    }
    session.complete().unwrap();
    let (seen, missed) = returns(|| reader.join().unwrap());
    assert!(seen >= 3, "the last ones are kept");
    assert!(seen + missed > 4_000, "{seen} seen, {missed} missed");
}

#[cfg(feature = "stream")]
#[test]
fn events_are_a_stream() {
    use futures_util::StreamExt;

    let session = keeping(100);
    let events = session.handle().events();
    session.complete().unwrap();
    let names: Vec<_> = now(events.map(|event| event.unwrap().event.to_string()).collect());
    assert_eq!(names.last().unwrap(), "agent.completed");
}
