//! The queue: order, bounds, losses, flushes, shutdown.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use runtime_events::payload::LogRecord;
use runtime_events::{AgentEvent, AgentEventName, ManualClock};
use runtime_sinks::{
    EventSink, Filter, JsonlSink, Losses, QueueConfig, QueueShutdown, QueueSink,
    RingBufferEventSink, SinkError, SinkStats,
};

use crate::common::{TempFile, event, number, numbered};

const LONG: Duration = Duration::from_secs(60);

/// Blocks until it is told to continue, so that the queue fills up.
struct Gate {
    enter: Sender<()>,
    go: Mutex<Receiver<()>>,
    kept: RingBufferEventSink,
}

impl EventSink for Gate {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let _ = self.enter.send(());
        // Once the test has dropped the other end, nothing blocks any more.
        let _ = self.go.lock().expect("no test panics with it").recv();
        self.kept.emit(event)
    }
}

/// A gate, its events, and the two ends of it.
fn gate() -> (Gate, RingBufferEventSink, Receiver<()>, Sender<()>) {
    let ((enter, entered), (open, go)) = (channel(), channel());
    let kept = RingBufferEventSink::with_capacity(NonZeroUsize::MIN.saturating_add(99_999));
    (Gate { enter, go: Mutex::new(go), kept: kept.clone() }, kept, entered, open)
}

fn holding(capacity: usize, reserve: usize) -> QueueConfig {
    QueueConfig::default().capacity(NonZeroUsize::new(capacity).expect("not 0")).reserve(reserve)
}

fn adds_up(stats: SinkStats) -> bool {
    stats.accepted == stats.written + stats.dropped + stats.pending
}

#[test]
fn flush_waits_for_events_in_order() {
    let ring = RingBufferEventSink::new();
    let queue = QueueSink::new(ring.clone(), QueueConfig::default());
    for n in 0..500 {
        queue.emit(&event(n)).unwrap();
    }
    queue.flush().unwrap();
    assert!(ring.events().iter().map(|e| number(e)).eq(0..500));
    let stats = queue.stats().unwrap();
    assert_eq!((stats.accepted, stats.written, stats.pending), (500, 500, 0));
    queue.flush().unwrap();
    assert!(queue.shutdown(LONG).is_complete());
    let refused = queue.emit(&event(500)).unwrap_err();
    assert_eq!(refused.to_string(), "cannot queue an event: the queue was shut down");
    assert!(queue.flush().is_err());
    assert!(adds_up(queue.stats().unwrap()));
}

#[test]
fn full_queue_keeps_places_for_critical_events() {
    let (gate, kept, entered, open) = gate();
    let queue = QueueSink::new(gate, holding(10, 3));
    queue.emit(&numbered("s", 1)).unwrap();
    entered.recv().unwrap();
    // The thread is blocked by the first. Seven more fit, and three critical ones.
    let taken = (2..=20).filter(|n| queue.emit(&numbered("s", *n)).is_ok()).count();
    assert_eq!(taken, 7);
    let critical = || Arc::new(AgentEvent::completed("writer", "draft"));
    assert_eq!((0..5).filter(|_| queue.emit(&critical()).is_ok()).count(), 3);
    let stats = queue.stats().unwrap();
    assert!(adds_up(stats));
    assert_eq!((stats.dropped, stats.pending), (14, 11));

    drop(open);
    let left = queue.shutdown(LONG);
    assert_eq!((left.written, left.dropped, left.pending), (11, 14, 0));
    let events = kept.events();
    let told = events.iter().find(|e| e.event == AgentEventName::LogDropped).unwrap();
    let data = told.data.as_ref().unwrap();
    assert_eq!(data.get("count").unwrap(), 14);
    assert_eq!(
        data.get("sessions").unwrap().to_string(),
        r#"[{"count":12,"first_seq":9,"last_seq":20,"session_id":"s"}]"#
    );
}

#[test]
fn critical_filter_can_be_set() {
    let (gate, _, entered, open) = gate();
    let critical = Filter::all().names([AgentEventName::TurnCompleted]);
    let queue = QueueSink::new(gate, holding(4, 2).critical(critical));
    queue.emit(&event(0)).unwrap();
    entered.recv().unwrap();
    assert_eq!((1..10).filter(|n| queue.emit(&event(*n)).is_ok()).count(), 4);
    drop(open);
    assert_eq!(queue.shutdown(LONG).dropped, 5);
}

