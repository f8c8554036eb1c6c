//! [`ScriptedModel`]: a model that follows a script.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime_events::{Sleep, Sleeper};
use runtime_resilience::BoxError;
use thiserror::Error;

/// A model that follows a script, one step per call.
///
/// Clones share the script.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_testkit::ScriptedModel;
///
/// let model = ScriptedModel::new().replies("hello").fails("overloaded");
/// assert_eq!(model.call("hi").await?, "hello");
/// assert_eq!(model.call("hi").await.unwrap_err().to_string(), "overloaded");
/// assert_eq!(model.call("hi").await.unwrap_err().to_string(), "the script is over");
/// # Ok::<_, runtime_orchestrator::BoxError>(()) }).unwrap();
/// ```
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

/// The error of a call after the last step of the script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Error)]
#[error("the script is over")]
#[non_exhaustive]
pub struct ScriptOverError;

impl<T> ScriptedModel<T> {
    /// Creates a model with an empty script.
    pub fn new() -> Self {
        let shared = Shared { script: VecDeque::new(), prompts: Vec::new() };
        Self { shared: Arc::new(Mutex::new(shared)), sleeper: None }
    }

    /// Sets the timer of the delays: usually the [`ManualClock`](crate::ManualClock) of the test.
    #[must_use]
    pub fn on(mut self, sleeper: impl Sleeper + 'static) -> Self {
        self.sleeper = Some(Arc::new(sleeper));
        self
    }

    /// Adds a call that answers with `reply`.
    #[must_use]
    pub fn replies(self, reply: T) -> Self {
        self.step(Step::Reply(reply))
    }

    /// Adds a call that fails with `error`.
    #[must_use]
    pub fn fails(self, error: impl Into<BoxError>) -> Self {
        self.step(Step::Fail(error.into()))
    }

    /// Delays the call that is added next. Delays add up.
    ///
    /// Without a timer, set with [`on`](Self::on), there is no delay.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.step(Step::Wait(delay))
    }

    /// Adds a call that never returns.
    #[must_use]
    pub fn hangs(self) -> Self {
        self.step(Step::Hang)
    }

    /// Takes the next step of the script.
    ///
    /// # Errors
    ///
    /// The scripted error, or [`ScriptOverError`] after the last step.
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

    /// Takes the delays and the step of one call together, so that parallel calls do not mix them.
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

    /// The prompts of all calls, in order.
    pub fn prompts(&self) -> Vec<String> {
        self.shared().prompts.clone()
    }

    /// The number of steps that are left; a delay is a step.
    pub fn remaining(&self) -> usize {
        self.shared().script.len()
    }

    fn step(self, step: Step<T>) -> Self {
        self.shared().script.push_back(step);
        self
    }

    fn shared(&self) -> MutexGuard<'_, Shared<T>> {
        // No change can panic half-way, so the contents of a poisoned lock are consistent.
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
