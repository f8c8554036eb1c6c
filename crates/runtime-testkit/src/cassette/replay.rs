//! [`Replay`]: a call that is being played.

use std::future::pending;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime_events::{Clock as _, Sleep, Sleeper as _};
use runtime_resilience::{BoxError, Failure};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::clock::TapeClock;
use super::format::{End, Recording};

/// A call that is being played.
pub(crate) struct Replay {
    pub(crate) recording: Arc<Recording>,
    clock: TapeClock,
    begun: Instant,
    timed: bool,
}

impl Replay {
    pub(crate) fn new(recording: Arc<Recording>, clock: TapeClock, timed: bool) -> Self {
        if timed {
            // What the program did before took time then, too.
            clock.reach(Duration::from_micros(recording.at_us));
        }
        let begun = clock.now();
        Self { recording, clock, begun, timed }
    }

    /// The recorded reply, in its time.
    pub(crate) async fn reply<T: DeserializeOwned>(self) -> Result<T, BoxError> {
        match self.end().await? {
            End::Reply(reply) => self.read(reply),
            _ => Err(self.odd("has no reply")),
        }
    }

    /// The recorded reply at once.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, BoxError> {
        match &self.recording.end {
            End::Reply(reply) => self.read(reply),
            _ => Err(self.odd("has no value")),
        }
    }

    /// What came before the first chunk, in its time.
    pub(crate) async fn opened(&self) -> Result<&Value, BoxError> {
        let Some(opened) = &self.recording.opened else {
            self.end().await?;
            return Err(self.odd("has no stream"));
        };
        if let Some(wait) = self.wait(opened.at_us) {
            wait.await;
        }
        Ok(&opened.head)
    }

    /// The wait until the call has taken this long, if any is left.
    pub(crate) fn wait(&self, after_us: u64) -> Option<Sleep> {
        let taken = self.clock.now().saturating_duration_since(self.begun);
        let left = Duration::from_micros(after_us).saturating_sub(taken);
        (self.timed && !left.is_zero()).then(|| self.clock.sleep(left))
    }

    /// Panics as the recorded call did. Its message was not kept.
    pub(crate) fn panics(&self) -> ! {
        let call = self.recording.call;
        resume_unwind(Box::new(format!("call {call} panicked when it was recorded")))
    }

    /// The end of the call, in its time. It never comes if the caller had left.
    async fn end(&self) -> Result<&End, BoxError> {
        if matches!(self.recording.end, End::Dropped) {
            return pending().await;
        }
        if let Some(wait) = self.wait(self.recording.took_us) {
            wait.await;
        }
        match &self.recording.end {
            End::Error(error) => Err(Failure::from((**error).clone()).into()),
            End::Panicked => self.panics(),
            end => Ok(end),
        }
    }

    fn read<T: DeserializeOwned>(&self, reply: &Value) -> Result<T, BoxError> {
        T::deserialize(reply).map_err(|error| self.odd(&format!("has another form: {error}")))
    }

    fn odd(&self, problem: &str) -> BoxError {
        format!("the recording of call {} {problem}", self.recording.call).into()
    }
}
