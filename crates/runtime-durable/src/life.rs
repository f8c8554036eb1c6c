//! A life: what its session and the sessions below it share.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_store::{Journal, JournalError, Leave, Store, StoreError, ThreadId};

use crate::durable::Settings;
use crate::error::{ParkedError, StepError};
use crate::writer::Writer;

/// What the sessions of a life share.
pub(crate) struct Life {
    pub(crate) thread: ThreadId,
    pub(crate) journal: Arc<dyn Journal>,
    /// Whether that is an engine's.
    pub(crate) in_engine: bool,
    /// Approvals and messages.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) settings: Settings,
    /// Whether the code has asked for the last checkpoint.
    pub(crate) resumed: AtomicBool,
    over: Mutex<Option<Over>>,
}

/// Why a life takes no further step.
#[derive(Debug)]
pub(crate) enum Over {
    /// With how the thread is left.
    Parked(ParkedError, Leave),
    Journal(JournalError),
}

impl Life {
    pub(crate) fn new(
        thread: ThreadId,
        (journal, in_engine): (Arc<dyn Journal>, bool),
        (store, writer): (Arc<dyn Store>, Arc<Writer>),
        settings: Settings,
    ) -> Self {
        Self {
            thread,
            journal,
            in_engine,
            store,
            writer,
            settings,
            resumed: AtomicBool::new(false),
            over: Mutex::default(),
        }
    }

    pub(crate) fn over(&self) -> MutexGuard<'_, Option<Over>> {
        // Single assignments.
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a step after the end of the life.
    pub(crate) fn going_on(&self) -> Result<(), StepError> {
        match &*self.over() {
            None => Ok(()),
            Some(Over::Parked(parked, _)) => Err(parked.clone().into()),
            Some(Over::Journal(error)) => Err(error.clone().into()),
        }
    }

    /// Ends the life because the thread waits.
    pub(crate) fn park(&self, parked: ParkedError) -> StepError {
        let leave = Leave::Parked(parked.wake_at);
        self.leave(parked, leave)
    }

    /// Ends the life because the thread goes on elsewhere.
    pub(crate) fn leave(&self, parked: ParkedError, leave: Leave) -> StepError {
        let mut over = self.over();
        if over.is_none() {
            *over = Some(Over::Parked(parked.clone(), leave));
        }
        drop(over);
        parked.into()
    }

    /// Ends the life because of its journal: no further step begins.
    pub(crate) fn broken(&self, error: JournalError) -> StepError {
        *self.over() = Some(Over::Journal(error.clone()));
        error.into()
    }

    pub(crate) fn store_failed(&self, error: StoreError) -> StepError {
        self.broken(error.into())
    }
}
