//! The books of recovery: how often each scenario was attempted, and with what result.

use std::collections::VecDeque;
use std::sync::Arc;

use runtime_events::{Clock, FailureScenario, SystemClock};

use super::recipe::{Recipes, RecoveryRecipe, SCENARIOS, place};
use super::result::{RecoveryEvent, RecoveryEventType, RecoveryOutcome, RecoveryResult};

/// The default number of events that a context keeps.
const DEFAULT_MAX_EVENTS: usize = 1_000;

/// The settings of a [`RecoveryContext`].
#[derive(Clone, Debug)]
pub struct RecoveryContextConfig {
    recipes: Recipes,
    max_events: usize,
    clock: Arc<dyn Clock>,
}

impl RecoveryContextConfig {
    /// The recipes. The built-in ones unless set.
    #[must_use]
    pub fn recipes(mut self, recipes: Recipes) -> Self {
        self.recipes = recipes;
        self
    }

    /// The number of latest events that are kept. 1,000 unless set.
    #[must_use]
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = events;
        self
    }

    /// The clock that stamps events. The system clock unless set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for RecoveryContextConfig {
    fn default() -> Self {
        Self {
            recipes: Recipes::original(),
            max_events: DEFAULT_MAX_EVENTS,
            clock: Arc::new(SystemClock),
        }
    }
}

/// The books of recovery: how often each scenario was attempted, and with what result.
#[derive(Debug, Default)]
pub struct RecoveryContext {
    config: RecoveryContextConfig,
    attempts: [u32; SCENARIOS],
    /// Kept apart from the events, which are bounded.
    exhausted: [bool; SCENARIOS],
    /// Invariant: `events.len() <= config.max_events`.
    events: VecDeque<RecoveryEvent>,
    dropped_events: u64,
}

impl RecoveryContext {
    /// Empty books with the [default](RecoveryContextConfig::default) settings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty books with these settings.
    pub fn with_config(config: RecoveryContextConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Begins an attempt, and counts it: its recipe and its number; `None` if the recipe's attempts are
    /// used up.
    pub(super) fn begin(&mut self, scenario: FailureScenario) -> (RecoveryRecipe, Option<u32>) {
        let recipe = self.config.recipes.get(scenario).clone();
        let attempts = &mut self.attempts[place(scenario)];
        let number = (*attempts < recipe.max_attempts).then(|| {
            *attempts += 1;
            *attempts
        });
        (recipe, number)
    }

    /// Records the number of steps that an attempt took, and why it took no more.
    pub(super) fn finish(
        &mut self,
        recipe: RecoveryRecipe,
        taken: usize,
        failed: Option<String>,
    ) -> RecoveryResult {
        let (taken, remaining) = recipe.steps.split_at(taken);
        let (outcome, event_type) = if remaining.is_empty() {
            (RecoveryOutcome::Recovered, RecoveryEventType::Succeeded)
        } else {
            (RecoveryOutcome::PartialRecovery, RecoveryEventType::Failed)
        };
        let reason = failed.unwrap_or_default();
        let result = RecoveryResult::new(outcome, taken.to_vec(), remaining.to_vec(), reason);
        self.record(event_type, recipe, result.clone());
        result
    }

    /// Records that there were no attempts left.
    pub(super) fn escalate(&mut self, recipe: RecoveryRecipe) -> RecoveryResult {
        self.exhausted[place(recipe.scenario)] = true;
        let (most, scenario) = (recipe.max_attempts, recipe.scenario);
        let reason = format!("max attempts ({most}) exhausted for {scenario}");
        let outcome = RecoveryOutcome::EscalationRequired;
        let result = RecoveryResult::new(outcome, Vec::new(), Vec::new(), reason);
        self.record(RecoveryEventType::Escalated, recipe, result.clone());
        result
    }

    /// Records a recovery by [`TurnRecovery`](super::TurnRecovery): that it was attempted, and then that
    /// it succeeded, failed or was escalated.
    ///
    /// A scenario that was escalated [is exhausted](Self::exhausted) until a recovery from it
    /// succeeds.
    pub fn note(
        &mut self,
        event_type: RecoveryEventType,
        scenario: FailureScenario,
        result: RecoveryResult,
    ) {
        match event_type {
            RecoveryEventType::Escalated => self.exhausted[place(scenario)] = true,
            RecoveryEventType::Succeeded => self.exhausted[place(scenario)] = false,
            _ => {}
        }
        let recipe = self.config.recipes.get(scenario).clone();
        self.record(event_type, recipe, result);
    }

    /// The number of attempts that were begun against a scenario.
    pub const fn attempt_count(&self, scenario: FailureScenario) -> u32 {
        self.attempts[place(scenario)]
    }

    /// The scenarios with a recovery that had no attempts left.
    pub fn exhausted(&self) -> impl Iterator<Item = FailureScenario> {
        FailureScenario::ALL.iter().copied().filter(|&scenario| self.exhausted[place(scenario)])
    }

    /// The latest events, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &RecoveryEvent> + ExactSizeIterator {
        self.events.iter()
    }

    /// The number of events that were dropped for newer ones.
    pub const fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    fn record(
        &mut self,
        event_type: RecoveryEventType,
        recipe: RecoveryRecipe,
        result: RecoveryResult,
    ) {
        if self.events.len() >= self.config.max_events {
            self.dropped_events += 1;
            if self.events.pop_front().is_none() {
                return;
            }
        }
        self.events.push_back(RecoveryEvent {
            event_type,
            scenario: recipe.scenario,
            recipe_steps: recipe.steps,
            result,
            timestamp: self.config.clock.utc_now(),
        });
    }
}
