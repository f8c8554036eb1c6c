//! What is outside of durable sessions: who pays, who decides, and what was seen there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The books of a bank, and of what its callers have seen. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Bank(Arc<Mutex<Books>>);

#[derive(Default)]
pub(crate) struct Books {
    /// The payments by the name of their call.
    pub(crate) payments: BTreeMap<String, u32>,
    /// The keys of the payments that were made.
    pub(crate) keys: BTreeSet<String>,
    /// When a life has first seen the recorded outcome of a call.
    pub(crate) recorded: BTreeMap<String, Duration>,
    /// How often people have said yes to a call, and how often a life has seen the call fail after that.
    pub(crate) approved: BTreeMap<String, u32>,
    pub(crate) failed: BTreeMap<String, u32>,
    /// When each life of a thread began, and when it was last seen.
    lived: BTreeMap<String, BTreeMap<Duration, Duration>>,
    /// The messages under each key that counted.
    said: BTreeSet<(String, String)>,
    /// The values that lives were told, by the name of their step.
    values: BTreeMap<String, String>,
    /// What was broken first.
    pub(crate) broken: Option<String>,
}

impl Bank {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn broken(&self) -> Result<(), String> {
        self.books().broken.clone().map_or(Ok(()), Err)
    }

    /// Pays. A bank that knows its keys pays each once.
    pub(crate) fn pay(&self, call: &str, key: &str, dedupes: bool) {
        let mut books = self.books();
        let is_new = books.keys.insert(key.to_owned());
        if dedupes && !is_new {
            return;
        }
        let payments = books.payments.entry(call.to_owned()).or_default();
        *payments += 1;
        if *payments > 1 {
            let why = format!("`{call}` was paid {payments} times");
            books.broken.get_or_insert(why);
        }
    }

    /// A call is made. One whose outcome was recorded before this time must not be, and each failure takes its
    /// approval along.
    pub(crate) fn make(&self, call: &str, (needs_approval, before): (bool, Duration)) {
        let mut books = self.books();
        let count = |of: &BTreeMap<String, u32>| of.get(call).copied().unwrap_or_default();
        let (approved, failed) = (count(&books.approved), count(&books.failed));
        if books.recorded.get(call).is_some_and(|at| *at < before) {
            let why = format!("`{call}` is recorded, and was made again");
            books.broken.get_or_insert(why);
        } else if needs_approval && approved <= failed {
            let why =
                format!("`{call}` was made with {approved} approvals after {failed} failures");
            books.broken.get_or_insert(why);
        }
    }

    pub(crate) fn record(&self, call: &str, now: Duration) {
        self.books().recorded.entry(call.to_owned()).or_insert(now);
    }

    pub(crate) fn is_recorded(&self, call: &str, before: Duration) -> bool {
        self.books().recorded.get(call).is_some_and(|at| *at < before)
    }

    pub(crate) fn fail(&self, call: &str) {
        *self.books().failed.entry(call.to_owned()).or_default() += 1;
    }

    pub(crate) fn approve(&self, call: &str) {
        *self.books().approved.entry(call.to_owned()).or_default() += 1;
    }

    /// A life that began at the first of these times was seen to live at the second one.
    pub(crate) fn live(&self, thread: &str, (began, until): (Duration, Duration)) {
        let mut lives = self.books().lived.remove(thread).unwrap_or_default();
        let last = lives.entry(began).or_default();
        *last = until.max(*last);
        self.books().lived.insert(thread.to_owned(), lives);
    }

    /// How long all lives of a thread have lived, at least.
    pub(crate) fn lived(&self, thread: &str) -> Duration {
        let lives = self.books().lived.get(thread).cloned().unwrap_or_default();
        lives.iter().map(|(began, until)| until.saturating_sub(*began)).sum()
    }

    /// A life was told a value, which is the same in each life.
    pub(crate) fn know(&self, step: &str, value: &str) {
        let mut books = self.books();
        let known = books.values.entry(step.to_owned()).or_insert_with(|| value.to_owned());
        if known != value {
            let why = format!("`{step}` was {known}, and is {value} in a later life");
            books.broken.get_or_insert(why);
        }
    }

    pub(crate) fn say(&self, key: &str, message: &str) {
        self.books().said.insert((key.to_owned(), message.to_owned()));
    }

    pub(crate) fn said(&self, key: &str, message: &str) -> bool {
        self.books().said.contains(&(key.to_owned(), message.to_owned()))
    }
}
