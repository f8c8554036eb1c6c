//! Rules, and the engine that asks them.
//!
//! Rules are asked in the order of their priority, the lowest number first; rules of the same
//! priority in the order they were given. All rules that hold fire, and the engine returns
//! their actions in that order. It does nothing itself: what becomes of an action is the
//! caller's decision.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::action::PolicyActionData;
use crate::condition::{self, Finding, PolicyCondition};
use crate::context::PhaseContext;
use crate::parse::{self, ConfigParseError};

/// The priority of a rule that names none.
const DEFAULT_PRIORITY: i64 = 50;

/// A named rule: when its condition holds, its actions are recommended.
///
/// In JSON an object with `name`, `condition`, `actions` and, if it is not 50, `priority`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyRule {
    /// What explanations call it.
    pub name: String,
    /// When it fires.
    pub condition: PolicyCondition,
    /// What it recommends.
    pub actions: Vec<PolicyActionData>,
    /// Its place among the others: lower comes first.
    #[serde(default = "default_priority")]
    pub priority: i64,
}

impl PolicyRule {
    /// A rule of priority 50 that recommends nothing yet.
    pub fn new(name: impl Into<String>, condition: PolicyCondition) -> Self {
        Self { name: name.into(), condition, actions: Vec::new(), priority: DEFAULT_PRIORITY }
    }

    /// Adds an action.
    #[must_use]
    pub fn action(mut self, action: impl Into<PolicyActionData>) -> Self {
        self.actions.push(action.into());
        self
    }

    /// Sets the priority: lower comes first.
    #[must_use]
    pub const fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }
}

/// Asks rules about a context. Cheap to clone.
///
/// ```
/// use runtime_policy::{PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule};
///
/// let engine = PolicyEngine::new([
///     PolicyRule::new("tell", PolicyCondition::agent_failed(None)).action(PolicyAction::Notify),
///     PolicyRule::new("again", PolicyCondition::agent_failed("writer"))
///         .action(PolicyAction::RetryAgent)
///         .priority(10),
/// ]);
/// let ctx = PhaseContext::new("draft").failed_roles(["writer"]);
///
/// let actions: Vec<_> = engine.evaluate_refs(&ctx).map(|action| action.action).collect();
/// assert_eq!(actions, [PolicyAction::RetryAgent, PolicyAction::Notify]);
/// assert_eq!(
///     engine.explain(&ctx)[0].to_string(),
///     "rule `again` (priority 10) fired: agent_failed(writer): failed_roles has writer",
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyEngine {
    /// Invariant: sorted by priority.
    rules: Arc<[PolicyRule]>,
}

impl PolicyEngine {
    /// An engine of these rules; those of the same priority keep their order.
    pub fn new(rules: impl IntoIterator<Item = PolicyRule>) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        Self { rules: rules.into() }
    }

    /// Reads a JSON array of rules.
    ///
    /// # Errors
    ///
    /// [`ConfigParseError`] with the path to whatever is not a rule.
    pub fn from_json(json: &str) -> Result<Self, ConfigParseError> {
        parse::from_json(json)
    }

    /// The rules, in the order they are asked.
    pub fn rules(&self) -> &[PolicyRule] {
        &self.rules
    }

    /// The rules that fire, in order. Each is asked when the iterator comes to it.
    pub fn firing(&self, ctx: &PhaseContext) -> impl Iterator<Item = &PolicyRule> {
        self.rules.iter().filter(|rule| rule.condition.matches(ctx))
    }

    /// The recommended actions, in order, without copying them. Allocates nothing.
    pub fn evaluate_refs(&self, ctx: &PhaseContext) -> impl Iterator<Item = &PolicyActionData> {
        self.firing(ctx).flat_map(|rule| &rule.actions)
    }

    /// The recommended actions, in order.
    pub fn evaluate(&self, ctx: &PhaseContext) -> Vec<PolicyActionData> {
        self.evaluate_refs(ctx).cloned().collect()
    }

    /// Says of each rule, in order, whether it fired and which part of its condition decided.
    ///
    /// Asks the same parts as [`evaluate`](Self::evaluate), and no more.
    pub fn explain(&self, ctx: &PhaseContext) -> Vec<RuleExplanation> {
        let explain = |rule: &PolicyRule| {
            let (fired, because) = condition::trace(&rule.condition, ctx);
            RuleExplanation { rule: rule.name.clone(), priority: rule.priority, fired, because }
        };
        self.rules.iter().map(explain).collect()
    }
}

impl Serialize for PolicyEngine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rules())
    }
}

impl<'de> Deserialize<'de> for PolicyEngine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<PolicyRule>::deserialize(deserializer).map(Self::new)
    }
}

/// Why a rule fired, or did not.
///
/// Displayed as one line for people; serialised for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleExplanation {
    /// The rule's name.
    pub rule: String,
    /// The rule's priority.
    pub priority: i64,
    /// Whether it fired.
    pub fired: bool,
    /// The parts of its condition that decided, never none: the one that settled an `and` or
    /// an `or` early, or all of them.
    pub because: Vec<Finding>,
}

impl fmt::Display for RuleExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.fired { "fired" } else { "did not fire" };
        write!(f, "rule `{}` (priority {}) {verdict}", self.rule, self.priority)?;
        for (index, finding) in self.because.iter().enumerate() {
            write!(f, "{}{finding}", if index == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

const fn default_priority() -> i64 {
    DEFAULT_PRIORITY
}
