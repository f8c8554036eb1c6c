//! [`Follow`]: a log that grows while it is read.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use runtime_events::Sleeper;

use super::{LogEntry, LogReadError, LogReader, LogReport};
use crate::park::Park;

/// Hands out the entries of a log as they come, and waits for the next.
///
/// It looks again every 100 milliseconds unless told otherwise, goes on in the next file of a
/// folder, and ends when it is stopped. What is there without a line break is not handed out: the
/// rest of it may come.
///
/// ```no_run
/// use runtime_sinks::LogReader;
///
/// for entry in LogReader::open("run.jsonl")?.follow() {
///     if let Some(event) = entry?.event() {
///         println!("{} {}", event.emitted_at, event.event);
///     }
/// }
/// # Ok::<(), runtime_sinks::LogReadError>(())
/// ```
#[derive(Debug)]
pub struct Follow {
    reader: LogReader,
    every: Duration,
    park: Park,
    stop: FollowStop,
}

/// Ends a [`Follow`], from any thread. Clones end the same one.
#[derive(Clone, Debug, Default)]
pub struct FollowStop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    waiting: Mutex<Option<Thread>>,
}

impl Follow {
    pub(crate) fn new(reader: LogReader) -> Self {
        let every = Duration::from_millis(100);
        Self { reader, every, park: Park::default(), stop: FollowStop::default() }
    }

    /// How often it looks whether there is more. Every 100 milliseconds unless set.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How it waits. On the system's timer unless set.
    #[must_use]
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// What ends it.
    pub fn stopper(&self) -> FollowStop {
        self.stop.clone()
    }

    /// What was read so far, and what is missing in it.
    pub fn report(&self) -> LogReport {
        self.reader.report()
    }

    /// Where the latest entry stands: its file, and its line, counted from 1.
    pub fn place(&self) -> (&Path, u64) {
        self.reader.place()
    }
}

impl Iterator for Follow {
    type Item = Result<LogEntry, LogReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stop.waits(Some(thread::current()));
        let entry = loop {
            // Looked at first: all that was there when it was stopped is still handed out.
            let stopped = self.stop.is_stopped();
            let entry = self.reader.advance(false);
            if entry.is_some() || stopped {
                break entry;
            }
            self.park.park(self.every);
        };
        self.stop.waits(None);
        entry
    }
}

impl FollowStop {
    /// Ends it, once all that is there was handed out.
    pub fn stop(&self) {
        // Release, for the load below: what was written before is there to be read.
        self.shared.stopped.store(true, Ordering::Release);
        let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(thread) = waiting {
            thread.unpark();
        }
    }

    fn is_stopped(&self) -> bool {
        // Acquire, for the store above.
        self.shared.stopped.load(Ordering::Acquire)
    }

    fn waits(&self, thread: Option<Thread>) {
        *self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }
}
