//! Code that may block, on threads of its own.

use std::convert::Infallible;
use std::iter::repeat_with;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use runtime_events::{Clock, SystemClock};

use crate::limits::later;
use crate::log::log;
use crate::wait::{ThreadError, on_thread};

/// Code that may block for good.
pub(super) type Job<T> = Box<dyn FnOnce() -> T + Send>;

/// Runs each job on a thread of its own. Waits for them, but not longer than `patience`. `None` for
/// a job that has not returned: its thread runs on.
///
/// The time is the system's: other clocks do not tell how long a sink takes, and may jump. Without threads, each job
/// is run here.
pub(super) async fn apart<T: Send + 'static>(
    jobs: Vec<Job<T>>,
    (patience, has_threads): (Duration, bool),
) -> Vec<Option<T>> {
    if !has_threads {
        return jobs.into_iter().map(|job| Some(job())).collect();
    }
    let count = jobs.len();
    if count == 0 {
        return Vec::new();
    }
    let waiting = on_thread("drain", move || Ok::<_, Infallible>(run(jobs, patience)));
    match waiting.await {
        Ok(returned) => returned,
        Err(ThreadError::Call(never)) => match never {},
        Err(ThreadError::NoThread(error)) => {
            log!(warn, error = %error, "a drain calls no sink");
            none(count)
        }
    }
}

fn run<T: Send + 'static>(jobs: Vec<Job<T>>, patience: Duration) -> Vec<Option<T>> {
    let mut returned = none(jobs.len());
    let (sender, receiver) = channel();
    for (index, job) in jobs.into_iter().enumerate() {
        let sender = sender.clone();
        let work = move || sender.send((index, job()));
        if let Err(error) = thread::Builder::new().name("drain-sink".to_owned()).spawn(work) {
            log!(warn, error = %error, "a drain does not call a sink");
        }
    }
    // Once all threads have returned, nobody can send.
    drop(sender);
    let until = later(SystemClock.now(), patience);
    let next = |receiver: &Receiver<_>| {
        receiver.recv_timeout(until.saturating_duration_since(SystemClock.now()))
    };
    while let Ok((index, value)) = next(&receiver) {
        returned[index] = Some(value);
    }
    returned
}

fn none<T>(count: usize) -> Vec<Option<T>> {
    repeat_with(|| None).take(count).collect()
}
