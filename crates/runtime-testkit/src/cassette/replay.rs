//! [`Replay`]: a call that is being played.

use std::fmt;
use std::future::{Future as _, pending};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use runtime_events::{Clock as _, Sleep, Sleeper as _};
use runtime_resilience::{BoxError, Failure};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::clock::TapeClock;
use super::format::{End, Recording};
use super::pieces;

/// A call that is being played.
pub struct Replay {
    recording: Arc<Recording>,
    clock: TapeClock,
    begun: Instant,
    timed: bool,
    /// The chunk that is next, and below it the wait for it.
    next: usize,
    /// In a mutex that is never locked: calls and bodies have to be `Sync`, and timers are not.
    sleep: Mutex<Option<Sleep>>,
}

impl Replay {
    pub(crate) fn new(recording: Arc<Recording>, clock: TapeClock, timed: bool) -> Self {
        if timed {
            // What the program did before took time then, too.
            clock.reach(Duration::from_micros(recording.at_us));
        }
        let begun = clock.now();
        Self { recording, clock, begun, timed, next: 0, sleep: Mutex::default() }
    }

    /// The recorded reply, in its time.
    ///
    /// # Errors
    ///
    /// The recorded error, or that the reply has another form than `T`.
    pub async fn reply<T: DeserializeOwned>(self) -> Result<T, BoxError> {
        self.read(self.end().await?)
    }

    /// [`reply`](Self::reply) on a thread, which parks on the clock until it is time.
    ///
    /// # Errors
    ///
    /// As of [`reply`](Self::reply), and that the caller of the recorded call had left it.
    pub fn reply_blocking<T: DeserializeOwned>(self) -> Result<T, BoxError> {
        if matches!(self.recording.end, End::Dropped) {
            return Err(self.odd("never ended: its caller left it, which a thread cannot"));
        }
        while let Some(left) = self.left(self.recording.took_us) {
            self.clock.park(left);
        }
        self.read(self.ended()?)
    }

    /// The recorded reply at once.
    pub(crate) fn value<T: DeserializeOwned>(&self) -> Result<T, BoxError> {
        self.read(&self.recording.end)
    }

    /// What came before the first chunk, in its time.
    ///
    /// # Errors
    ///
    /// The recorded error, if no stream was opened.
    pub async fn opened(&self) -> Result<&Value, BoxError> {
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
    fn wait(&self, after_us: u64) -> Option<Sleep> {
        Some(self.clock.sleep(self.left(after_us)?))
    }

    /// The time until the call has taken this long, if any is left.
    fn left(&self, after_us: u64) -> Option<Duration> {
        let taken = self.clock.now().saturating_duration_since(self.begun);
        let left = Duration::from_micros(after_us).saturating_sub(taken);
        (self.timed && !left.is_zero()).then_some(left)
    }

    /// The next chunk of a stream, in its time; `None` at its end. It stays pending where the caller had left.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<&Value, BoxError>>> {
        let chunk = self.recording.chunks.get(self.next);
        if chunk.is_none() && matches!(self.recording.end, End::Dropped) {
            return Poll::Pending;
        }
        let at_us = chunk.map_or(self.recording.took_us, |(at_us, _)| *at_us);
        let wait = self.sleep.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut wait) = wait.or_else(|| self.wait(at_us))
            && Pin::new(&mut wait).poll(cx).is_pending()
        {
            self.sleep = Mutex::new(Some(wait));
            return Poll::Pending;
        }
        if self.recording.chunks.len() > self.next {
            self.next += 1;
            return Poll::Ready(Some(Ok(&self.recording.chunks[self.next - 1].1)));
        }
        Poll::Ready(match &self.recording.end {
            End::Error(error) => Some(Err(Failure::from((**error).clone()).into())),
            End::Panicked => self.panics(),
            _ => None,
        })
    }

    /// As [`poll_chunk`](Self::poll_chunk), for the pieces of a body.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, BoxError>>> {
        self.poll_chunk(cx).map_ok(pieces::bytes)
    }

    /// Whether nothing is left of a stream that ended well.
    pub fn is_over(&self) -> bool {
        self.next == self.recording.chunks.len() && matches!(self.recording.end, End::Done)
    }

    /// Panics as the recorded call did. Its message was not kept.
    fn panics(&self) -> ! {
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
        self.ended()
    }

    /// The end of a call that ended.
    fn ended(&self) -> Result<&End, BoxError> {
        match &self.recording.end {
            End::Error(error) => Err(Failure::from((**error).clone()).into()),
            End::Panicked => self.panics(),
            end => Ok(end),
        }
    }

    /// The reply of a call that ended so.
    fn read<T: DeserializeOwned>(&self, end: &End) -> Result<T, BoxError> {
        let End::Reply(reply) = end else { return Err(self.odd("has no reply")) };
        T::deserialize(reply).map_err(|error| self.odd(&format!("has another form: {error}")))
    }

    fn odd(&self, problem: &str) -> BoxError {
        format!("the recording of call {} {problem}", self.recording.call).into()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay").field("call", &self.recording.call).finish_non_exhaustive()
    }
}
