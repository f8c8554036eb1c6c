//! A life: what its session and the sessions below it share.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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
    pub(crate) running: Running,
    over: Mutex<Option<Over>>,
}

/// The steps that run, in all places. A checkpoint is between steps: none of them has a part on either side.
#[derive(Debug, Default)]
pub(crate) struct Running(AtomicU32);

// Relaxed: the number guards no other memory.
impl Running {
    /// In place of a number, while a checkpoint is made.
    const ANEW: u32 = u32::MAX;

    pub(crate) fn begin(&self) -> Result<(), StepError> {
        // None is more than `ANEW`.
        let one_more = |running: u32| running.checked_add(1);
        let begun = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        begun.map(drop).map_err(|_| StepError::Misused("a step begins once a checkpoint is made"))
    }

    pub(crate) fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lets no step begin until [`go_on`](Self::go_on). If the caller leaves before, nobody knows where the
    /// checkpoint is, so none begins any more.
    pub(crate) fn stop(&self) -> Result<(), StepError> {
        let stopped = self.0.compare_exchange(0, Self::ANEW, Ordering::Relaxed, Ordering::Relaxed);
        let running = "a checkpoint is made at the top, while no step runs";
        stopped.map(drop).map_err(|_| StepError::Misused(running))
    }

    pub(crate) fn go_on(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Why a life takes no further step, or none in some places.
#[derive(Debug)]
pub(crate) enum Over {
    /// The thread waits for something.
    Parked {
        parked: ParkedError,
        /// How it is left.
        leave: Leave,
        /// The places that wait.
        places: Vec<Arc<str>>,
    },
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
            running: Running::default(),
            over: Mutex::default(),
        }
    }

    pub(crate) fn over(&self) -> MutexGuard<'_, Option<Over>> {
        // Single assignments.
        self.over.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refuses a step after the end of the life, and one in a place that waits, or that a place below waits for.
    /// Other children go on.
    pub(crate) fn going_on(&self, place: &str) -> Result<(), StepError> {
        let at_or_below = |waits: &Arc<str>| {
            waits.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match &*self.over() {
            Some(Over::Parked { parked, leave, places })
                if *leave == Leave::Runnable || places.iter().any(at_or_below) =>
            {
                Err(parked.clone().into())
            }
            Some(Over::Journal(error)) => Err(error.clone().into()),
            Some(Over::Parked { .. }) | None => Ok(()),
        }
    }

    /// Ends the life, once its code has ended, because a place waits.
    pub(crate) fn park(&self, place: &Arc<str>, waits: ParkedError) -> StepError {
        let mut over = self.over();
        match &mut *over {
            None => {
                let (leave, places) = (Leave::Parked(waits.wake_at), vec![Arc::clone(place)]);
                *over = Some(Over::Parked { parked: waits.clone(), leave, places });
            }
            // It waits in another place, too.
            Some(Over::Parked { parked, leave: leave @ Leave::Parked(_), places }) => {
                *parked = parked.and(&waits);
                *leave = Leave::Parked(parked.wake_at);
                places.push(Arc::clone(place));
            }
            Some(_) => {}
        }
        drop(over);
        waits.into()
    }

    /// Ends the life because the thread goes on elsewhere.
    pub(crate) fn hand_over(&self, parked: ParkedError) -> StepError {
        let handed =
            || Over::Parked { parked: parked.clone(), leave: Leave::Runnable, places: Vec::new() };
        self.over().get_or_insert_with(handed);
        parked.into()
    }

    /// How a thread is left that has ended so. An engine has the end itself, and may ask for the steps again.
    pub(crate) fn left(&self, leave: Leave) -> Leave {
        if self.in_engine { Leave::Parked(None) } else { leave }
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
