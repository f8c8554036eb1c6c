//! [`PolicyEngine`]: evaluates rules.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::action::PolicyActionData;
use crate::condition::{self, DecidingPart, PolicyCondition};
use crate::context::PhaseContext;
use crate::parse::{self, ConfigParseError};

/// The priority of a rule that does not name one.
const DEFAULT_PRIORITY: i64 = 50;

/// A named rule, whose actions are recommended if its condition holds.
///
/// In JSON it is an object with `name`, `condition`, `actions` and an optional `priority`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyRule {
    /// The name, for explanations.
    pub name: String,
    /// The condition under which the rule fires.
    pub condition: PolicyCondition,
    /// The actions that the rule recommends.
    pub actions: Vec<PolicyActionData>,
    /// The priority. Rules with a lower number come first. Default: 50.
    #[serde(default = "default_priority")]
    pub priority: i64,
}

impl PolicyRule {
    /// Creates a rule of priority 50 without actions.
    pub fn new(name: impl Into<String>, condition: PolicyCondition) -> Self {
        Self { name: name.into(), condition, actions: Vec::new(), priority: DEFAULT_PRIORITY }
    }

    /// Adds an action.
    #[must_use]
    pub fn action(mut self, action: impl Into<PolicyActionData>) -> Self {
        self.actions.push(action.into());
        self
    }

    /// Sets the priority. Rules with a lower number come first. Default: 50.
    #[must_use]
    pub const fn priority(mut self, priority: i64) -> Self {
        self.priority = priority;
        self
    }
}

/// Evaluates rules against a context. It is cheap to clone.
///
/// Rules are evaluated by priority, the lowest number first. Rules of the same priority keep their
/// order. All rules whose conditions hold fire, and the engine returns their actions in that order.
/// The caller decides what to do with them.
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
/// let actions: Vec<_> = engine.evaluate(&ctx).into_iter().map(|action| action.action).collect();
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
    /// Creates an engine. Rules of the same priority keep their order.
    pub fn new(rules: impl IntoIterator<Item = PolicyRule>) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        Self { rules: rules.into() }
    }

    /// Reads a JSON array of rules.
    ///
    /// # Errors
    ///
    /// [`ConfigParseError`] with the path to the part that is not a rule.
    pub fn from_json(json: &str) -> Result<Self, ConfigParseError> {
        parse::from_json(json)
    }

    /// The rules, in the order of their evaluation.
    pub fn rules(&self) -> &[PolicyRule] {
        &self.rules
    }

    /// The rules that fire, in order. Rules are evaluated lazily, and nothing is allocated.
    pub fn firing(&self, ctx: &PhaseContext) -> impl Iterator<Item = &PolicyRule> {
        self.rules.iter().filter(|rule| rule.condition.matches(ctx))
    }

    /// The recommended actions, in order.
    pub fn evaluate(&self, ctx: &PhaseContext) -> Vec<PolicyActionData> {
        self.firing(ctx).flat_map(|rule| &rule.actions).cloned().collect()
    }

    /// Explains for each rule, in order, whether it fired and which part of its condition decided.
    ///
    /// It evaluates the same parts as [`evaluate`](Self::evaluate) and no others.
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

/// Why a rule fired or did not fire. It displays as one line and serialises for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleExplanation {
    /// The rule's name.
    pub rule: String,
    /// The rule's priority.
    pub priority: i64,
    /// Whether it fired.
    pub fired: bool,
    /// The parts of the condition that decided, at least one: the part that ended an `and` or an `or`
    /// early, or else all parts.
    pub because: Vec<DecidingPart>,
}

impl fmt::Display for RuleExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.fired { "fired" } else { "did not fire" };
        write!(f, "rule `{}` (priority {}) {verdict}", self.rule, self.priority)?;
        for (index, part) in self.because.iter().enumerate() {
            write!(f, "{}{part}", if index == 0 { ": " } else { "; " })?;
        }
        Ok(())
    }
}

const fn default_priority() -> i64 {
    DEFAULT_PRIORITY
}
