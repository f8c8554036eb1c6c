//! The steps that help against each failure.

use std::borrow::Cow;
use std::sync::Arc;

use runtime_events::{FailureScenario, wire_names};
use serde::{Deserialize, Serialize};

wire_names! {
    /// A step that may help after a failure.
    #[non_exhaustive]
    pub enum RecoveryStep: "recovery step" {
        /// Wait, then try again.
        RetryWithBackoff = "retry_with_backoff",
        /// Try again with less context.
        RetryWithSmallerContext = "retry_with_smaller_context",
        /// Go to another provider.
        SwitchProvider = "switch_provider",
        /// Begin again with a fresh agent.
        RestartAgent = "restart_agent",
        /// Forget what was cached.
        ClearMemoryCache = "clear_memory_cache",
        /// Offer fewer tools.
        ReduceToolSet = "reduce_tool_set",
        /// Ask a person.
        EscalateToHuman = "escalate_to_human",
    }
}

wire_names! {
    /// The action once the attempts of a recipe are used up.
    #[non_exhaustive]
    pub enum EscalationPolicy: "escalation policy" {
        /// Alert a person.
        AlertHuman = "alert_human",
        /// Log it and go on.
        LogAndContinue = "log_and_continue",
        /// Stop.
        Abort = "abort",
    }
}

/// The steps that help against one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RecoveryRecipe {
    /// The scenario that it is for.
    pub scenario: FailureScenario,
    /// The steps, in their order.
    pub steps: Cow<'static, [RecoveryStep]>,
    /// The number of attempts: in one turn by [`TurnRecovery`](super::TurnRecovery), in one
    /// context by [`attempt_recovery`](super::attempt_recovery).
    pub max_attempts: u32,
    /// The action once the attempts are used up.
    pub escalation_policy: EscalationPolicy,
}

impl RecoveryRecipe {
    /// A recipe from its parts.
    pub fn new(
        scenario: FailureScenario,
        steps: impl Into<Cow<'static, [RecoveryStep]>>,
        max_attempts: u32,
        escalation_policy: EscalationPolicy,
    ) -> Self {
        Self { scenario, steps: steps.into(), max_attempts, escalation_policy }
    }
}

/// The number of scenarios.
pub(super) const SCENARIOS: usize = FailureScenario::ALL.len();

/// The place of a scenario in a table with one entry for each.
pub(super) const fn place(scenario: FailureScenario) -> usize {
    scenario as usize
}

const fn recipe(
    scenario: FailureScenario,
    steps: &'static [RecoveryStep],
    max_attempts: u32,
    escalation_policy: EscalationPolicy,
) -> RecoveryRecipe {
    RecoveryRecipe { scenario, steps: Cow::Borrowed(steps), max_attempts, escalation_policy }
}

/// The recipes of the Python original.
static RECIPES: [RecoveryRecipe; SCENARIOS] = recipes(&[RecoveryStep::RetryWithBackoff]);

/// The recipes of turns. A place that hangs may hang again, so a timeout goes elsewhere if it can.
static OF_TURNS: [RecoveryRecipe; SCENARIOS] =
    recipes(&[RecoveryStep::RetryWithBackoff, RecoveryStep::SwitchProvider]);

/// In the order of the scenarios, so that [`place`] finds them.
const fn recipes(after_a_timeout: &'static [RecoveryStep]) -> [RecoveryRecipe; SCENARIOS] {
    use EscalationPolicy::{Abort, AlertHuman, LogAndContinue};
    use FailureScenario as On;
    use RecoveryStep as Step;
    [
        recipe(On::LlmTimeout, after_a_timeout, 2, AlertHuman),
        recipe(On::LlmError, &[Step::RetryWithBackoff, Step::SwitchProvider], 2, AlertHuman),
        recipe(On::ToolExecutionError, &[Step::RestartAgent], 1, LogAndContinue),
        recipe(
            On::ContextOverflow,
            &[Step::RetryWithSmallerContext, Step::ReduceToolSet],
            1,
            AlertHuman,
        ),
        recipe(On::DependencyTimeout, &[Step::RetryWithBackoff], 1, AlertHuman),
        recipe(On::MemoryCorruption, &[Step::ClearMemoryCache, Step::RestartAgent], 1, Abort),
        recipe(On::ProviderFailure, &[Step::SwitchProvider, Step::RetryWithBackoff], 2, Abort),
    ]
}

/// The recipe of the Python original for a scenario.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{RecoveryStep, recipe_for};
///
/// let recipe = recipe_for(FailureScenario::LlmTimeout);
/// assert_eq!(*recipe.steps, [RecoveryStep::RetryWithBackoff]);
/// assert_eq!(recipe.max_attempts, 2);
/// ```
pub fn recipe_for(scenario: FailureScenario) -> &'static RecoveryRecipe {
    &RECIPES[place(scenario)]
}

/// One recipe for each scenario: the built-in ones, and the caller's in place of some.
///
/// The built-in ones are those of [`recipe_for`], but for a timeout: it may go to another provider.
///
/// ```
/// use runtime_events::FailureScenario;
/// use runtime_resilience::{EscalationPolicy, Recipes, RecoveryRecipe, RecoveryStep};
///
/// let patient = RecoveryRecipe::new(
///     FailureScenario::LlmTimeout,
///     vec![RecoveryStep::RetryWithBackoff],
///     10,
///     EscalationPolicy::LogAndContinue,
/// );
/// let recipes = Recipes::default().with(patient.clone());
/// assert_eq!(*recipes.get(FailureScenario::LlmTimeout), patient);
/// ```
#[derive(Clone, Debug)]
pub struct Recipes(Table);

/// One recipe for each scenario. Every session has a clone, so clones share it.
#[derive(Clone, Debug)]
enum Table {
    BuiltIn(&'static [RecoveryRecipe; SCENARIOS]),
    Own(Arc<[RecoveryRecipe; SCENARIOS]>),
}

impl Recipes {
    /// Replaces the recipe of one scenario.
    #[must_use]
    pub fn with(self, recipe: RecoveryRecipe) -> Self {
        let mut own = match self.0 {
            Table::BuiltIn(recipes) => Arc::new(recipes.clone()),
            Table::Own(recipes) => recipes,
        };
        let place = place(recipe.scenario);
        Arc::make_mut(&mut own)[place] = recipe;
        Self(Table::Own(own))
    }

    /// The recipes of the Python original: a timeout stays with its provider.
    pub const fn original() -> Self {
        Self(Table::BuiltIn(&RECIPES))
    }

    /// The recipe of a scenario.
    pub fn get(&self, scenario: FailureScenario) -> &RecoveryRecipe {
        &self.all()[place(scenario)]
    }

    fn all(&self) -> &[RecoveryRecipe; SCENARIOS] {
        match &self.0 {
            Table::BuiltIn(recipes) => recipes,
            Table::Own(recipes) => recipes,
        }
    }
}

impl Default for Recipes {
    fn default() -> Self {
        Self(Table::BuiltIn(&OF_TURNS))
    }
}

impl PartialEq for Recipes {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Recipes {}
