//! [`Mailbox`]: a bounded list and its thread, which is woken as seldom as possible.
//!
//! ```text
//!                 an item wakes the thread                   took nothing several times
//!      ┌──── Idle ◀────────────────────────────────────────────────┐
//!      │           parked until it is woken                         │
//!      ▼                                                            │
//!   Active ── parks for a short time, then takes all items ─────────┘
//!      │
//!      └── closed, and took nothing ──▶ Over
//! ```
//!
//! While the thread is active, an item costs a lock and a place in a list, and wakes nobody, because the
//! thread will look. It is woken early only if the queue is half full, for a flush, and when the queue is
//! closed.

use std::collections::VecDeque;
use std::mem;
use std::sync::PoisonError;

use crate::sync::{Mutex, MutexGuard, Thread, thread};

/// A bounded list of items, with places reserved for critical ones.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    /// How many items fit that are not critical.
    common: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// The counts of items.
    books: Books,
    /// The thread, once it runs, and whether it has to be woken for an item.
    thread: Option<Thread>,
    idle: bool,
    closed: bool,
    over: bool,
    /// The requested flushes: their numbers, and how many items precede each.
    asked: VecDeque<(u64, u64)>,
    last_asked: u64,
    /// The results of the latest flushes. Each answers all flushes up to its number.
    answers: VecDeque<(u64, Result<(), String>)>,
    /// The threads that wait for a flush or for the end.
    waiting: Vec<Thread>,
}

/// The counts of items: `given == refused + taken + queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) given: u64,
    pub(crate) refused: u64,
    /// The items that the thread is done with, by their outcome.
    pub(crate) written: u64,
    pub(crate) lost: u64,
    pub(crate) errors: u64,
}

impl Books {
    const fn done(self) -> u64 {
        self.written + self.lost
    }
}

/// Why an item was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What the thread does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Pass on the items that it took, and then flush if that was requested, up to this number.
    Work { flush: Option<u64> },
    /// Park for a short time.
    Linger,
    /// Park until it is woken.
    Idle,
    /// End.
    Over,
}

/// How often the thread finds no item before it is idle.
const QUIET: u32 = if cfg!(runtime_loom) { 2 } else { 20 };

/// How many results are remembered. A waiting thread has been woken as many times by then.
const ANSWERS: usize = 64;

/// How many items are passed on at once.
const BATCH: usize = if cfg!(runtime_loom) { 1 } else { 1024 };

/// The work of the thread.
pub(crate) trait Work<T> {
    /// Passes items on.
    fn hand_on(&mut self, items: &[T]) -> Handed;

    /// Flushes the sink.
    fn flush(&mut self) -> Result<(), String>;

    /// Waits for a short time or until the thread is unparked.
    fn linger(&self);
}

