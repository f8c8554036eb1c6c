//! [`QueueSink`]: a slow sink, off the thread of those who emit.

mod config;
#[cfg(all(test, runtime_loom))]
mod loom_tests;
mod mailbox;
mod report;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use runtime_events::AgentEvent;

use self::mailbox::{Books, Handed, Mailbox, Refused, Work};
use crate::losses::Losses;
use crate::sink::{EventSink, SinkError, caught};
use crate::stats::SinkStats;

pub use self::config::QueueConfig;
pub use self::report::Shutdown;

/// A bounded queue in front of a sink, which a thread of its own serves; clones share it.
///
/// To emit is to take a lock and a place in a list. Nobody is woken for an event: the thread comes by
/// every few milliseconds ([`linger`](QueueConfig::linger)) while there are events, and is woken for
/// the first one after a while without. When the queue is full, new events are dropped, but critical
/// ones have a [reserve](QueueConfig::reserve). What was dropped is counted, the emission fails, and
/// the stream is told: a `log.dropped` says how many, and of which sessions.
///
/// A sink behind it that fails or panics loses what it was given, and nothing else. One that keeps
/// [books](EventSink::stats) of its own reports that itself; of others, `log.dropped` speaks.
///
/// An emission that returned `Ok` is in memory: a process that is killed loses it. Once a
/// [`flush`](EventSink::flush) returned `Ok`, every event from before it was handed on, and flushed
/// there: it has the guarantee of the sink behind.
///
/// When the last clone is dropped, or a [guard](Self::guard), it waits for the queue to be empty, but
/// not for ever, and tells [who asked](QueueConfig::on_abandoned) what was lost or left.
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
/// assert_eq!(left.to_string(), "1 events written, 0 dropped, 0 left behind");
/// assert_eq!(latest.len(), 1);
/// # Ok::<(), runtime_sinks::SinkError>(())
/// ```
#[derive(Clone)]
pub struct QueueSink {
    handle: Arc<Handle>,
}

/// What all clones hold, and the thread does not.
struct Handle {
    queue: Arc<Queue>,
}

struct Queue {
    mailbox: Mailbox<Arc<AgentEvent>>,
    /// Taken inside the lock of the mailbox, or alone.
    losses: Mutex<Losses>,
    config: QueueConfig,
}

impl QueueSink {
    /// A queue in front of `sink`.
    ///
    /// # Panics
    ///
    /// If the operating system gives it no thread, as [`thread::spawn`] does.
    pub fn new(sink: impl EventSink + 'static, config: QueueConfig) -> Self {
        let mailbox = Mailbox::new(config.capacity.get(), config.reserve);
        let queue = Arc::new(Queue { mailbox, losses: Mutex::default(), config });
        let writer = Writer { queue: Arc::clone(&queue), sink, lost: 0 };
        let work = move || {
            let queue = Arc::clone(&writer.queue);
            queue.mailbox.run(writer);
        };
        thread::Builder::new()
            .name("event-queue".to_owned())
            .spawn(work)
            .expect("the operating system gives a thread, or the caller is told by this");
        Self { handle: Arc::new(Handle { queue }) }
    }

    /// Takes no more events, waits until those it has are handed on and flushed, but no longer than
    /// `patience`, and says what was lost or left.
    ///
    /// What was left is still handed on, as long as the process lives: it can be asked again.
    pub fn shutdown(&self, patience: Duration) -> Shutdown {
        self.handle.queue.shutdown(patience)
    }

    /// Shuts the queue down when it is dropped, whoever has clones of it.
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

    /// Waits until all that was emitted before is handed on and flushed there, but no longer than
    /// the queue's [patience](QueueConfig::patience).
    ///
    /// It also fails if an event that the queue had taken was lost since the flush before.
    fn flush(&self) -> Result<(), SinkError> {
        let queue = self.queue();
        let number = queue.mailbox.ask();
        let answer = queue.until(queue.config.patience, || queue.mailbox.answered(number));
        let answer = answer.unwrap_or_else(|| Err("it takes too long".to_owned()));
        answer.map_err(|text| SinkError::new("flush the queue", text).losing(0))
    }

    /// What was written is what the sink behind it has, or has said to hold on to.
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
#[must_use = "the queue is shut down as soon as this is dropped"]
pub struct QueueGuard {
    queue: QueueSink,
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
    fn shutdown(&self, patience: Duration) -> Shutdown {
        self.mailbox.close();
        self.until(patience, || self.mailbox.is_over().then_some(()));
        let (books, pending) = self.mailbox.books();
        Shutdown { written: books.written, dropped: books.refused + books.lost, pending }
    }

    fn abandon(&self) {
        let left = self.shutdown(self.config.patience);
        if let Some(tell) = &self.config.on_abandoned
            && !left.is_complete()
        {
            // It may be told while a thread unwinds, where another panic would end the process.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(left)));
        }
    }

    /// Parks until there is an answer, or the time is over.
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

    // Nothing panics half-way through a change.
    fn losses(&self) -> std::sync::MutexGuard<'_, Losses> {
        self.losses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of the queue's thread.
struct Writer<S> {
    queue: Arc<Queue>,
    sink: S,
    /// How many events the sink has lost since the last flush.
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
            lost => Err(format!("the sink behind it has lost {lost} events")),
        }
    }

    fn linger(&self) {
        self.queue.config.park.park(self.queue.config.linger);
    }
}

impl<S: EventSink> Writer<S> {
    /// An error unless the sink reports its losses itself.
    fn keeps_books(&self) -> Result<(), SinkError> {
        self.sink.stats().map(|_| ()).ok_or_else(|| SinkError::new("report", "it keeps no books"))
    }

    /// Tells the stream what was lost. If it does not take that, it is told again, with all that
    /// came since.
    fn report_losses(&self) {
        let losses = std::mem::take(&mut *self.queue.losses());
        let Some(record) = losses.to_record(&*self.queue.config.clock) else { return };
        if caught(|| self.sink.emit(&Arc::new(record))).is_err_and(|error| error.lost() > 0) {
            self.queue.losses().merge(losses);
        }
    }
}
