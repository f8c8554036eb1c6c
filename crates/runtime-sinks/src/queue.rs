//! [`QueueSink`]: keeps a slow sink off the calling thread.

mod config;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod mailbox;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use runtime_events::AgentEvent;

use self::mailbox::{Books, Handed, Mailbox, Refused, Work};
use crate::losses::Losses;
use crate::sink::{EventSink, SinkError, SinkStats, caught};

pub use self::config::QueueConfig;

/// A bounded queue before a sink, which a thread of its own serves. Clones share one queue.
///
/// Emitting takes a lock and adds the event to a list. The thread looks every few milliseconds
/// ([`linger`](QueueConfig::linger)) while there are events, and is woken only for the first event after
/// a pause. If the queue is full, new events are dropped, except that critical events have a
/// [reserve](QueueConfig::reserve). Then `emit` fails, and a `log.dropped` in the stream tells how many
/// events of which sessions were dropped.
///
/// If the sink behind the queue fails or panics, only the events that it was given are lost. They are
/// reported by `log.dropped`, unless the sink [reports them itself](EventSink::stats).
///
/// An emitted event is in memory, and is lost if the process is killed. After [`flush`](EventSink::flush)
/// has returned `Ok`, all earlier events were passed on and flushed, and have the guarantee of the sink.
///
/// Dropping the last clone or a [guard](Self::guard) waits for the queue to drain, within a time limit,
/// and reports losses to [`on_abandoned`](QueueConfig::on_abandoned).
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, QueueConfig, QueueSink, RingBufferEventSink};
///
/// let latest = RingBufferEventSink::new();
/// let queue = QueueSink::new(latest.clone(), QueueConfig::default());
/// queue.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
///
/// let left = queue.shutdown(Duration::from_secs(5));
/// assert_eq!(left.to_string(), "1 written, 0 dropped, 0 pending");
/// assert_eq!(latest.len(), 1);
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone)]
pub struct QueueSink {
    handle: Arc<Handle>,
}

/// The part that all clones share, without the thread.
struct Handle {
    queue: Arc<Queue>,
}

struct Queue {
    mailbox: Mailbox<Arc<AgentEvent>>,
    /// Locked inside the lock of the mailbox, or alone.
    losses: Mutex<Losses>,
    /// What the latest shutdown returned or told, so that nothing is told twice.
    told: Mutex<Option<QueueShutdown>>,
    config: QueueConfig,
}

impl QueueSink {
    /// Creates a queue before a sink.
    ///
    /// # Panics
    ///
    /// If the operating system cannot create a thread, like [`thread::spawn`].
    pub fn new(sink: impl EventSink + 'static, config: QueueConfig) -> Self {
        let mailbox = Mailbox::new(config.capacity.get(), config.reserve);
        let queue =
            Arc::new(Queue { mailbox, losses: Mutex::default(), told: Mutex::default(), config });
        let writer = Writer { queue: Arc::clone(&queue), sink, lost: 0 };
        let work = move || {
            let queue = Arc::clone(&writer.queue);
            queue.mailbox.run(writer);
        };
        thread::Builder::new()
            .name("event-queue".to_owned())
            .spawn(work)
            .expect("a failure to create the thread is documented to panic");
        Self { handle: Arc::new(Handle { queue }) }
    }

    /// Closes the queue, and waits at most `patience` until its events are passed on and flushed.
    ///
    /// Pending events are still passed on afterwards, as long as the process runs. Call it again to wait
    /// for them.
    pub fn shutdown(&self, patience: Duration) -> QueueShutdown {
        self.handle.queue.shutdown(patience)
    }

    /// Creates a guard that shuts the queue down when it is dropped, even if there are clones.
    pub fn guard(&self) -> QueueGuard {
        QueueGuard { queue: self.clone() }
    }

    fn queue(&self) -> &Queue {
        &self.handle.queue
    }
}

impl EventSink for QueueSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let queue = self.queue();
        let critical = |event: &Arc<AgentEvent>| queue.config.critical.passes(event);
        let refused = |event: &Arc<AgentEvent>| queue.losses().add(event);
        queue.mailbox.push(Arc::clone(event), critical, refused).map_err(|refused| {
            SinkError::new(
                "queue an event",
                match refused {
                    Refused::Full => "the queue is full",
                    Refused::Closed => "the queue was shut down",
                },
            )
        })
    }

    /// Waits until all earlier events are passed on and flushed, at most for
    /// [`patience`](QueueConfig::patience).
    ///
    /// It also fails if the sink has lost an event since the previous flush.
    fn flush(&self) -> Result<(), SinkError> {
        let queue = self.queue();
        let number = queue.mailbox.ask();
        let answer = queue.until(queue.config.patience, || queue.mailbox.answered(number));
        let answer = answer.unwrap_or_else(|| Err("timed out".to_owned()));
        answer.map_err(|text| SinkError::new("flush the queue", text).losing(0))
    }

    /// Events that the sink has accepted count as written.
    fn stats(&self) -> Option<SinkStats> {
        let (books, pending) = self.queue().mailbox.books();
        let Books { given, refused, written, lost, errors } = books;
        let dropped = refused + lost;
        Some(SinkStats { accepted: given, written, synced: 0, dropped, pending, errors })
    }
}

