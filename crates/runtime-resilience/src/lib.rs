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

mod backoff;
mod breaker;
mod chain;
mod classify;
mod fallback;
mod fault;
mod hedge;
mod rate;
mod recovery;
mod retry_budget;
mod route;
mod sync;

pub use self::backoff::{Backoff, InvalidBackoffError, JitterMode, backoff_delay};
#[cfg(feature = "tower")]
pub use self::breaker::tower;
pub use self::breaker::{
    CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitCounts, CircuitOpenError,
    CircuitSnapshot, CircuitState, CircuitWindow, GrowingWait, InvalidWindowError, OpenWait,
    Percent, Permit, PermitRef, Transition, TransitionCause, TransitionListener,
};
pub use self::chain::{BoxError, errors};
pub use self::classify::{Classifier, Failure, TypeRule, classify_error};
pub use self::fallback::{CONTEXT_REDUCTION, next_provider, smaller_context_budget};
pub use self::fault::{
    Fault, FaultDetails, FaultError, FaultKind, FaultRule, FaultRules, FaultScope, Headers,
    NoRetry, Provider, Reach, ReplyField, TimeoutPhase, classify_text, go_duration, header_lookup,
    http_date, retry_after, without_keys,
};
pub use self::hedge::{FirstTokens, Hedge, HedgeAt};
pub use self::rate::{
    Demand, RateAvailable, RateDimension, RateLimitedError, RateLimiter, RateLimits, RateQuota,
    RateReservation, RateReserve, RateSent, RateSnapshot,
};
pub use self::recovery::{
    EscalationPolicy, GaveUp, NextAttempt, Recipes, RecoveryChanges, RecoveryConfig,
    RecoveryContext, RecoveryEvent, RecoveryEventType, RecoveryHandler, RecoveryOutcome,
    RecoveryRecipe, RecoveryResult, RecoverySituation, RecoveryStep, RecoveryVerdict, StepContext,
    StepFuture, TurnRecovery, attempt_recovery, attempt_recovery_async, attempt_recovery_with,
    recipe_for,
};
pub use self::retry_budget::{RetryBudget, RetryBudgetConfig, RetryBudgetExhaustedError};
pub use self::route::{
    NoRouteError, Rested, Route, RouteLease, RouteRests, RouteSnapshot, Routes, TriedRoutes,
};
