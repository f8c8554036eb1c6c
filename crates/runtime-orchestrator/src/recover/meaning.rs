//! The session's end between the attempts of a turn.

use crate::error::TurnError;

/// Whether the session has ended, or its deadline has passed.
pub(super) const fn ends_the_session(error: &TurnError) -> bool {
    matches!(error, TurnError::Closed(_) | TurnError::Deadline(_))
}

/// The same error, after an earlier call: an end between two attempts does not mean that no call
/// was made.
pub(super) const fn after_a_call(mut error: TurnError) -> TurnError {
    match &mut error {
        TurnError::Closed(closed) => closed.call_began = true,
        TurnError::Deadline(deadline) => deadline.call_began = true,
        _ => {}
    }
    error
}
