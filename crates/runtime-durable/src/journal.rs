//! The journal of a life: in a store, or in an engine.

mod engine;

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::ready;
use runtime_store::{
    Body, BoxFuture, DivergedError, Entered, Entry, EntryKind, EntryPlace, Fold, Journal,
    JournalError, Part, Seal, SealError, Slot, Step, StepKind, Store, Stored, Thread,
};

pub(crate) use self::engine::EngineJournal;
use crate::durable::OnDivergence;
use crate::writer::Writer;

/// The number of entries that are read at once.
const PAGE: usize = 1_000;

/// The journal of a life, in a store.
pub(crate) struct StoreJournal {
    pub(crate) writer: Arc<Writer>,
    pub(crate) code: Arc<str>,
    pub(crate) on_divergence: OnDivergence,
}

impl StoreJournal {
    /// Enters a part of a step, after the recorded steps that are in its way were left behind.
    async fn branch<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
        mut diverged: Box<DivergedError>,
    ) -> Result<Entered<'a>, JournalError> {
        loop {
            leave_behind(&self.writer, diverged).await?;
            let entered = self.writer.fold().enter(step, part, &self.code);
            match entered {
                Err(JournalError::Diverged(again)) => diverged = again,
                entered => return Ok(self.entered(step, part, entered?)),
            }
        }
    }

    fn entered<'a>(&'a self, step: &'a Step, part: Part, found: Option<Body>) -> Entered<'a> {
        match found {
            Some(body) => Entered::Recorded(body),
            None => Entered::Vacant(Box::new(StoreSlot { journal: self, step, part })),
        }
    }
}

/// Leaves the recorded steps behind that the code no longer has, or says that it must not.
pub(crate) async fn leave_behind(
    writer: &Arc<Writer>,
    diverged: Box<DivergedError>,
) -> Result<(), JournalError> {
    let branch = writer.fold().branch(&diverged).ok_or(diverged)?;
    let body = serde_json::to_vec(&branch)
        .map_err(|error| JournalError::Corrupt { seq: branch.from, what: error.to_string() })?;
    let (kind, version) = (EntryKind::BRANCH, Entry::VERSION);
    let entry = Entry { kind, version, step: None, print: None, body };
    writer.append(entry, None, false).await
}

/// Reads what earlier lives have recorded.
pub(crate) async fn read(
    store: &dyn Store,
    thread: &Thread,
    seal: Option<&dyn Seal>,
) -> Result<Fold, JournalError> {
    let mut fold = Fold::from_base(thread.base);
    let behind = |seq| (seq < thread.head).then(|| store.read(&thread.id, seq, PAGE));
    let mut next = behind(fold.head());
    while let Some(page) = next {
        let page = page.await?;
        let Some(last) = page.last() else {
            let what = format!("entry {} is missing", fold.head() + 1);
            return Err(JournalError::Corrupt { seq: fold.head() + 1, what });
        };
        // A store with a thread of its own reads it meanwhile.
        next = behind(last.seq);
        take(&mut fold, page, (thread, seal))?;
    }
    Ok(fold)
}

/// Takes the next entries of a thread.
pub(crate) fn take(
    fold: &mut Fold,
    entries: Vec<Stored>,
    (thread, seal): (&Thread, Option<&dyn Seal>),
) -> Result<(), JournalError> {
    entries.into_iter().try_for_each(|mut stored| {
        open(&mut stored, thread, seal)?;
        fold.apply(stored)
    })
}

/// Opens a sealed entry.
fn open(stored: &mut Stored, thread: &Thread, seal: Option<&dyn Seal>) -> Result<(), JournalError> {
    let Some(seal) = seal else { return Ok(()) };
    let (seq, kind, step) = (stored.seq, stored.entry.kind, stored.entry.step);
    let opened = seal.open(&EntryPlace { thread: &thread.id, seq, kind, step }, &stored.entry.body);
    let broken = |error: SealError| JournalError::Corrupt { seq, what: error.to_string() };
    stored.entry.body = opened.map_err(broken)?;
    Ok(())
}

impl Journal for StoreJournal {
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>> {
        let found = self.writer.fold().enter(step, part, &self.code);
        match found {
            Err(JournalError::Diverged(diverged)) if self.on_divergence == OnDivergence::Branch => {
                self.branch(step, part, diverged).boxed()
            }
            found => ready(found.map(|found| self.entered(step, part, found))).boxed(),
        }
    }
}

/// An entry about a step.
pub(crate) fn entry(writer: &Writer, (kind, step): (EntryKind, &Step), body: Vec<u8>) -> Entry {
    let (key, print) = (writer.fold().written(step.key), step.print);
    Entry { kind, version: Entry::VERSION, step: Some(key), print: Some(print), body }
}

/// A place in the journal for one record.
struct StoreSlot<'a> {
    journal: &'a StoreJournal,
    step: &'a Step,
    part: Part,
}

impl<'a> Slot<'a> for StoreSlot<'a> {
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        let Self { journal, step, part } = *self;
        let intent = matches!(part, Part::Intent(_));
        let kind = if intent { EntryKind::INTENT } else { EntryKind::OUTCOME };
        let entry = entry(&journal.writer, (kind, step), body);
        // A later intent is of the same call, which was lost: its approval is used already.
        let approval = step.approval.clone().filter(|_| part == Part::Intent(0));
        // A lost intent of a turn costs its estimate in the books, not money.
        let relaxed = intent && step.name.kind == StepKind::Turn;
        let appended = journal.writer.append(entry, approval, relaxed);
        appended.boxed()
    }
}
