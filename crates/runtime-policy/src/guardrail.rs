//! Checks of content: the arguments before a tool or a turn runs, its result after.
//!
//! Permissions say which role may use which tool; guardrails look at what goes in and what
//! comes out. A guardrail is a [`Guardrail`], an [`AsyncGuardrail`] if it has to wait (a
//! moderation call), or a closure made into one by [`pre`] and [`post`]. [`Guardrails`] is a
//! set of them.
//!
//! All guardrails are asked, and [`GuardrailViolatedError`] lists every one that objected, so
//! that a caller learns of all mistakes at once. A guardrail that panics takes its caller with
//! it: a check that did not end has allowed nothing.
//!
//! ```
//! use runtime_policy::guardrail::{self, GuardrailOutcome, GuardrailSubject, PreCheck};
//! use runtime_policy::Guardrails;
//! use serde_json::json;
//!
//! let guardrails = Guardrails::new().with(guardrail::pre("no_secrets", |check| {
//!     if check.arguments.to_string().contains("sk-") {
//!         GuardrailOutcome::deny("the arguments hold a key")
//!     } else {
//!         GuardrailOutcome::allow()
//!     }
//! }));
//!
//! let arguments = json!({ "query": "who owns sk-123?" });
//! let search = GuardrailSubject::Tool("search");
//! let error = guardrails.check_pre(&PreCheck::new("writer", search, &arguments)).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "pre guardrail 'no_secrets' blocked tool 'search' for role 'writer': the arguments hold a key",
//! );
//! ```

mod check;
mod closure;
mod set;
mod violation;

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;

use runtime_events::wire_names;

pub use self::check::{GuardrailSubject, PostCheck, PreCheck};
pub use self::closure::{PostClosure, PreClosure, post, pre};
pub use self::set::Guardrails;
pub use self::violation::{GuardrailViolatedError, Violation};

wire_names! {
    /// When a guardrail is asked.
    #[expect(clippy::exhaustive_enums, reason = "there is a before and an after")]
    pub enum GuardrailStage: "guardrail stage" {
        /// Before the tool or turn runs.
        Pre = "pre",
        /// After it has returned.
        Post = "post",
    }
}

/// What a guardrail says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a denial that nobody reads blocks nothing"]
pub struct GuardrailOutcome {
    /// Whether it goes on.
    pub allowed: bool,
    /// Why not.
    pub reason: Option<Cow<'static, str>>,
}

impl GuardrailOutcome {
    /// Lets it go on.
    pub const fn allow() -> Self {
        Self { allowed: true, reason: None }
    }

    /// Blocks it. An empty reason counts as none.
    pub fn deny(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = Some(reason.into()).filter(|reason| !reason.is_empty());
        Self { allowed: false, reason }
    }
}

/// Checks what goes into a tool or a model turn, or what comes out of it.
///
/// Both checks allow everything unless they are written. A check runs on the caller's thread
/// and should be quick; one that waits is an [`AsyncGuardrail`].
pub trait Guardrail: Send + Sync {
    /// What errors call it.
    fn name(&self) -> &str;

    /// Whether it has anything to say at `stage`. Where no guardrail has, a result need not be
    /// turned into JSON. True unless written.
    fn checks(&self, stage: GuardrailStage) -> bool {
        let _ = stage;
        true
    }

    /// Looks at the arguments, before.
    fn check_pre(&self, check: &PreCheck<'_>) -> GuardrailOutcome {
        let _ = check;
        GuardrailOutcome::allow()
    }

    /// Looks at the result, after.
    fn check_post(&self, check: &PostCheck<'_>) -> GuardrailOutcome {
        let _ = check;
        GuardrailOutcome::allow()
    }
}

/// A check under way.
pub type GuardrailFuture<'a> = Pin<Box<dyn Future<Output = GuardrailOutcome> + Send + 'a>>;

/// A [`Guardrail`] that may wait, for a moderation service for example.
///
/// ```
/// use runtime_policy::guardrail::{AsyncGuardrail, GuardrailFuture, GuardrailOutcome, PreCheck};
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
    /// What errors call it.
    fn name(&self) -> &str;

    /// Whether it has anything to say at `stage`. True unless written.
    fn checks(&self, stage: GuardrailStage) -> bool {
        let _ = stage;
        true
    }

    /// Looks at the arguments, before.
    fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        let _ = check;
        Box::pin(std::future::ready(GuardrailOutcome::allow()))
    }

    /// Looks at the result, after.
    fn check_post<'a>(&'a self, check: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        let _ = check;
        Box::pin(std::future::ready(GuardrailOutcome::allow()))
    }
}

/// Allows everything: a baseline for tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing about it to say")]
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
