//! Reads the errors of `async-openai` and `rig` by type, for the retries, breakers and bills of
//! `runtime-resilience`.
//!
#![cfg_attr(feature = "async-openai", doc = "```")]
#![cfg_attr(not(feature = "async-openai"), doc = "```ignore")]
//! use std::time::SystemTime;
//! use async_openai::error::OpenAIError;
//! use runtime_resilience::{Classifier, Failure, FaultKind};
//!
//! // An orchestrator takes it by `RecoveryConfig::classifier`.
//! let classifier = Classifier::default().fault_rule(runtime_clients::async_openai);
//!
//! let error = OpenAIError::InvalidArgument("temperature must be at most 2".to_owned());
//! let failure = Failure::classified(error, &classifier, SystemTime::now());
//! assert_eq!(failure.fault().kind, FaultKind::Request);
//! assert!(!failure.counts(), "it says nothing of the provider's health");
//! ```
//!
//! Without these rules, most of such errors have nothing but a text: a 400 looks like an outage of the
//! provider, and a spent quota like a rate limit.
//!
//! | feature | the errors of | what they keep of a reply |
//! |---|---|---|
//! | `async-openai` | `async-openai` 0.43 | status, code, type and message; no headers, so no wait that a header asks for |
//! | `rig` | `rig-core` 0.44 | status, headers and body |
//!
//! # Where it is needed
//!
//! Not behind `runtime-http`: there a reply is read before a client makes an error of it, with its headers. Nor
//! with another client. It is for errors of these two that come another way: from a library around the client
//! that takes no middleware, from a turn that stands around the call, from the code of a tool, and from an error
//! that fails a session.
//!
//! Both link `reqwest` 0.13, whose errors are then known by type, too.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "async-openai")]
mod openai;
#[cfg(feature = "rig")]
mod rig_core_0_44;
#[cfg(feature = "rig")]
mod speaker;

#[cfg(feature = "async-openai")]
pub use self::openai::{async_openai, async_openai_at};
#[cfg(feature = "rig")]
pub use self::rig_core_0_44::{rig, rig_at};
