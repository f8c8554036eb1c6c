//! Conditions: questions about the state of a phase that are answered yes or no.
//!
//! A condition is data. It is built by the constructors below or read from JSON, where a
//! condition without a parameter is a word and any other is an object with one key:
//!
//! | JSON | holds when |
//! |---|---|
//! | `{"and": [ … ]}` | all of them hold; an empty list holds |
//! | `{"or": [ … ]}` | one of them holds; an empty list does not |
//! | `{"not": … }` | it does not hold |
//! | `{"quality_at": "strict"}` | a level was observed and is at least this one |
//! | `"phase_completed"` | the phase is completed |
//! | `{"agent_failed": null}`, `{"agent_failed": "writer"}` | any role failed, or this one |
//! | `{"gate_below": 0.8}` | the gate's score is less than this |
//! | `{"retry_exhausted": null}`, `{"retry_exhausted": "llm_error"}` | recovery has given up on any scenario, or on this one |
//! | `{"timed_out": 60.0}` | more than so many seconds have passed |
//! | `"all_agents_complete"` | the roles that completed or failed are all the roles there are |
//! | `{"cost_exceeded": 5.0}` | more than so many US dollars were spent |
//!
//! A condition in code may also be a closure ([`PolicyCondition::custom`]); that one cannot be
//! written as JSON, and says so.
//!
//! Conditions nest. JSON is read to a depth of about 120 (`serde_json`'s limit); conditions
//! built in code are evaluated and dropped by recursion, which the 2 MiB stack of a thread bears
//! to a depth of a thousand and more.

mod custom;
mod observe;
mod threshold;
mod trace;
mod wire;

use std::borrow::Cow;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_usage::Usd;

use crate::context::PhaseContext;
use crate::parse::{self, ConfigParseError};
use crate::quality::QualityLevel;

pub use self::custom::CustomCondition;
pub use self::threshold::{InvalidThresholdError, Threshold};
pub use self::trace::Finding;
pub(crate) use self::trace::trace;

/// A question about a [`PhaseContext`].
///
/// ```
/// use std::time::Duration;
/// use runtime_policy::{PhaseContext, PolicyCondition, QualityLevel};
///
/// let stuck = PolicyCondition::and([
///     PolicyCondition::timed_out(Duration::from_secs(60)),
///     PolicyCondition::not(PolicyCondition::quality_at(QualityLevel::Standard)),
/// ]);
/// assert!(stuck.matches(&PhaseContext::default().elapsed(Duration::from_secs(61))));
/// assert_eq!(
///     serde_json::to_string(&stuck)?,
///     r#"{"and":[{"timed_out":60.0},{"not":{"quality_at":"standard"}}]}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PolicyCondition {
    /// All of them hold. True of an empty list.
    And(Vec<Self>),
    /// One of them holds. False of an empty list.
    Or(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The observed quality level is at least this one.
    QualityAt(QualityLevel),
    /// The phase is completed.
    PhaseCompleted,
    /// This role failed, or with `None` any role.
    AgentFailed(Option<String>),
    /// The gate's score is less than this.
    GateBelow(Threshold),
    /// Recovery has given up on this scenario, or with `None` on any.
    RetryExhausted(Option<FailureScenario>),
    /// More than this time has passed.
    TimedOut(Duration),
    /// Every role, and no other, has completed or failed.
    AllAgentsComplete,
    /// More than this was spent.
    CostExceeded(Usd),
    /// A closure says so.
    Custom(CustomCondition),
}

impl PolicyCondition {
    /// Holds when all of `conditions` hold, and when there are none. Asks them in order, and no
    /// further than the first that does not hold.
    #[doc(alias = "And")]
    pub fn and(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::And(conditions.into_iter().collect())
    }

    /// Holds when one of `conditions` holds; never when there are none. Asks them in order, and
    /// no further than the first that holds.
    #[doc(alias = "Or")]
    pub fn or(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::Or(conditions.into_iter().collect())
    }

    /// Holds when `condition` does not.
    #[doc(alias = "Not")]
    #[expect(clippy::should_implement_trait, reason = "a constructor beside `and` and `or`")]
    pub fn not(condition: Self) -> Self {
        Self::Not(Box::new(condition))
    }

    /// Holds when a quality level was observed and is at least `level`.
    #[doc(alias = "QualityAt")]
    pub const fn quality_at(level: QualityLevel) -> Self {
        Self::QualityAt(level)
    }

    /// Holds when the phase is completed.
    #[doc(alias = "PhaseCompleted")]
    pub const fn phase_completed() -> Self {
        Self::PhaseCompleted
    }

