//! What is done about a failed call: waits, goes to the other provider, sends less.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use techrevati_runtime::events::FailureScenario;
use techrevati_runtime::resilience::recovery::{StepContext, StepFuture};
use techrevati_runtime::resilience::{BoxError, RecoveryHandler, RecoveryStep};

use crate::client::{CallFailed, Client};

/// The first wait; it doubles with every attempt.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// No wait is longer, whatever a provider asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);
/// Bytes of one tool result that are sent at first; halved when the context overflows.
const RESULT_BYTES: usize = 64 << 10;

/// Carries out the steps that the runtime's recipes ask for, and remembers what it did.
#[derive(Clone, Debug)]
pub(crate) struct Recovery(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Arc<Client>,
    result_bytes: AtomicUsize,
    done: Mutex<Vec<String>>,
}

impl Recovery {
    pub(crate) fn new(client: Arc<Client>) -> Self {
        let (result_bytes, done) = (AtomicUsize::new(RESULT_BYTES), Mutex::default());
        Self(Arc::new(Inner { client, result_bytes, done }))
    }

    /// What was done since the last time this was asked.
    pub(crate) fn take_done(&self) -> String {
        let mut done = self.0.done.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *done).join(", ")
    }

    /// How much of a tool's result may be sent to the model.
    pub(crate) fn result_bytes(&self) -> usize {
        self.0.result_bytes.load(Ordering::Relaxed)
    }

    fn note(&self, done: String) {
        self.0.done.lock().unwrap_or_else(PoisonError::into_inner).push(done);
    }

    async fn take_step(&self, step: &StepContext<'_>) -> Result<(), BoxError> {
        let call = step.error().and_then(|error| call_failed(error));
        if let Some(CallFailed::Status { status, .. }) = call
            && matches!(status.as_u16(), 400..=404)
            && step.scenario() != FailureScenario::ContextOverflow
        {
            return Err(format!("asking again does not help against HTTP {status}").into());
        }
        match step.step() {
            RecoveryStep::RetryWithBackoff => {
                let asked = call.and_then(CallFailed::retry_after);
                let backoff = FIRST_WAIT * 2_u32.saturating_pow(step.attempt().saturating_sub(1));
                let wait = asked.unwrap_or(backoff).min(LONGEST_WAIT);
                tokio::time::sleep(wait).await;
                let why = if asked.is_some() { " as Retry-After asks" } else { "" };
                self.note(format!("waited {:.1} s{why}", wait.as_secs_f64()));
            }
            RecoveryStep::SwitchProvider => match self.0.client.switch() {
                Some(route) => self.note(format!("switched to {route}")),
                None => self.note("stayed, as there is no other provider".into()),
            },
            RecoveryStep::RetryWithSmallerContext => {
                // Relaxed: a number that stands for itself.
                let halved = self.result_bytes() / 2;
                self.0.result_bytes.store(halved, Ordering::Relaxed);
                self.note(format!("cut tool results to {halved} bytes"));
            }
            RecoveryStep::ClearMemoryCache => self.note("dropped what had arrived".into()),
            RecoveryStep::RestartAgent => self.note("began the turn again".into()),
            other => return Err(format!("`{other}` is not possible here").into()),
        }
        Ok(())
    }
}

impl RecoveryHandler for Recovery {
    fn carry_out(&self, step: &StepContext<'_>) -> Result<(), BoxError> {
        Err(format!("`{}` has to wait, and this thread must not", step.step()).into())
    }

    fn carry_out_async<'a>(&'a self, step: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(self.take_step(step))
    }
}

/// The failed call behind an error, however deep.
fn call_failed<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e CallFailed> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(failed) = error.downcast_ref::<CallFailed>() {
            return Some(failed);
        }
        next = error.source();
    }
    None
}
