//! Closures as guardrails: [`pre`] and [`post`].
//!
//! ```
//! use runtime_policy::{GuardrailOutcome, GuardrailSubject, Guardrails, PreCheck, guardrail};
//! use serde_json::json;
//!
//! let guardrails = Guardrails::new().with(guardrail::pre("no_secrets", |check| {
//!     if check.arguments.to_string().contains("sk-") {
//!         GuardrailOutcome::deny("the arguments contain a key")
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
//!     "pre guardrail 'no_secrets' blocked tool 'search' for role 'writer': \
//!      the arguments contain a key",
//! );
//! ```

pub(crate) mod check;
mod closure;
pub(crate) mod contract;
pub(crate) mod set;
pub(crate) mod violation;

pub use self::closure::{post, pre};
