//! The boundary at which a step is recorded.

use futures_core::future::BoxFuture;

use crate::error::JournalError;
use crate::step::{Part, Step};

/// The body of a record.
pub type Body = Vec<u8>;

/// A journal of steps: our own store's, or that of an engine such as Restate.
///
/// Code enters a part of a step. If an earlier life has recorded it, the answer is the record; otherwise it is
/// a slot, which is filled when the part is known. There is no closure in between, so the code around a step
/// borrows freely.
pub trait Journal: Send + Sync {
    /// Enters a part of a step.
    ///
    /// Errors: [`JournalError`] with the reason why the step must not begin.
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>>;
}

/// What a journal has of a part of a step.
#[expect(clippy::exhaustive_enums, reason = "a part is recorded or it is not")]
#[expect(missing_debug_implementations, reason = "a slot is somebody else's")]
pub enum Entered<'a> {
    /// An earlier life has recorded it.
    Recorded(Body),
    /// Nobody has. Dropping the slot leaves the part unrecorded: it can be entered again, in this life as well.
    Vacant(Box<dyn Slot<'a> + 'a>),
}

/// A place in a journal for one record.
pub trait Slot<'a>: Send {
    /// Records the part. Once the future is ready, the record is as durable as the journal.
    ///
    /// Errors: [`JournalError`]. The record may have been made.
    fn fill(self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>>;
}
