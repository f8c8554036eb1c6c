//! [`PolicyCondition`]: yes-or-no questions about the state of a phase.

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
pub use self::trace::DecidingPart;
pub(crate) use self::trace::trace;

/// A yes-or-no question about a [`PhaseContext`].
///
/// A condition is data. In JSON, a condition without a parameter is a word, and any other one is an
/// object with one key:
///
/// | JSON | holds if |
/// |---|---|
/// | `{"and": [ … ]}` | all of them hold, or the list is empty |
/// | `{"or": [ … ]}` | one of them holds |
/// | `{"not": … }` | it does not hold |
/// | `{"quality_at": "strict"}` | the observed level is at least this one |
/// | `"phase_completed"` | the phase is completed |
/// | `{"agent_failed": null}`, `{"agent_failed": "writer"}` | any role failed, or this one |
/// | `{"gate_below": 0.8}` | the score of the gate is less than this |
/// | `{"retry_exhausted": null}`, `{"retry_exhausted": "llm_error"}` | recovery has given up on any scenario, or on this one |
/// | `{"timed_out": 60.0}` | more than this many seconds have passed |
/// | `"all_agents_complete"` | every role has completed or failed |
/// | `{"cost_exceeded": 5.0}` | more than this many US dollars were spent |
///
/// In code, a condition may also be a [closure](Self::custom), which cannot be written as JSON.
///
/// Conditions nest. JSON can be about 120 levels deep, the limit of `serde_json`. Conditions built in
/// code are evaluated and dropped by recursion. A thread with 2 MiB of stack can handle more than a
/// thousand levels.
///
/// ```
/// use std::time::Duration;
/// use runtime_policy::{PhaseContext, PolicyCondition, QualityLevel};
///
/// let stuck = PolicyCondition::and([
///     PolicyCondition::TimedOut(Duration::from_secs(60)),
///     PolicyCondition::not(PolicyCondition::QualityAt(QualityLevel::Standard)),
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
    /// All of the conditions hold. True for an empty list.
    And(Vec<Self>),
    /// One of the conditions holds. False for an empty list.
    Or(Vec<Self>),
    /// The condition does not hold.
    Not(Box<Self>),
    /// The observed quality level is at least this one.
    QualityAt(QualityLevel),
    /// The phase is completed.
    PhaseCompleted,
    /// This role failed, or with `None` any role.
    AgentFailed(Option<String>),
    /// The score of the gate is less than this.
    GateBelow(Threshold),
    /// Recovery has given up on this scenario, or with `None` on any scenario.
    RetryExhausted(Option<FailureScenario>),
    /// More than this time has passed since the phase began.
    TimedOut(Duration),
    /// The roles that completed or failed are exactly all roles.
    AllAgentsComplete,
    /// More than this was spent.
    CostExceeded(Usd),
    /// A closure returns true.
    Custom(CustomCondition),
}

impl PolicyCondition {
    /// Holds if all conditions hold, or if there are none. They are evaluated in order, up to the
    /// first that does not hold.
    #[doc(alias = "And")]
    pub fn and(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::And(conditions.into_iter().collect())
    }

    /// Holds if one of the conditions holds. They are evaluated in order, up to the first that holds.
    #[doc(alias = "Or")]
    pub fn or(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::Or(conditions.into_iter().collect())
    }

    /// Holds if `condition` does not hold.
    #[doc(alias = "Not")]
    #[expect(clippy::should_implement_trait, reason = "a constructor beside `and` and `or`")]
    pub fn not(condition: Self) -> Self {
        Self::Not(Box::new(condition))
    }

    /// Holds if `role` failed. With `None` or an empty name, it holds if any role failed.
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

    /// Holds if the score of the gate is less than `threshold`. Most gates score from 0 to 1.
    ///
    /// # Errors
    ///
    /// [`InvalidThresholdError`] if `threshold` is negative, infinite or not a number.
    #[doc(alias = "GateBelow")]
    pub fn gate_below(threshold: f64) -> Result<Self, InvalidThresholdError> {
        Threshold::new(threshold).map(Self::GateBelow)
    }

    /// Holds if recovery has given up on `scenario`, or with `None` on any scenario.
    #[doc(alias = "RetryExhausted")]
    pub fn retry_exhausted(scenario: impl Into<Option<FailureScenario>>) -> Self {
        Self::RetryExhausted(scenario.into())
    }

    /// Holds if the closure returns true. Explanations call it `name`.
    ///
    /// A closure cannot be written as JSON:
    ///
    /// ```
    /// use runtime_policy::{PhaseContext, PolicyCondition};
    ///
    /// let final_draft = PolicyCondition::custom("final_draft", |ctx| ctx.phase == "final");
    /// assert!(final_draft.matches(&PhaseContext::new("final")));
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

    /// Whether the condition holds in a context. This allocates nothing.
    pub fn matches(&self, ctx: &PhaseContext) -> bool {
        match self {
            Self::And(conditions) => conditions.iter().all(|condition| condition.matches(ctx)),
            Self::Or(conditions) => conditions.iter().any(|condition| condition.matches(ctx)),
            Self::Not(condition) => !condition.matches(ctx),
            Self::QualityAt(level) => ctx.quality_level.is_some_and(|seen| seen >= *level),
            Self::PhaseCompleted => ctx.phase_completed,
            Self::AgentFailed(None) => !ctx.failed_roles.is_empty(),
            Self::AgentFailed(Some(role)) => ctx.failed_roles.contains(role),
            // A score of NaN is below no threshold.
            Self::GateBelow(threshold) => ctx.gate_score < threshold.get(),
            Self::RetryExhausted(None) => !ctx.retry_exhausted_scenarios.is_empty(),
            Self::RetryExhausted(Some(scenario)) => {
                ctx.retry_exhausted_scenarios.contains(scenario)
            }
            Self::TimedOut(limit) => ctx.elapsed > *limit,
            // Both sides are sorted, so no set has to be built.
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
    /// [`ConfigParseError`] with the path to the part that is not a condition.
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
