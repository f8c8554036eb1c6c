//! Tokio's timer as a sleeper.

use std::time::Duration;

use runtime_events::{Sleep, Sleeper};

/// Sleeps on tokio's timer. The default sleeper with feature `tokio`.
///
/// Its sleeps panic outside a tokio runtime with time enabled, as `tokio::time::sleep` does; it
/// is asked for one only when a call with a timeout is not ready at once.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct TokioSleeper;

impl Sleeper for TokioSleeper {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}
