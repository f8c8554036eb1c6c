//! [`Follow`]: reads a log while it grows.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use runtime_events::Sleeper;

use super::{LogEntry, LogReadError, LogReader, LogReport};
use crate::park::Park;

/// Reads the entries of a log as they are written.
///
/// It checks for more every 100 milliseconds by default, continues in the next file of a folder, and ends
/// when it is stopped. A file that is emptied is read from its beginning, and on Unix so is one that took the
/// place of another, as after a rotation by `logrotate`. A line without a line break is not returned, because the rest of it may still come.
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

/// Ends a [`Follow`] from any thread. Clones end the same one.
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
    pub(crate) fn new(mut reader: LogReader) -> Self {
        reader.check.follows();
        let every = Duration::from_millis(100);
        Self { reader, every, park: Park::default(), stop: FollowStop::default() }
    }

    /// Sets how often to check for more. Default: every 100 milliseconds.
    #[must_use]
    pub const fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets how to wait. Default: by the timer of the system.
    #[must_use]
    pub fn sleeper(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.park = Park::with(Arc::new(sleeper));
        self
    }

    /// A handle that ends the iteration.
    pub fn stopper(&self) -> FollowStop {
        self.stop.clone()
    }

    /// What was read so far, and what is missing.
    pub fn report(&self) -> LogReport {
        self.reader.report()
    }

    /// The file and the line of the latest entry, counted from 1.
    pub fn place(&self) -> (&Path, u64) {
        self.reader.place()
    }
}

impl Iterator for Follow {
    type Item = Result<LogEntry, LogReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.stop.waits(Some(thread::current()));
        let entry = loop {
            // Checked first, so that entries from before the stop are still returned.
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
    /// Ends the iteration after the entries that are already written.
    pub fn stop(&self) {
        // Release, for the load below: entries from before are visible to the reader.
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