    /// Holds when `role` failed; with `None` (or, as in the original, an empty name), when any
    /// role failed.
    ///
    /// ```
    /// use runtime_policy::PolicyCondition;
    ///
    /// assert_ne!(PolicyCondition::agent_failed("writer"), PolicyCondition::agent_failed(None));
    /// ```
    #[doc(alias = "AgentFailed")]
    #[expect(single_use_lifetimes, reason = "`impl Trait` cannot leave it out yet")]
    pub fn agent_failed<'a>(role: impl Into<Option<&'a str>>) -> Self {
        Self::AgentFailed(role.into().filter(|role| !role.is_empty()).map(str::to_owned))
    }

    /// Holds when the gate's score is less than `threshold`, a score like any other: most
    /// gates score from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`InvalidThresholdError`] if `threshold` is negative, infinite or not a number.
    #[doc(alias = "GateBelow")]
    pub fn gate_below(threshold: f64) -> Result<Self, InvalidThresholdError> {
        Threshold::new(threshold).map(Self::GateBelow)
    }

    /// Holds when recovery has given up on `scenario`; with `None`, on any.
    #[doc(alias = "RetryExhausted")]
    pub fn retry_exhausted(scenario: impl Into<Option<FailureScenario>>) -> Self {
        Self::RetryExhausted(scenario.into())
    }

    /// Holds when more than `limit` has passed; not yet when exactly `limit` has.
    #[doc(alias = "TimedOut")]
    pub const fn timed_out(limit: Duration) -> Self {
        Self::TimedOut(limit)
    }

    /// Holds when the roles that completed or failed are exactly all the roles there are.
    #[doc(alias = "AllAgentsComplete")]
    pub const fn all_agents_complete() -> Self {
        Self::AllAgentsComplete
    }

    /// Holds when more than `budget` was spent; not yet when exactly `budget` was.
    #[doc(alias = "CostExceeded")]
    pub const fn cost_exceeded(budget: Usd) -> Self {
        Self::CostExceeded(budget)
    }

    /// Holds when `holds` says so. `name` stands for it in explanations.
    ///
    /// Such a condition cannot be written as JSON:
    ///
    /// ```
    /// use runtime_policy::{PhaseContext, PolicyCondition};
    ///
    /// let final_draft = PolicyCondition::custom("final_draft", |ctx| ctx.phase == "final");
    /// assert!(final_draft.matches(&PhaseContext::default().phase("final")));
    ///
    /// let error = serde_json::to_string(&final_draft).unwrap_err();
    /// assert!(error.to_string().contains("`final_draft`"));
    /// ```
    pub fn custom(
        name: impl Into<Cow<'static, str>>,
        holds: impl Fn(&PhaseContext) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::Custom(CustomCondition::new(name, holds))
    }

    /// Whether the condition holds in `ctx`. Allocates nothing.
    pub fn matches(&self, ctx: &PhaseContext) -> bool {
        match self {
            Self::And(conditions) => conditions.iter().all(|condition| condition.matches(ctx)),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.matches(ctx)),
            Self::Not(condition) => !condition.matches(ctx),
            Self::QualityAt(level) => ctx.quality_level.is_some_and(|seen| seen >= *level),
            Self::PhaseCompleted => ctx.phase_completed,
            Self::AgentFailed(None) => !ctx.failed_roles.is_empty(),
            Self::AgentFailed(Some(role)) => ctx.failed_roles.contains(role),
            // A score that is not a number is below nothing.
            Self::GateBelow(threshold) => ctx.gate_score < threshold.get(),
            Self::RetryExhausted(None) => !ctx.retry_exhausted_scenarios.is_empty(),
            Self::RetryExhausted(Some(scenario)) => {
                ctx.retry_exhausted_scenarios.contains(scenario)
            }
            Self::TimedOut(limit) => ctx.elapsed > *limit,
            // Both sides come in the same order, so no set is built.
            Self::AllAgentsComplete => {
                ctx.completed_roles.union(&ctx.failed_roles).eq(&ctx.all_roles)
            }
            Self::CostExceeded(budget) => ctx.total_cost > *budget,
            Self::Custom(custom) => custom.holds(ctx),
        }
    }

    /// Reads a condition from JSON.
    ///
    /// # Errors
    ///
    /// [`ConfigParseError`] with the path to whatever is not a condition.
    ///
    /// ```
    /// use runtime_policy::PolicyCondition;
    ///
    /// let error = PolicyCondition::from_json(r#"{"or": [{"gate_under": 1}]}"#).unwrap_err();
    /// assert!(error.to_string().starts_with("or[0]: unknown condition `gate_under`"));
    /// ```
    pub fn from_json(json: &str) -> Result<Self, ConfigParseError> {
        parse::from_json(json)
    }
}