#[test]
fn panicking_sink_loses_one_event_which_is_reported() {
    let ring = RingBufferEventSink::new();
    let behind = ring.clone();
    let queue = QueueSink::new(
        move |event: &Arc<AgentEvent>| {
            assert!(event.seq != Some(3), "a bug in a sink");
            behind.emit(event)
        },
        QueueConfig::default(),
    );
    for n in 1..=5 {
        queue.emit(&numbered("s", n)).unwrap();
    }
    let error = queue.flush().unwrap_err();
    assert_eq!(error.to_string(), "cannot flush the queue: the sink has lost an event");
    assert!(queue.flush().is_ok(), "that was said");
    let stats = queue.stats().unwrap();
    assert_eq!((stats.written, stats.dropped, stats.pending), (4, 1, 0));
    let told = ring.events().into_iter().find(|e| e.event == AgentEventName::LogDropped).unwrap();
    assert_eq!(told.data.as_ref().unwrap().get("count").unwrap(), 1);
}

#[test]
fn losses_are_reported_once_the_sink_recovers() {
    let (ring, broken) = (RingBufferEventSink::new(), Arc::new(Mutex::new(true)));
    let (behind, is_broken) = (ring.clone(), broken.clone());
    let queue = QueueSink::new(
        move |event: &Arc<AgentEvent>| {
            if *is_broken.lock().unwrap() {
                return Err(SinkError::new("post", "connection refused"));
            }
            behind.emit(event)
        },
        QueueConfig::default(),
    );
    for n in 1..=4 {
        queue.emit(&numbered("s", n)).unwrap();
    }
    assert!(queue.flush().is_err());
    assert!(ring.is_empty());
    *broken.lock().unwrap() = false;
    queue.emit(&numbered("s", 5)).unwrap();
    queue.flush().unwrap();
    let told = ring.events().into_iter().find(|e| e.event == AgentEventName::LogDropped).unwrap();
    assert_eq!(told.data.as_ref().unwrap().get("count").unwrap(), 4);
}

#[test]
fn shutdown_reports_pending_events_and_can_be_repeated() {
    let (gate, kept, entered, open) = gate();
    let queue = QueueSink::new(gate, QueueConfig::default());
    for n in 0..6 {
        queue.emit(&event(n)).unwrap();
    }
    entered.recv().unwrap();
    let left = queue.shutdown(Duration::ZERO);
    assert_eq!(left.to_string(), "0 written, 0 dropped, 6 pending");
    assert!(adds_up(queue.stats().unwrap()));
    drop(open);
    assert!(queue.shutdown(LONG).is_complete());
    assert_eq!(kept.len(), 6);
}

#[test]
fn on_abandoned_is_called_for_pending_events_once() {
    for (guarded, shut) in [(false, false), (true, false), (false, true), (true, true)] {
        let (gate, _, entered, open) = gate();
        let (tell, told) = channel();
        let config = QueueConfig::default()
            .patience(Duration::ZERO)
            .on_abandoned(move |left: QueueShutdown| tell.send(left).unwrap());
        let queue = QueueSink::new(gate, config);
        for n in 0..6 {
            queue.emit(&event(n)).unwrap();
        }
        entered.recv().unwrap();
        if guarded {
            let clone = queue.clone();
            drop(queue.guard());
            assert!(clone.emit(&event(6)).is_err());
            assert_eq!(told.try_recv().unwrap().pending, 6);
        }
        if shut {
            assert_eq!(queue.shutdown(Duration::ZERO).pending, 6);
        }
        drop(queue);
        // What was refused after the guard is new.
        let again = told.try_recv().ok().map(|left| (left.pending, left.dropped));
        assert_eq!(again, (!shut).then_some((6, u64::from(guarded))));
        drop(open);
    }
}

