//! What stands between an agent and a provider that fails: a circuit breaker, the
//! classification of failures, recovery by recipe, and the delays between attempts.
//!
//! ```
//! use runtime_resilience::{CallError, CircuitBreaker, CircuitState, classify_error, recipe_for};
//!
//! let breaker = CircuitBreaker::new("openai");
//! let refused = || Err::<(), _>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
//!
//! for _ in 0..5 {
//!     let Err(CallError::Failed(error)) = breaker.call(refused) else { panic!("it was closed") };
//!     let recipe = recipe_for(classify_error(&error));
//!     assert_eq!(recipe.steps[0].as_str(), "switch_provider");
//! }
//!
//! assert_eq!(breaker.state(), CircuitState::Open);
//! let error = breaker.call(refused).unwrap_err();
//! assert_eq!(error.to_string(), "Circuit breaker 'openai' is OPEN");
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`breaker`] | [`CircuitBreaker`] and its [`Permit`] |
//! | [`Classifier`] | what kind of failure an error is; [`classify_error`], [`Failure`] |
//! | [`fault`] | [`Fault`]: what a failure means, from a provider's reply or an error |
//! | [`recovery`] | recipes, and the books and drivers that work through them |
//! | [`backoff`] | [`Backoff`]: how long to wait before another attempt |
//! | [`rate`] | [`RateLimiter`]: requests and tokens a minute, reserved and then settled |
//! | [`retry_budget`] | [`RetryBudget`]: how much load retries may add |
//! | [`hedge`] | [`Hedge`](hedge::Hedge): when a second call is worth its price |
//! | [`fallback`] | [`next_provider`] and [`smaller_context_budget`]: what to change for it |
//! | [`route`] | [`Routes`]: where to send a call, which places rest, and which comes next |
//!
//! Everything here decides; nothing sleeps, logs or knows an async runtime.
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `http` | no | replies as the crate `http` has them: `HeaderMap` is [`fault::Headers`], `Fault::from_http` |
//! | `reqwest` | no | [`Fault::from_error`] and [`classify_error`] know the errors of `reqwest` by type |
//! | `tower` | no | the breaker as a layer: `breaker::tower` |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod backoff;
pub mod breaker;
mod chain;
mod classify;
pub mod fallback;
pub mod fault;
pub mod hedge;
pub mod rate;
pub mod recovery;
pub mod retry_budget;
pub mod route;
mod sync;

#[doc(inline)]
pub use self::{
    backoff::{Backoff, InvalidBackoffError, JitterMode, backoff_delay},
    breaker::{
        CallError, CircuitBreaker, CircuitOpenError, CircuitState, Permit, Transition,
        TransitionListener,
    },
    chain::{BoxError, errors},
    classify::{Classifier, Failure, TypeRule, classify_error},
    fallback::{next_provider, smaller_context_budget},
    fault::{Fault, FaultDetails, FaultError, FaultKind, FaultRules, classify_text},
    rate::{Demand, RateDimension, RateLimitedError, RateLimiter, RateLimits, RateReservation},
    recovery::{
        EscalationPolicy, Recipes, RecoveryContext, RecoveryEvent, RecoveryEventType,
        RecoveryHandler, RecoveryOutcome, RecoveryRecipe, RecoveryResult, RecoveryStep,
        StepContext, attempt_recovery, attempt_recovery_async, attempt_recovery_with, recipe_for,
    },
    retry_budget::{RetryBudget, RetryBudgetExhausted},
    route::{NoRouteError, Route, RouteLease, Routes, Tried},
};
