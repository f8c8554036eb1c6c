//! Circuit breaker, rate limits, routes and recovery for calls to model providers that fail.
//!
//! ```
//! use std::time::SystemTime;
//! use runtime_resilience::{CallError, CircuitBreaker, Fault};
//! # fn ask() -> Result<String, std::io::Error> { Ok("an answer".to_owned()) }
//!
//! let breaker = CircuitBreaker::new("openai");
//! match breaker.call(ask) {
//!     Ok(answer) => println!("{answer}"),
//!     Err(CallError::Open(open)) => println!("{open}, try again in {:?}", open.retry_after),
//!     Err(CallError::Failed(error)) => {
//!         let fault = Fault::from_error(&error, SystemTime::now());
//!         println!("{error}, {}", if fault.retry { "once more" } else { "not again" });
//!     }
//! }
//! ```
//!
//! Everything in this crate decides. Nothing sleeps, logs or needs an async runtime.
//!
//! | to | use |
//! |---|---|
//! | leave a failing provider alone until it is back | [`CircuitBreaker`], [`CircuitBreakerConfig`], [`Permit`] |
//! | keep within a provider's requests and tokens a minute | [`RateLimiter`], [`RateLimits`], [`Demand`] |
//! | know what a provider's reply or an error means | [`Fault`], [`FaultError`], [`FaultRules`] |
//! | classify errors by their types and texts | [`classify_error`], [`Classifier`], [`Failure`] |
//! | choose among providers, models and keys | [`Routes`], [`Route`] |
//! | make a failed call again, changed where that helps | [`TurnRecovery`], [`Recipes`], [`RecoveryHandler`] |
//! | wait between attempts | [`Backoff`] |
//! | bound the load that retries add | [`RetryBudget`] |
//! | send a second call when the first is slow | [`Hedge`], [`FirstTokens`], [`FadingHistogram`] |
//! | change the provider or the size of the context | [`next_provider`], [`smaller_context_budget`] |
//! | count attempts as the Python original does | [`attempt_recovery`], [`RecoveryContext`] |
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `http` | no | `HeaderMap` of the crate `http` is [`Headers`] |
//! | `reqwest-0-12`, `reqwest-0-13` | no | [`Fault::from_error`] and [`classify_error`] know the errors of that version of `reqwest` by type |
//! | `tower` | no | the module `tower`: the breaker as a layer |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod breaker;
mod chain;
mod classify;
mod fallback;
mod fault;
mod hedge;
mod histogram;
mod rate;
mod recovery;
mod retry_budget;
mod route;
mod sync;

// The names of other crates in the signatures of this one: a program needs none of them in its manifest.
#[doc(no_inline)]
pub use chrono::{DateTime, Utc};
#[doc(no_inline)]
pub use fastrand::Rng;
#[doc(no_inline)]
pub use runtime_events::{
    AgentFailureClass, Clock, FailureScenario, ManualClock, Sleep, Sleeper, SystemClock,
    ThreadSleeper,
};
#[doc(no_inline)]
pub use serde_json::Value;

pub use self::backoff::{Backoff, InvalidBackoffError, JitterMode, backoff_delay};
#[cfg(feature = "tower")]
pub use self::breaker::tower;
pub use self::breaker::{
    BreakerFollower, CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitCounts,
    CircuitOpenError, CircuitSnapshot, CircuitState, CircuitWindow, GrowingWait,
    InvalidWindowError, OpenWait, Percent, Permit, PermitRef, ProbeGate, Transition,
    TransitionCause, TransitionListener,
};
pub use self::chain::{BoxError, chain_text, errors, frame};
pub use self::classify::{
    Classifier, Failure, FaultOf, RecordedFailure, ScenarioOf, classify_error,
};
pub use self::fallback::{CONTEXT_REDUCTION, next_provider, smaller_context_budget};
pub use self::fault::{
    Fault, FaultBasis, FaultDetails, FaultError, FaultKind, FaultRule, FaultRules, FaultScope,
    Headers, NoRetry, Provider, Reach, ReplyField, TimeoutPhase, classify_text, header_lookup,
    retry_after,
};
pub use self::hedge::{FirstTokens, Hedge, HedgeAt};
pub use self::histogram::FadingHistogram;
pub use self::rate::{
    Demand, PauseListener, RateAsked, RateAvailable, RateDimension, RateLimitedError, RateLimiter,
    RateLimits, RateQuota, RateReservation, RateReservationRef, RateReserve, RateSent,
    RateSnapshot,
};
pub use self::recovery::{
    EscalationPolicy, GaveUp, NextAttempt, Recipes, RecoveryChanges, RecoveryContext,
    RecoveryContextConfig, RecoveryEvent, RecoveryEventType, RecoveryHandler, RecoveryOutcome,
    RecoveryRecipe, RecoveryResult, RecoverySituation, RecoveryStep, RecoveryVerdict, StepContext,
    StepFuture, TurnRecovery, attempt_recovery, attempt_recovery_async, attempt_recovery_with,
    recipe_for,
};
pub use self::retry_budget::{RetryBudget, RetryBudgetConfig, RetryBudgetExhaustedError};
pub use self::route::{
    NoRouteError, RestListener, Rested, Route, RouteLease, RouteRests, RouteSnapshot, Routes,
    TriedRoutes,
};