#[test]
fn flush_of_a_hanging_sink_times_out() {
    let (gate, _, entered, open) = gate();
    let clock = ManualClock::skipping();
    let config = QueueConfig::default().clock(clock.clone()).sleeper(clock);
    let queue = QueueSink::new(gate, config);
    queue.emit(&event(0)).unwrap();
    entered.recv().unwrap();
    let error = queue.flush().unwrap_err();
    assert_eq!(error.to_string(), "cannot flush the queue: timed out");
    drop(open);
}

#[test]
fn concurrent_emits_are_written_or_counted() {
    const EACH: u64 = 5_000;
    let file = TempFile::new("eight");
    let log = JsonlSink::create(file.path()).unwrap();
    let queue = QueueSink::new(log, holding(256, 32).patience(LONG));
    thread::scope(|scope| {
        for id in 0..8 {
            let queue = queue.clone();
            scope.spawn(move || {
                let session = format!("s{id}");
                for n in 1..=EACH {
                    let _ = queue.emit(&numbered(&session, n));
                    if n % 1_000 == 0 {
                        assert!(adds_up(queue.stats().unwrap()));
                        queue.flush().unwrap();
                    }
                }
            });
        }
    });
    let left = queue.shutdown(LONG);
    assert_eq!((left.written + left.dropped, left.pending), (8 * EACH, 0));
    let (told, events): (Vec<_>, Vec<_>) =
        file.events().into_iter().partition(|e| e.event == AgentEventName::LogDropped);
    assert_eq!(events.len() as u64, left.written);
    let told: u64 =
        told.iter().map(|e| e.data.as_ref().unwrap().get("count").unwrap().as_u64().unwrap()).sum();
    assert_eq!(told, left.dropped, "the stream was told of each that is missing");
    for id in 0..8 {
        let session = format!("s{id}");
        let own = events.iter().filter(|e| e.session_id.as_deref() == Some(&*session));
        assert!(own.map(|e| e.seq).is_sorted_by(|a, b| a < b), "in order");
    }
}

/// `/dev/full` refuses every write.
#[cfg(target_os = "linux")]
#[test]
fn full_disk_behind_a_queue_counts_every_loss() {
    let log = Arc::new(JsonlSink::open("/dev/full").unwrap());
    let queue = QueueSink::new(log.clone(), holding(64, 8));
    for n in 1..=20_000 {
        let _ = queue.emit(&numbered("s", n));
    }
    assert!(queue.flush().is_err());
    let left = queue.shutdown(LONG);
    assert_eq!((left.written + left.dropped, left.pending), (20_000, 0));
    let (queue, log) = (queue.stats().unwrap(), log.stats().unwrap());
    assert!(adds_up(queue) && adds_up(log));
    // The log also has the records of the events that the queue dropped.
    assert!(log.accepted >= queue.written && log.written == 0);
    assert!(queue.errors > 0 && log.errors > 0);
}

#[test]
fn panic_in_on_abandoned_is_caught() {
    let (gate, _, entered, open) = gate();
    let config = QueueConfig::default()
        .patience(Duration::ZERO)
        .on_abandoned(|left| panic!("a bug in the hook: {left}"));
    let queue = QueueSink::new(gate, config);
    queue.emit(&event(1)).unwrap();
    entered.recv().unwrap();
    drop(queue);
    drop(open);
}

#[test]
fn losses_list_64_sessions_and_count_the_rest() {
    let mut losses = Losses::default();
    for session in (0..70).chain(0..70) {
        losses.add(&numbered(&format!("s{session}"), 1 + session % 3));
    }
    let record = losses.to_record(&ManualClock::new()).unwrap();
    let said = LogRecord::of(&record);
    assert_eq!((said.count, said.losses().count()), (Some(140), 64));
    assert!(said.losses().all(|loss| loss.count == Some(2)));
}

/// Takes events, and cannot keep what it took.
struct Unkept;

impl EventSink for Unkept {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        Ok(())
    }

    fn flush(&self) -> Result<(), SinkError> {
        Err(SinkError::new("sync", "disk full"))
    }
}

#[test]
fn failure_of_the_last_flush_is_counted() {
    let queue = QueueSink::new(Unkept, QueueConfig::default());
    queue.emit(&event(1)).unwrap();
    let left = queue.shutdown(LONG);
    assert_eq!((left.written, left.pending), (1, 0));
    assert!(queue.stats().unwrap().errors > 0);
}
