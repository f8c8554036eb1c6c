//! How turns recover, and how failures are read.

use std::sync::Arc;

use runtime_events::FailureScenario;
use runtime_resilience::{
    Backoff, Classifier, Hedge, Recipes, RecoveryHandler, RetryBudget, Routes,
};

use crate::escalation::{Alert, Escalation};
use crate::failure::with_own_rules;
use crate::usual::FirstTokensByModel;

/// How the sessions of an [orchestrator](crate::Orchestrator::recovery) read failures, and what their
/// [recovering turns](crate::OrchestrationSession::run_turn_recovering) do about them.
///
/// | setting | default |
/// |---|---|
/// | [`recipes`](Self::recipes) | the default recipe of each scenario |
/// | [`backoff`](Self::backoff) | [`Backoff::default`] |
/// | [`retry_budget`](Self::retry_budget) | [`RetryBudget::default`], one for this configuration and its clones |
/// | [`classifier`](Self::classifier) | [`Classifier::default`] |
/// | routes, handler, hedges, escalation | none |
///
/// ```
/// use runtime_orchestrator::{Orchestrator, RecoveryConfig};
/// use runtime_resilience::{Route, Routes};
///
/// let routes = Routes::ordered([
///     Route::new("openai", "gpt-5"),
///     Route::new("anthropic", "claude-sonnet-4-5"),
/// ]);
/// let recovery = RecoveryConfig::default()
///     .routes(routes)
///     .on_escalation(|escalation| eprintln!("{}: {}", escalation.role, escalation.error));
/// let writer = Orchestrator::new("writer", "draft").recovery(recovery.clone());
/// // The same providers, and one retry budget for both.
/// let editor = Orchestrator::new("editor", "review").recovery(recovery);
/// # drop((writer, editor));
/// ```
#[derive(Clone)]
#[must_use]
pub struct RecoveryConfig {
    pub(crate) recipes: Recipes,
    pub(crate) handler: Option<Arc<dyn RecoveryHandler>>,
    pub(crate) backoff: Backoff,
    pub(crate) retry_budget: RetryBudget,
    pub(crate) routes: Option<Routes>,
    pub(crate) hedge: Option<Hedge>,
    pub(crate) classifier: Classifier,
    pub(crate) escalation: Option<Arc<Alert>>,
    /// How long first tokens take: what all sessions have seen.
    pub(crate) first_tokens: FirstTokensByModel,
}

impl RecoveryConfig {
    /// Sets what is tried after which failure.
    pub fn recipes(mut self, recipes: Recipes) -> Self {
        self.recipes = recipes;
        self
    }

    /// Sets who carries out the steps of a recipe that change the request, before the attempt that they
    /// are for.
    ///
    /// The wait, and the way to another provider, are the turn's own business; without a handler, what
    /// is to change stands in the [`Attempt`](crate::Attempt) alone.
    pub fn handler(mut self, handler: impl RecoveryHandler + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Sets how long recovering turns wait before they make a call again; its cap is also the longest
    /// that a provider may ask for.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets what all sessions together may retry where there are no [routes](Self::routes). Share one
    /// among the orchestrators that call the same provider. With routes, each
    /// [has a budget of its own](runtime_resilience::Route::retry_budget).
    ///
    /// A retry draws on the budget of the place that it goes to again, because that place gets the extra
    /// load. An attempt on another route that is well draws on none, nor does a smaller request after one
    /// that was refused unread.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.retry_budget = budget;
        self
    }

    /// Sets where recovering turns send their calls, and in which order. Each route has a breaker, and
    /// perhaps a limiter, of its own, which take the place of the orchestrator's.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = Some(routes);
        self
    }

    /// Sets when a [repeatable](crate::Turn::repeatable) call is made a second time, beside one whose
    /// first token is late. Each hedge is taken from the retry budget of the place that it goes to.
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.hedge = Some(hedge);
        self
    }

    /// Sets how errors become scenarios. The runtime's own rules are asked after those given here: they
    /// know the errors of turns and tools and, with feature `tokio`, its `Elapsed`.
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.classifier = with_own_rules(classifier);
        self
    }

    /// Sets what is called when a recovering turn gives up, before it returns: alert somebody. It must
    /// not block, and a panic in it goes no further.
    pub fn on_escalation(
        mut self,
        handler: impl Fn(&Escalation<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.escalation = Some(Arc::new(handler));
        self
    }

    /// Whether no recipe allows another attempt, so that a recovering turn makes its call once.
    pub(crate) fn is_off(&self) -> bool {
        FailureScenario::ALL.iter().all(|&scenario| self.recipes.get(scenario).max_attempts == 0)
    }
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            recipes: Recipes::default(),
            handler: None,
            backoff: Backoff::default(),
            retry_budget: RetryBudget::default(),
            routes: None,
            hedge: None,
            classifier: with_own_rules(Classifier::default()),
            escalation: None,
            first_tokens: FirstTokensByModel::default(),
        }
    }
}

impl std::fmt::Debug for RecoveryConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryConfig")
            .field("backoff", &self.backoff)
            .field("hedge", &self.hedge)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use runtime_events::FailureScenario;
    use runtime_resilience::{EscalationPolicy, RecoveryRecipe};

    use super::RecoveryConfig;

    #[test]
    fn recovery_is_off_when_no_recipe_allows_an_attempt() {
        let mut recovery = RecoveryConfig::default();
        assert!(!recovery.is_off());
        for &scenario in FailureScenario::ALL {
            assert!(!recovery.is_off(), "one recipe is enough");
            let policy = EscalationPolicy::LogAndContinue;
            let none = RecoveryRecipe::new(scenario, Vec::new(), 0, policy);
            recovery.recipes = recovery.recipes.with(none);
        }
        assert!(recovery.is_off());
    }
}
