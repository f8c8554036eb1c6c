//! The thread of a store, and who makes calls: it, or the caller in passing.
//!
//! ```text
//!   call ─┬─ nobody is at the desk, and a commit waits for no disk ──▶ made by its caller
//!         └─ else ──▶ the thread, which makes the calls that wait in one transaction
//! ```
//!
//! Many sessions write few entries each, and share the wait for the disk. Where there is no such wait, to hand a call
//! over to a thread and its answer back takes longer than to make it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use runtime_store::{StoreError, StoreFuture};

use super::desk::{Desk, Job, Need, Own};
use super::work::{Done, Fail, Work};

/// The most calls of one transaction.
const GROUP: usize = 256;

/// The calling side. Dropping it makes the calls that wait, and closes the database.
pub(super) struct Worker {
    path: Arc<Path>,
    shared: Arc<Shared>,
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// What callers share with the thread.
struct Shared {
    desk: Mutex<Desk>,
    /// The number of calls that were sent to the thread and are not made yet.
    waiting: AtomicUsize,
}

impl Worker {
    pub(super) fn start(path: PathBuf, own: Own) -> io::Result<Self> {
        let path: Arc<Path> = path.into();
        let desk = Mutex::new(Desk::new(&path, own));
        let shared = Arc::new(Shared { desk, waiting: AtomicUsize::new(0) });
        let (sender, jobs) = channel();
        let thread_of = ThreadOf { path: Arc::clone(&path), jobs, shared: Arc::clone(&shared) };
        let thread = thread::Builder::new()
            .name("runtime-sqlite".to_owned())
            .spawn(move || thread_of.run())?;
        Ok(Self { path, shared, jobs: Some(sender), thread: Some(thread) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a call to the thread at once. The future is its answer.
    pub(super) fn call<T: Send + 'static>(
        &self,
        (name, need): (&'static str, Need),
        call: impl Fn(&Work<'_>) -> Done<T> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let (reply, answer) = oneshot::channel();
        self.send(Box::new(Call { name, need, make: call, result: None, reply }));
        answered(name, answer)
    }

    /// [`call`](Self::call) of one that takes a few microseconds, made here if it need not wait.
    pub(super) fn call_in_passing<T: Send + 'static>(
        &self,
        (name, need): (&'static str, Need),
        call: impl Fn(&Work<'_>) -> Done<T> + Send + 'static,
    ) -> StoreFuture<'static, T> {
        let (reply, answer) = oneshot::channel();
        let mut job: Box<dyn Job> = Box::new(Call { name, need, make: call, result: None, reply });
        if self.shared.make_in_passing(&mut job) {
            job.answer(&self.path);
        } else {
            self.send(job);
        }
        answered(name, answer)
    }

    fn send(&self, job: Box<dyn Job>) {
        if let Some(jobs) = &self.jobs {
            // Relaxed: the calls of one caller are in order by themselves, and the lock guards the desk.
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            // If the thread is gone, so is the place for the answer.
            let _ = jobs.send(job);
        }
    }
}

fn answered<T: Send + 'static>(
    name: &'static str,
    answer: oneshot::Receiver<Result<T, StoreError>>,
) -> StoreFuture<'static, T> {
    Box::pin(async move {
        answer.await.unwrap_or_else(|_| {
            let source = "the thread of the store has ended".into();
            Err(StoreError::Unavailable { attempted: name, source })
        })
    })
}

impl Shared {
    /// Nobody overtakes who waits for the thread.
    fn make_in_passing(&self, job: &mut Box<dyn Job>) -> bool {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let mut desk = match self.desk.try_lock() {
            Ok(desk) => desk,
            // A transaction that was left is rolled back.
            Err(TryLockError::Poisoned(left)) => left.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        desk.make_in_passing(job)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // An answer may wake, and end, the last one that has the store: on its thread.
        let elsewhere =
            self.thread.take().filter(|thread| thread.thread().id() != thread::current().id());
        if let Some(thread) = elsewhere {
            let _ = thread.join();
        }
    }
}

struct Call<T, F> {
    name: &'static str,
    need: Need,
    make: F,
    result: Option<Done<T>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: Fn(&Work<'_>) -> Done<T> + Send> Job for Call<T, F> {
    fn need(&self) -> Need {
        self.need
    }

    fn run(&mut self, work: &Work<'_>) -> bool {
        self.result.insert((self.make)(work)).is_ok()
    }

    fn fail(&mut self, why: &dyn Fn() -> Fail) {
        self.result = Some(Err(why()));
    }

    fn answer(self: Box<Self>, path: &Arc<Path>) {
        if let Some(result) = self.result {
            // Nobody may wait for it any more.
            let _ = self.reply.send(result.map_err(|fail| fail.of(self.name, path)));
        }
    }
}

struct ThreadOf {
    path: Arc<Path>,
    jobs: Receiver<Box<dyn Job>>,
    shared: Arc<Shared>,
}

impl ThreadOf {
    fn run(self) {
        while let Ok(first) = self.jobs.recv() {
            let mut jobs = vec![first];
            jobs.extend(self.jobs.try_iter().take(GROUP - 1));
            self.shared.desk.lock().unwrap_or_else(PoisonError::into_inner).make(&mut jobs);
            self.shared.waiting.fetch_sub(jobs.len(), Ordering::Relaxed);
            for job in jobs {
                job.answer(&self.path);
            }
        }
    }
}
