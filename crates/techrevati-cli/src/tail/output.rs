//! The lines on standard output: at first perhaps the last few of the log, then each as it comes.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use runtime_events::{Sleep, Sleeper};
use runtime_sinks::FollowStop;

/// Shared with the wait at the end of the log.
#[derive(Clone, Debug)]
pub(super) struct Output(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The last lines, until the end of the log is reached; `None` afterwards.
    last: Option<VecDeque<String>>,
    most: usize,
    /// Whether there was a session, and all have ended.
    is_done: bool,
    failed: Option<io::Error>,
}

impl Output {
    /// At first at most this number of lines are shown; all of them without one.
    pub(super) fn new(most: Option<usize>) -> Self {
        let last = most.map(|_| VecDeque::new());
        let most = most.unwrap_or_default();
        Self(Arc::new(Mutex::new(State { last, most, is_done: false, failed: None })))
    }

    pub(super) fn show(&self, line: Option<String>) -> io::Result<()> {
        if let Some(error) = self.state().failed.take() {
            return Err(error);
        }
        let Some(line) = line.and_then(|line| self.state().keep(line)) else { return Ok(()) };
        writeln!(io::stdout().lock(), "{line}")
    }

    /// Notes whether all sessions have ended, after an event.
    pub(super) fn note(&self, is_done: bool) {
        self.state().is_done = is_done;
    }

    /// The end of the log is reached.
    pub(super) fn caught_up(&self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for line in self.state().last.take().into_iter().flatten() {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    // No change can panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Keeps a line for later; gives it back if it is to be shown now.
    fn keep(&mut self, line: String) -> Option<String> {
        let Some(last) = &mut self.last else { return Some(line) };
        last.push_back(line);
        if last.len() > self.most {
            last.pop_front();
        }
        None
    }
}

/// The wait at the end of the log.
#[derive(Debug)]
pub(super) struct AtEnd {
    pub(super) output: Output,
    pub(super) stop: FollowStop,
    /// Whether to stop once all sessions have ended.
    pub(super) when_done: bool,
}

impl Sleeper for AtEnd {
    fn sleep(&self, duration: Duration) -> Sleep {
        // A log is followed by parking alone.
        thread::park_timeout(duration);
        Sleep::new(std::future::ready(()))
    }

    fn park(&self, timeout: Duration) {
        if let Err(error) = self.output.caught_up() {
            // The reader has gone away: nothing more is to be shown.
            self.output.state().failed = Some(error);
            self.stop.stop();
        } else if self.when_done && self.output.state().is_done {
            self.stop.stop();
        } else {
            thread::park_timeout(timeout);
        }
    }
}
