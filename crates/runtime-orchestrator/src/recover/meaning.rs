//! Ends between the attempts of a turn.

use crate::error::TurnError;

/// Whether it is the session that is over, or its time.
pub(super) const fn ends_the_session(error: &TurnError) -> bool {
    matches!(error, TurnError::Closed(_) | TurnError::Deadline(_))
}

/// The same error, where a call was made before it: an end between two attempts does not mean that
/// nothing was called.
pub(super) const fn after_a_call(mut error: TurnError) -> TurnError {
    match &mut error {
        TurnError::Closed(closed) => closed.call_began = true,
        TurnError::Deadline(deadline) => deadline.call_began = true,
        _ => {}
    }
    error
}
