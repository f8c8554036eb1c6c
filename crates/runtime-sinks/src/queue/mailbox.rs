//! The queue itself: a lock, two lists, and a thread that is woken as seldom as can be.
//!
//! ```text
//!                 an event, and the thread is told              took nothing, often
//!      ┌──── Idle ◀────────────────────────────────────────────────┐
//!      │ wakes     parked until somebody wakes it                   │
//!      ▼                                                            │
//!   Active ── parked for a little while, takes all there is ────────┘
//!      │
//!      └── closed, and took nothing ──▶ Over
//! ```
//!
//! While the thread is active, an event costs a lock and a place in a list: nobody is woken, since
//! the thread will come by. It is woken early only when the queue is half full, for a flush, and
//! when the queue is closed.

use std::collections::VecDeque;
use std::mem;
use std::sync::PoisonError;

use crate::sync::{Mutex, MutexGuard, Thread, thread};

/// A bounded list of items, and the places in it that are kept for critical ones.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    state: Mutex<State<T>>,
    capacity: usize,
    /// How many items of no importance fit.
    common: usize,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// Of those `given`, how many had no room, and how many are taken care of.
    books: Books,
    /// The thread, once it is there; and whether it has to be woken for an item.
    thread: Option<Thread>,
    idle: bool,
    closed: bool,
    over: bool,
    /// The flushes asked for: their numbers, and how many items come before each.
    asked: VecDeque<(u64, u64)>,
    last_asked: u64,
    /// What came of the latest rounds of flushes, by the last one that each has answered.
    answers: VecDeque<(u64, Result<(), String>)>,
    /// Those who wait for a flush or for the end.
    waiting: Vec<Thread>,
}

/// What became of the items: `given == refused + taken + queued`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) given: u64,
    pub(crate) refused: u64,
    /// Those that the thread has taken out and is done with, by what came of it.
    pub(crate) written: u64,
    pub(crate) lost: u64,
    pub(crate) errors: u64,
}

impl Books {
    const fn done(self) -> u64 {
        self.written + self.lost
    }
}

/// Why an item was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// What the thread is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Hand on what it took, if anything, and then flush, if anybody asked: up to this flush.
    Work { flush: Option<u64> },
    /// Park for a little while.
    Linger,
    /// Park until it is woken.
    Idle,
    /// There will be nothing more.
    Over,
}

/// How often the thread finds nothing before it is idle.
const QUIET: u32 = if cfg!(runtime_loom) { 2 } else { 20 };

/// How many answers are remembered: by then, whoever waits for one has been woken as many times.
const ANSWERS: usize = 64;

/// How many items are handed on at once.
const BATCH: usize = if cfg!(runtime_loom) { 1 } else { 1024 };

/// What the thread does with what it takes.
pub(crate) trait Work<T> {
    /// Hands items on.
    fn hand_on(&mut self, items: &[T]) -> Handed;

    /// Hands on what is held back elsewhere.
    fn flush(&mut self) -> Result<(), String>;

    /// Waits a little, or until the thread is unparked.
    fn linger(&self);
}

/// What became of items that were handed on.
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

    /// Takes an item in, if there is room for one of its importance, which is asked for only when
    /// the queue is nearly full. `refused` sees it under the lock if there is not.
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

    /// The life of the thread.
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

    /// For the thread: moves items to `batch`, which is empty, and says what to do.
    ///
    /// `quiet` counts the times that there was nothing.
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
        // Set under the lock under which the next item comes: that one wakes the thread, even if
        // it comes before the thread parks.
        state.idle = true;
        Next::Idle
    }

    /// For the thread: whether what comes next can wait for more to come.
    fn is_quiet(&self) -> bool {
        let state = self.state();
        let busy = state.items.len() >= self.capacity.div_ceil(2);
        !busy && state.asked.is_empty() && !state.closed
    }

    /// For the thread: enters what became of items it took.
    fn settle(&self, handed: Handed) {
        let mut state = self.state();
        state.books.written += handed.written;
        state.books.lost += handed.lost;
        state.books.errors += handed.errors;
    }

    /// For the thread: enters that it is done.
    fn finish(&self) {
        let mut state = self.state();
        state.over = true;
        let waiting = mem::take(&mut state.waiting);
        drop(state);
        waiting.iter().for_each(Thread::unpark);
    }

    /// For the thread: answers flushes up to `number`; wakes who waits for that.
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

    /// Asks for a flush of all that was taken in until now; [`wait`](Self::wait) for its number.
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

    /// Lets no more items in.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let thread = state.awoken();
        drop(state);
        wake(thread);
    }

    /// What came of a flush, if it is over. If not, this thread is unparked once it may be.
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

    /// Whether the thread is done. If not, this thread is unparked once it may be.
    pub(crate) fn is_over(&self) -> bool {
        let mut state = self.state();
        if !state.over {
            state.wait();
        }
        state.over
    }

    /// The books, and how many items are neither refused nor taken care of.
    pub(crate) fn books(&self) -> (Books, u64) {
        let books = self.state().books;
        (books, books.given - books.refused - books.done())
    }

    // Nothing panics half-way through a change; `refused` counts, and `critical` comes before.
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// The last of the flushes that nothing has to wait for, once `more` items are handed on.
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

    /// Has this thread unparked when something happens that others wait for.
    fn wait(&mut self) {
        let thread = thread::current();
        self.waiting.retain(|other| other.id() != thread.id());
        self.waiting.push(thread);
    }

    /// The thread, to be woken.
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
