//! For tests of your own agents: a clock that moves by hand, a model that follows a script, a
//! sink that remembers.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! use techrevati_runtime::events::AgentEventName;
//! use techrevati_runtime::testing::{ManualClock, RecordingEventSink, ScriptedModel};
//! use techrevati_runtime::{Orchestrator, Turn};
//!
//! let clock = ManualClock::new();
//! let events = RecordingEventSink::new();
//! let model = ScriptedModel::new().fails("503 Service Unavailable").replies("hello");
//! let orchestrator =
//!     Orchestrator::new("writer", "draft").time(clock).event_sink(events.clone());
//!
//! let session = orchestrator.session()?;
//! let first = session.run_turn(Turn::model("m"), || model.call("hi")).await;
//! assert_eq!(first.unwrap_err().to_string(), "503 Service Unavailable");
//! let second = session.run_turn(Turn::model("m"), || model.call("hi again")).await?;
//! assert_eq!(second.value, "hello");
//!
//! assert_eq!(model.prompts(), ["hi", "hi again"]);
//! assert_eq!(events.all(AgentEventName::TurnFailed).len(), 1);
//! # Ok::<_, techrevati_runtime::BoxError>(()) }).unwrap();
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[doc(no_inline)]
pub use runtime_events::{CountingIds, ManualClock};
use runtime_events::{Sleep, Sleeper};
#[doc(inline)]
pub use runtime_sinks::testing::RecordingEventSink;
use thiserror::Error;

use crate::BoxError;

/// A model that answers as it was told, one step of its script per call.
///
/// Clones share the script.
pub struct ScriptedModel<T> {
    shared: Arc<Mutex<Shared<T>>>,
    sleeper: Option<Arc<dyn Sleeper>>,
}

struct Shared<T> {
    script: VecDeque<Step<T>>,
    prompts: Vec<String>,
}

enum Step<T> {
    Reply(T),
    Fail(BoxError),
    Wait(Duration),
    Hang,
}

/// A scripted model was called more often than its script says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("the script is over")]
#[non_exhaustive]
pub struct ScriptOverError;

impl<T> ScriptedModel<T> {
    /// A model without a script: the first call fails with [`ScriptOverError`].
    pub fn new() -> Self {
        let shared = Shared { script: VecDeque::new(), prompts: Vec::new() };
        Self { shared: Arc::new(Mutex::new(shared)), sleeper: None }
    }

    /// What its delays wait on: usually the [`ManualClock`] of the test.
    #[must_use]
    pub fn on(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.sleeper = Some(Arc::new(sleeper));
        self
    }

    /// The next call answers with `reply`.
    #[must_use]
    pub fn replies(self, reply: T) -> Self {
        self.step(Step::Reply(reply))
    }

    /// The next call fails with `error`.
    #[must_use]
    pub fn fails(self, error: impl Into<BoxError>) -> Self {
        self.step(Step::Fail(error.into()))
    }

    /// The next call takes this long before the step after this one. Needs [`on`](Self::on);
    /// without it, there is no wait.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.step(Step::Wait(delay))
    }

    /// The next call never returns.
    #[must_use]
    pub fn hangs(self) -> Self {
        self.step(Step::Hang)
    }

    /// Takes the next step of the script.
    ///
    /// # Errors
    ///
    /// What the script says, or [`ScriptOverError`] after its end.
    pub async fn call(&self, prompt: impl Into<String>) -> Result<T, BoxError> {
        let (delay, step) = self.next(prompt.into());
        if let Some(sleeper) = self.sleeper.as_ref().filter(|_| !delay.is_zero()) {
            let sleep: Sleep = sleeper.sleep(delay);
            sleep.await;
        }
        match step {
            Some(Step::Reply(reply)) => Ok(reply),
            Some(Step::Fail(error)) => Err(error),
            Some(Step::Hang) => pending().await,
            Some(Step::Wait(_)) | None => Err(ScriptOverError.into()),
        }
    }

    /// A call's whole part of the script, taken at once: its delays, and the step after them.
    fn next(&self, prompt: String) -> (Duration, Option<Step<T>>) {
        let mut shared = self.shared();
        shared.prompts.push(prompt);
        let mut delay = Duration::ZERO;
        while let Some(Step::Wait(more)) = shared.script.front() {
            delay = delay.saturating_add(*more);
            shared.script.pop_front();
        }
        let step = shared.script.pop_front();
        drop(shared);
        (delay, step)
    }

    /// The prompts it was called with, in order.
    pub fn prompts(&self) -> Vec<String> {
        self.shared().prompts.clone()
    }

    /// How many steps of the script are left.
    pub fn remaining(&self) -> usize {
        self.shared().script.len()
    }

    fn step(self, step: Step<T>) -> Self {
        self.shared().script.push_back(step);
        self
    }

    fn shared(&self) -> MutexGuard<'_, Shared<T>> {
        // Nothing can panic while it is held.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for ScriptedModel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for ScriptedModel<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), sleeper: self.sleeper.clone() }
    }
}

impl<T> fmt::Debug for ScriptedModel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedModel")
            .field("remaining", &self.remaining())
            .finish_non_exhaustive()
    }
}
