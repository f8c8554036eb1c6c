//! [`Guardrails`]: a set of guardrails that check together.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::check::{GuardrailSubject, PostCheck, PreCheck};
use super::contract::{
    AsyncGuardrail, Guardrail, GuardrailFuture, GuardrailOutcome, GuardrailStage,
};
use super::violation::{GuardrailViolatedError, Violation};

/// A set of guardrails, in the order in which they were added. It is cheap to clone.
///
/// All guardrails check, even after one has objected, so that the caller learns of every objection at
/// once.
#[derive(Clone, Default)]
pub struct Guardrails {
    entries: Arc<Vec<Entry>>,
}

#[derive(Clone)]
enum Entry {
    Sync(Arc<dyn Guardrail>),
    Async(Arc<dyn AsyncGuardrail>),
}

impl Guardrails {
    /// Creates an empty set, which allows everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a guardrail.
    #[must_use]
    pub fn with(self, guardrail: impl Guardrail + 'static) -> Self {
        self.and(Entry::Sync(Arc::new(guardrail)))
    }

    /// Adds a guardrail that may wait.
    #[must_use]
    pub fn with_async(self, guardrail: impl AsyncGuardrail + 'static) -> Self {
        self.and(Entry::Async(Arc::new(guardrail)))
    }

    /// Adds the guardrails of another set, behind those of this one.
    #[must_use]
    pub fn with_all(mut self, others: &Self) -> Self {
        if self.entries.is_empty() {
            return others.clone();
        }
        Arc::make_mut(&mut self.entries).extend(others.entries.iter().cloned());
        self
    }

    fn and(mut self, entry: Entry) -> Self {
        Arc::make_mut(&mut self.entries).push(entry);
        self
    }

    /// Whether any guardrail checks at this stage.
    #[inline]
    pub fn has_any(&self, stage: GuardrailStage) -> bool {
        self.at(stage).next().is_some()
    }

    /// Runs all checks of the arguments, without waiting.
    ///
    /// # Errors
    ///
    /// [`GuardrailViolatedError`] with all objections. An [`AsyncGuardrail`] that checks at this stage
    /// counts as an objection, because its check cannot run here and must not be skipped.
    #[doc(alias = "run_pre_checks")]
    pub fn check_pre(&self, check: &PreCheck<'_>) -> Result<(), GuardrailViolatedError> {
        let ask = |guardrail: &dyn Guardrail| guardrail.check_pre(check);
        self.ask(GuardrailStage::Pre, check.role, check.subject, ask)
    }

    /// Runs all checks of the result, without waiting.
    ///
    /// # Errors
    ///
    /// As for [`check_pre`](Self::check_pre).
    #[doc(alias = "run_post_checks")]
    pub fn check_post(&self, check: &PostCheck<'_>) -> Result<(), GuardrailViolatedError> {
        let ask = |guardrail: &dyn Guardrail| guardrail.check_post(check);
        self.ask(GuardrailStage::Post, check.role, check.subject, ask)
    }

    /// Runs all checks of the arguments. Those that wait run concurrently.
    ///
    /// # Errors
    ///
    /// [`GuardrailViolatedError`] with all objections.
    pub async fn check_pre_async(
        &self,
        check: &PreCheck<'_>,
    ) -> Result<(), GuardrailViolatedError> {
        let answers = self.at(GuardrailStage::Pre).map(|entry| match entry {
            Entry::Sync(guardrail) => (entry, Answer::Given(guardrail.check_pre(check))),
            Entry::Async(guardrail) => (entry, Answer::Awaited(guardrail.check_pre(check))),
        });
        let violations = wait(answers.collect()).await;
        GuardrailViolatedError::check(GuardrailStage::Pre, check.role, check.subject, violations)
    }

    /// Runs all checks of the result. Those that wait run concurrently.
    ///
    /// # Errors
    ///
    /// [`GuardrailViolatedError`] with all objections.
    pub async fn check_post_async(
        &self,
        check: &PostCheck<'_>,
    ) -> Result<(), GuardrailViolatedError> {
        let answers = self.at(GuardrailStage::Post).map(|entry| match entry {
            Entry::Sync(guardrail) => (entry, Answer::Given(guardrail.check_post(check))),
            Entry::Async(guardrail) => (entry, Answer::Awaited(guardrail.check_post(check))),
        });
        let violations = wait(answers.collect()).await;
        GuardrailViolatedError::check(GuardrailStage::Post, check.role, check.subject, violations)
    }

    fn at(&self, stage: GuardrailStage) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.checks(stage))
    }

    fn ask(
        &self,
        stage: GuardrailStage,
        role: &str,
        subject: GuardrailSubject<'_>,
        ask: impl Fn(&dyn Guardrail) -> GuardrailOutcome,
    ) -> Result<(), GuardrailViolatedError> {
        let violations = self.at(stage).filter_map(|entry| {
            let outcome = match entry {
                Entry::Sync(guardrail) => ask(&**guardrail),
                Entry::Async(_) => {
                    GuardrailOutcome::deny("an async guardrail cannot run in a blocking call")
                }
            };
            entry.objection(outcome)
        });
        GuardrailViolatedError::check(stage, role, subject, violations.collect())
    }
}

impl fmt::Debug for Guardrails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(Entry::name)).finish()
    }
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Sync(guardrail) => guardrail.name(),
            Self::Async(guardrail) => guardrail.name(),
        }
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        match self {
            Self::Sync(guardrail) => guardrail.checks(stage),
            Self::Async(guardrail) => guardrail.checks(stage),
        }
    }

    fn objection(&self, outcome: GuardrailOutcome) -> Option<Violation> {
        (!outcome.allowed).then(|| Violation::new(self.name(), outcome.reason))
    }
}

enum Answer<'a> {
    Given(GuardrailOutcome),
    Awaited(GuardrailFuture<'a>),
}

/// The objections, once every check is done.
async fn wait(mut answers: Vec<(&Entry, Answer<'_>)>) -> Vec<Violation> {
    poll_fn(|cx| poll_all(&mut answers, cx)).await;
    let objection = |(entry, answer): (&Entry, Answer<'_>)| match answer {
        Answer::Given(outcome) => entry.objection(outcome),
        Answer::Awaited(_) => None,
    };
    answers.into_iter().filter_map(objection).collect()
}

/// Ready once every check is done. Guardrails are few, so any wake-up polls all that still wait.
fn poll_all(answers: &mut [(&Entry, Answer<'_>)], cx: &mut Context<'_>) -> Poll<()> {
    let mut waiting = false;
    for (_, answer) in answers {
        let Answer::Awaited(future) = answer else { continue };
        match Pin::as_mut(future).poll(cx) {
            Poll::Ready(outcome) => *answer = Answer::Given(outcome),
            Poll::Pending => waiting = true,
        }
    }
    if waiting { Poll::Pending } else { Poll::Ready(()) }
}