/// The outcome of items that were passed on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Handed {
    pub(crate) written: u64,
    pub(crate) lost: u64,
    pub(crate) errors: u64,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(capacity: usize, reserve: usize) -> Self {
        let state = State {
            items: VecDeque::new(),
            books: Books::default(),
            thread: None,
            idle: false,
            closed: false,
            over: false,
            asked: VecDeque::new(),
            last_asked: 0,
            answers: VecDeque::new(),
            waiting: Vec::new(),
        };
        Self { state: Mutex::new(state), capacity, common: capacity - reserve.min(capacity / 2) }
    }

    /// Adds an item if there is room. `critical` is called only if the queue is nearly full. `refused` is
    /// called under the lock if there is no room.
    pub(crate) fn push(
        &self,
        item: T,
        critical: impl FnOnce(&T) -> bool,
        refused: impl FnOnce(&T),
    ) -> Result<(), Refused> {
        let mut state = self.state();
        state.books.given += 1;
        let length = state.items.len();
        let refusal = if state.closed {
            Some(Refused::Closed)
        } else if length < self.common || (length < self.capacity && critical(&item)) {
            None
        } else {
            Some(Refused::Full)
        };
        if let Some(refusal) = refusal {
            state.books.refused += 1;
            refused(&item);
            return Err(refusal);
        }
        state.items.push_back(item);
        let wake = mem::take(&mut state.idle) || length + 1 == self.capacity.div_ceil(2);
        let thread = if wake { state.thread.clone() } else { None };
        drop(state);
        if let Some(thread) = thread {
            thread.unpark();
        }
        Ok(())
    }

    /// The main loop of the thread.
    pub(crate) fn run(&self, mut work: impl Work<T>) {
        let (mut batch, mut quiet) = (Vec::new(), 0);
        loop {
            match self.take(&mut batch, &mut quiet) {
                Next::Work { flush } => {
                    if !batch.is_empty() {
                        self.settle(work.hand_on(&batch));
                        batch.clear();
                    }
                    if let Some(number) = flush {
                        self.answer(number, work.flush());
                    }
                    if self.is_quiet() {
                        work.linger();
                    }
                }
                Next::Linger => work.linger(),
                Next::Idle => thread::park(),
                Next::Over => {
                    let errors = u64::from(work.flush().is_err());
                    self.settle(Handed { errors, ..Handed::default() });
                    return self.finish();
                }
            }
        }
    }

    /// For the thread: moves items to the empty `batch` and returns what to do next.
    ///
    /// `quiet` counts how often there was no item.
    fn take(&self, batch: &mut Vec<T>, quiet: &mut u32) -> Next {
        let mut state = self.state();
        if state.thread.is_none() {
            state.thread = Some(thread::current());
        }
        let some = BATCH.min(state.items.len());
        batch.extend(state.items.drain(..some));
        let flush = state.due(some as u64);
        if some > 0 || flush.is_some() {
            *quiet = 0;
            return Next::Work { flush };
        }
        if state.closed {
            return Next::Over;
        }
        *quiet += 1;
        if *quiet < QUIET {
            return Next::Linger;
        }
        // Set under the lock under which the next item is added, so that it wakes the thread even if it
        // comes before the thread parks.
        state.idle = true;
        Next::Idle
    }

    /// For the thread: whether the next items can wait for others.
    fn is_quiet(&self) -> bool {
        let state = self.state();
        let busy = state.items.len() >= self.capacity.div_ceil(2);
        !busy && state.asked.is_empty() && !state.closed
    }

    /// For the thread: counts the outcome of items.
    fn settle(&self, handed: Handed) {
        let mut state = self.state();
        state.books.written += handed.written;
        state.books.lost += handed.lost;
        state.books.errors += handed.errors;
    }

    /// For the thread: records that it has ended.
    fn finish(&self) {
        let mut state = self.state();
        state.over = true;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.iter().for_each(Thread::unpark);
    }

    /// For the thread: records the result of all flushes up to `number` and wakes waiting threads.
    fn answer(&self, number: u64, answer: Result<(), String>) {
        let mut state = self.state();
        state.answers.push_back((number, answer));
        if state.answers.len() > ANSWERS {
            state.answers.pop_front();
        }
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.iter().for_each(Thread::unpark);
    }

    /// Requests a flush of all items so far and returns its number.
    pub(crate) fn ask(&self) -> u64 {
        let mut state = self.state();
        state.last_asked += 1;
        let (number, before) = (state.last_asked, state.books.given - state.books.refused);
        state.asked.push_back((number, before));
        let thread = state.awoken();
        drop(state);
        wake(thread);
        number
    }

    /// Refuses further items.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let thread = state.awoken();
        drop(state);
        wake(thread);
    }

    /// The result of a flush, if it is done. Otherwise this thread is unparked when it may be.
    pub(crate) fn answered(&self, number: u64) -> Option<Result<(), String>> {
        let mut state = self.state();
        let answer = state.answers.iter().find(|(upto, _)| *upto >= number);
        if let Some((_, answer)) = answer {
            return Some(answer.clone());
        }
        if state.over {
            return Some(Err("the queue was shut down".to_owned()));
        }
        state.wait();
        None
    }

    /// Whether the thread has ended. If not, this thread is unparked when it may have.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.state();
        if !state.over {
            state.wait();
        }
        state.over
    }

    /// The counts, and the number of items that are neither refused nor done.
    pub(crate) fn books(&self) -> (Books, u64) {
        let books = self.state().books;
        (books, books.given - books.refused - books.done())
    }

    // No change can panic half-way: `refused` only counts, and `critical` runs before the change.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// The last flush that is due once `more` items are passed on.
    fn due(&mut self, more: u64) -> Option<u64> {
        let reached = self.books.done() + more;
        let mut due = None;
        while let Some((number, before)) = self.asked.front()
            && *before <= reached
        {
            due = Some(*number);
            self.asked.pop_front();
        }
        due
    }

    /// Registers this thread to be unparked.
    fn wait(&mut self) {
        let thread = thread::current();
        self.waiting.retain(|other| other.id() != thread.id());
        self.waiting.push(thread);
    }

    /// The thread, which the caller has to wake.
    fn awoken(&mut self) -> Option<Thread> {
        self.idle = false;
        self.thread.clone()
    }
}

fn wake(thread: Option<Thread>) {
    if let Some(thread) = thread {
        thread.unpark();
    }
}
