//! The thread that syncs a log in intervals.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::log::Log;
use super::medium::Medium;
use super::options::JsonlOptions;

/// Syncs as often as it was told, until it is dropped.
#[derive(Debug)]
pub(crate) struct Syncer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(crate) fn start<M: Medium>(
        log: &Arc<Log<M>>,
        every: Duration,
        options: &JsonlOptions,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (Arc::clone(log), Arc::clone(&stop));
        let (clock, park) = (Arc::clone(&options.clock), options.park.clone());
        let work = move || {
            let mut last = clock.now();
            // Relaxed: it guards no other memory; who sets it unparks the thread afterwards.
            while !stopped.load(Ordering::Relaxed) {
                let now = clock.now();
                let passed = now.saturating_duration_since(last);
                if passed >= every {
                    log.sync_written();
                    last = now;
                }
                // Longer than nothing, so that an interval of nothing is no busy loop.
                let left = every.saturating_sub(clock.now().saturating_duration_since(last));
                park.park(left.max(Duration::from_millis(1)));
            }
        };
        let thread = thread::Builder::new().name("jsonl-sync".to_owned()).spawn(work)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        // Relaxed: as above.
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It does not panic: a sync that fails is in the books.
            let _ = thread.join();
        }
    }
}
