//! When the thread of a queue is woken, and when it lingers.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, Sleep, Sleeper};
use runtime_sinks::{EventSink, QueueConfig, QueueSink, RingBufferEventSink, SinkError};

use crate::common::{event, numbered};

const LONG: Duration = Duration::from_secs(60);

/// What the thread of a queue does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    Lingers,
    /// Hands on so many events at once.
    HandsOn(usize),
}

/// Tells what the thread does, and lets it linger for no time, or until it is woken.
#[derive(Debug)]
struct Watch {
    tell: Sender<Does>,
    lingered: Arc<AtomicU64>,
    until_woken: bool,
}

impl Sleeper for Watch {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }

    fn park(&self, timeout: Duration) {
        if thread::current().name() != Some("event-queue") {
            // A thread that waits for the queue.
            return thread::park_timeout(timeout);
        }
        self.lingered.fetch_add(1, Ordering::Relaxed);
        let _ = self.tell.send(Does::Lingers);
        if self.until_woken {
            thread::park();
        }
    }
}

/// Tells how many events come at once, and waits until it is told to go on.
struct Batches {
    tell: Sender<Does>,
    go: Mutex<Receiver<()>>,
}

impl EventSink for Batches {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        Ok(())
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        let _ = self.tell.send(Does::HandsOn(events.len()));
        let _ = self.go.lock().expect("no test panics with it").recv();
        Ok(())
    }
}

struct Watched {
    queue: QueueSink,
    does: Receiver<Does>,
    lingered: Arc<AtomicU64>,
    go: Sender<()>,
}

/// A queue of ten.
fn watched(until_woken: bool) -> Watched {
    let ((tell, does), (go, gone)) = (channel(), channel());
    let lingered = Arc::default();
    let sleeper = Watch { tell: tell.clone(), lingered: Arc::clone(&lingered), until_woken };
    let ten = NonZeroUsize::new(10).expect("not 0");
    let config = QueueConfig::default().capacity(ten).reserve(0).linger(LONG).sleeper(sleeper);
    let queue = QueueSink::new(Batches { tell, go: Mutex::new(gone) }, config);
    Watched { queue, does, lingered, go }
}

impl Watched {
    fn emit(&self, events: usize) {
        (0..events).for_each(|_| self.queue.emit(&event(0)).expect("there is room"));
    }

    /// Returns once the thread no longer lingers, so that it is idle.
    fn idle(&self) {
        for _ in 0..1_000 {
            let before = self.lingered.load(Ordering::Relaxed);
            (0..1_000).for_each(|_| thread::yield_now());
            if before > 0 && self.lingered.load(Ordering::Relaxed) == before {
                return self.does.try_iter().for_each(drop);
            }
        }
        panic!("it lingers for good");
    }

    fn next(&self) -> Does {
        self.does.recv_timeout(LONG).expect("it does something")
    }
}

#[test]
fn idle_thread_is_woken_by_an_event() {
    let watched = watched(false);
    for _ in 0..3 {
        watched.idle();
        watched.emit(1);
        assert_eq!(watched.next(), Does::HandsOn(1));
        watched.go.send(()).unwrap();
    }
}

#[test]
fn idle_thread_is_woken_by_a_flush_and_by_the_end() {
    let watched = watched(false);
    watched.idle();
    watched.queue.flush().unwrap();
    watched.idle();
    assert!(watched.queue.shutdown(LONG).is_complete());
}

#[test]
fn lingering_thread_is_woken_by_half_of_the_queue() {
    let watched = watched(true);
    assert_eq!(watched.next(), Does::Lingers);
    for _ in 0..5 {
        watched.emit(1);
        // If it were woken, it would come here.
        (0..1_000).for_each(|_| thread::yield_now());
    }
    assert_eq!(watched.next(), Does::HandsOn(5), "not by the first four");
    drop(watched.go);
}

#[test]
fn busy_thread_goes_on_at_once_and_a_quiet_one_lingers() {
    let watched = watched(false);
    watched.idle();
    watched.emit(1);
    assert_eq!(watched.next(), Does::HandsOn(1));
    watched.emit(5);
    watched.go.send(()).unwrap();
    assert_eq!(watched.next(), Does::HandsOn(5), "half of the queue is a reason to hurry");
    watched.emit(4);
    watched.go.send(()).unwrap();
    assert_eq!(watched.next(), Does::Lingers, "less can wait for more");
    assert_eq!(watched.next(), Does::HandsOn(4));
    drop(watched.go);
}

/// A sink that fails in its own way once there is more than one event.
struct Fails(Way, Batches);

type Way = fn() -> Result<(), SinkError>;

impl EventSink for Fails {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.1.emit(event)
    }

    fn emit_all(&self, events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
        self.1.emit_all(events)?;
        if events.len() > 1 { (self.0)() } else { Ok(()) }
    }
}

#[test]
fn panic_loses_all_events_at_once_and_an_error_those_that_it_names() {
    let ways: [(Way, u64); 2] = [
        (|| panic!("a bug in a sink"), 3),
        (|| Err(SinkError::new("post", "connection refused").losing(2)), 2),
    ];
    for (way, lost) in ways {
        let ((tell, does), (go, gone)) = (channel(), channel());
        let sink = Fails(way, Batches { tell, go: Mutex::new(gone) });
        let queue = QueueSink::new(sink, QueueConfig::default());
        queue.emit(&event(0)).unwrap();
        assert_eq!(does.recv_timeout(LONG), Ok(Does::HandsOn(1)));
        (1..=3).for_each(|n| queue.emit(&event(n)).unwrap());
        drop(go);
        let left = queue.shutdown(LONG);
        assert_eq!((left.written, left.dropped), (4 - lost, lost));
    }
}

#[test]
fn report_of_losses_that_the_sink_keeps_is_not_repeated() {
    let ring = RingBufferEventSink::new();
    let behind = ring.clone();
    let queue = QueueSink::new(
        move |event: &Arc<AgentEvent>| {
            if event.event == AgentEventName::LogDropped {
                behind.emit(event)?;
                return Err(SinkError::new("write", "the disk is full").losing(0));
            }
            if event.seq == Some(1) {
                return Err(SinkError::new("post", "connection refused"));
            }
            behind.emit(event)
        },
        QueueConfig::default(),
    );
    for n in 1..=3 {
        queue.emit(&numbered("s", n)).unwrap();
        let _ = queue.flush();
    }
    assert_eq!(queue.shutdown(LONG).dropped, 1);
    let told = ring.events().iter().filter(|e| e.event == AgentEventName::LogDropped).count();
    assert_eq!(told, 1);
}