impl fmt::Debug for QueueSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (books, pending) = self.queue().mailbox.books();
        f.debug_struct("QueueSink")
            .field("config", &self.queue().config)
            .field("given", &books.given)
            .field("pending", &pending)
            .finish_non_exhaustive()
    }
}

/// Shuts a [`QueueSink`] down when it is dropped.
#[derive(Debug)]
#[must_use = "dropping the guard shuts the queue down"]
pub struct QueueGuard {
    queue: QueueSink,
}

/// The numbers of written, dropped and pending events after a queue was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it tells whether events are lost or pending"]
pub struct QueueShutdown {
    /// Events that were passed on to the sink.
    pub written: u64,
    /// Events that were lost, because the queue was full or the sink failed.
    pub dropped: u64,
    /// Events in the queue. Its thread goes on with them as long as the process runs.
    pub pending: u64,
}

impl QueueShutdown {
    /// Whether every event was passed on.
    pub const fn is_complete(&self) -> bool {
        self.dropped == 0 && self.pending == 0
    }
}

impl fmt::Display for QueueShutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { written, dropped, pending } = self;
        write!(f, "{written} written, {dropped} dropped, {pending} pending")
    }
}

impl Drop for QueueGuard {
    fn drop(&mut self) {
        self.queue.queue().abandon();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

impl Queue {
    fn shutdown(&self, patience: Duration) -> QueueShutdown {
        self.mailbox.close();
        self.until(patience, || self.mailbox.is_over().then_some(()));
        let (books, pending) = self.mailbox.books();
        let dropped = books.refused + books.lost;
        let left = QueueShutdown { written: books.written, dropped, pending };
        *self.told() = Some(left);
        left
    }

    fn abandon(&self) {
        let told = *self.told();
        let left = self.shutdown(self.config.patience);
        if let Some(tell) = &self.config.on_abandoned
            && !left.is_complete()
            && told != Some(left)
        {
            // This may run while the thread unwinds, where another panic would abort the process.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(left)));
        }
    }

    /// Parks until there is an answer or the time is over.
    fn until<A>(&self, patience: Duration, mut ask: impl FnMut() -> Option<A>) -> Option<A> {
        let clock = &self.config.clock;
        let begun = clock.now();
        loop {
            let answer = ask();
            let passed = clock.now().saturating_duration_since(begun);
            if answer.is_some() || passed >= patience {
                return answer;
            }
            self.config.park.park(patience.saturating_sub(passed));
        }
    }

    // No change can panic half-way.
    fn losses(&self) -> std::sync::MutexGuard<'_, Losses> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Option<QueueShutdown>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of the queue's thread.
struct Writer<S> {
    queue: Arc<Queue>,
    sink: S,
    /// The number of events that the sink has lost since the last flush.
    lost: u64,
}

impl<S: EventSink> Work<Arc<AgentEvent>> for Writer<S> {
    fn hand_on(&mut self, events: &[Arc<AgentEvent>]) -> Handed {
        let all = events.len() as u64;
        let mut handed = Handed { written: all, ..Handed::default() };
        if let Err(error) = caught(|| self.sink.emit_all(events)) {
            handed.errors = 1;
            handed.lost = if error.is_panic() { all } else { error.lost().min(all) };
            handed.written = all - handed.lost;
            self.lost += handed.lost;
            if caught(|| self.keeps_books()).is_err() {
                self.queue.losses().add_some(events, handed.lost);
            }
        }
        self.report_losses();
        handed
    }

    fn flush(&mut self) -> Result<(), String> {
        self.report_losses();
        caught(|| self.sink.flush()).map_err(|error| error.to_string())?;
        match std::mem::take(&mut self.lost) {
            0 => Ok(()),
            1 => Err("the sink has lost an event".to_owned()),
            lost => Err(format!("the sink has lost {lost} events")),
        }
    }

    fn linger(&self) {
        self.queue.config.park.park(self.queue.config.linger);
    }
}

impl<S: EventSink> Writer<S> {
    /// Returns an error unless the sink reports its losses itself.
    fn keeps_books(&self) -> Result<(), SinkError> {
        self.sink
            .stats()
            .map(|_| ())
            .ok_or_else(|| SinkError::new("report losses", "not supported"))
    }

    /// Reports losses in the stream. If that fails, it is tried again with the losses since.
    fn report_losses(&self) {
        let losses = std::mem::take(&mut *self.queue.losses());
        let Some(record) = losses.to_record(&*self.queue.config.clock) else { return };
        if caught(|| self.sink.emit(&Arc::new(record))).is_err_and(|error| error.lost() > 0) {
            self.queue.losses().merge(losses);
        }
    }
}
