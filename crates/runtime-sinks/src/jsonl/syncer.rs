//! [`Syncer`]: the thread that syncs a log in intervals.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::config::JsonlConfig;
use super::log::Log;
use super::medium::Medium;

/// Syncs in an interval until it is dropped.
#[derive(Debug)]
pub(crate) struct Syncer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Syncer {
    pub(crate) fn start<M: Medium>(
        log: &Arc<Log<M>>,
        every: Duration,
        options: &JsonlConfig,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (log, stopped) = (Arc::clone(log), Arc::clone(&stop));
        let (clock, park) = (Arc::clone(&options.clock), options.park.clone());
        let work = move || {
            let mut last = clock.now();
            // Relaxed: it guards no other memory, and the thread is unparked after it is set.
            while !stopped.load(Ordering::Relaxed) {
                let now = clock.now();
                let passed = now.saturating_duration_since(last);
                if passed >= every {
                    log.sync_written();
                    last = now;
                }
                // More than zero, so that an interval of zero is not a busy loop.
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
            // It does not panic, because a failed sync is counted.
            let _ = thread.join();
        }
    }
}
