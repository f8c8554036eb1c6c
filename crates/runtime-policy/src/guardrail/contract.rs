//! [`Guardrail`]: the traits, and their outcomes.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use runtime_events::wire_names;

use super::check::{PostCheck, PreCheck};

wire_names! {
    /// When a guardrail checks.
    #[expect(clippy::exhaustive_enums, reason = "there is only a before and an after")]
    pub enum GuardrailStage: "guardrail stage" {
        /// Before the tool or turn runs.
        Pre = "pre",
        /// After the tool or turn has returned.
        Post = "post",
    }
}

/// The result of a guardrail's check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a denial that is not returned blocks nothing"]
pub struct GuardrailOutcome {
    /// Whether the tool or turn may go on.
    pub allowed: bool,
    /// Why not, if the guardrail says.
    pub reason: Option<Cow<'static, str>>,
}

impl GuardrailOutcome {
    /// Lets the tool or turn go on.
    pub const fn allow() -> Self {
        Self { allowed: true, reason: None }
    }

    /// Blocks the tool or turn. An empty reason counts as none.
    pub fn deny(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = Some(reason.into()).filter(|reason| !reason.is_empty());
        Self { allowed: false, reason }
    }
}

/// Checks the arguments of a tool or a model turn before it runs, and its result afterwards.
///
/// Permissions decide which role may use which tool. Guardrails look at the content. Both checks allow
/// everything by default. A check runs on the caller's thread and should be quick. A check that waits
/// is an [`AsyncGuardrail`]. [`guardrail::pre`](crate::guardrail::pre) and
/// [`guardrail::post`](crate::guardrail::post) turn closures into guardrails.
///
/// A panic in a guardrail is passed on to the caller, since an unfinished check has allowed nothing.
pub trait Guardrail: Send + Sync {
    /// The name, for errors.
    fn name(&self) -> &str;

    /// Whether the guardrail checks at this stage. If no guardrail checks results, they are not
    /// converted to JSON. Default: true.
    fn checks(&self, stage: GuardrailStage) -> bool {
        let _ = stage;
        true
    }

    /// Checks the arguments before the tool or turn runs.
    fn check_pre(&self, check: &PreCheck<'_>) -> GuardrailOutcome {
        let _ = check;
        GuardrailOutcome::allow()
    }

    /// Checks the result after the tool or turn has returned.
    fn check_post(&self, check: &PostCheck<'_>) -> GuardrailOutcome {
        let _ = check;
        GuardrailOutcome::allow()
    }
}

/// The future of a check.
pub type GuardrailFuture<'a> = Pin<Box<dyn Future<Output = GuardrailOutcome> + Send + 'a>>;

/// A [`Guardrail`] that may wait, such as for a moderation service.
///
/// ```
/// use runtime_policy::{AsyncGuardrail, GuardrailFuture, GuardrailOutcome, PreCheck};
///
/// struct Moderation;
///
/// impl AsyncGuardrail for Moderation {
///     fn name(&self) -> &str {
///         "moderation"
///     }
///
///     fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
///         Box::pin(async move {
///             if flagged(check.arguments).await {
///                 GuardrailOutcome::deny("flagged")
///             } else {
///                 GuardrailOutcome::allow()
///             }
///         })
///     }
/// }
/// # async fn flagged(_: &serde_json::Value) -> bool { false }
/// ```
pub trait AsyncGuardrail: Send + Sync {
    /// The name, for errors.
    fn name(&self) -> &str;

    /// Whether the guardrail checks at this stage. Default: true.
    fn checks(&self, stage: GuardrailStage) -> bool {
        let _ = stage;
        true
    }

    /// Checks the arguments before the tool or turn runs.
    fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        let _ = check;
        Box::pin(std::future::ready(GuardrailOutcome::allow()))
    }

    /// Checks the result after the tool or turn has returned.
    fn check_post<'a>(&'a self, check: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        let _ = check;
        Box::pin(std::future::ready(GuardrailOutcome::allow()))
    }
}

/// A guardrail that allows everything, for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct AllowAllGuardrail;

impl Guardrail for AllowAllGuardrail {
    fn name(&self) -> &'static str {
        "allow_all"
    }
}

impl<G: Guardrail + ?Sized> Guardrail for Arc<G> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        (**self).checks(stage)
    }

    fn check_pre(&self, check: &PreCheck<'_>) -> GuardrailOutcome {
        (**self).check_pre(check)
    }

    fn check_post(&self, check: &PostCheck<'_>) -> GuardrailOutcome {
        (**self).check_post(check)
    }
}

impl<G: AsyncGuardrail + ?Sized> AsyncGuardrail for Arc<G> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn checks(&self, stage: GuardrailStage) -> bool {
        (**self).checks(stage)
    }

    fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        (**self).check_pre(check)
    }

    fn check_post<'a>(&'a self, check: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        (**self).check_post(check)
    }
}
