//! Tokio's timer as a sleeper.

use std::time::Duration;

use runtime_events::{Sleep, Sleeper};

/// A sleeper on tokio's timer, the default with feature `tokio`.
///
/// Sleeps panic outside a tokio runtime with time enabled, as `tokio::time::sleep` does. A sleep is
/// only made for a call with a timeout that is not ready at once.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct TokioSleeper;

impl Sleeper for TokioSleeper {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}
