//! Configuration of recovery.

use std::sync::Arc;

use runtime_events::FailureScenario;
use runtime_resilience::{
    Backoff, Classifier, Hedge, Recipes, RecoveryHandler, RetryBudget, Routes,
};

use crate::escalation::{Alert, Escalation};
use crate::failure::with_own_rules;
use crate::usual::FirstTokensByModel;

/// The configuration of failures and recovery.
///
/// It sets how the sessions of an [orchestrator](crate::Orchestrator::recovery) classify failures,
/// and how their [recovering turns](crate::OrchestrationSession::run_turn_recovering) handle them.
///
/// | setting | default |
/// |---|---|
/// | [`recipes`](Self::recipes) | the default recipe of each scenario |
/// | [`backoff`](Self::backoff) | [`Backoff::default`] |
/// | [`retry_budget`](Self::retry_budget) | [`RetryBudget::default`], shared by this configuration and its clones |
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
/// // The same routes and the same retry budget for both.
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
    /// The times to the first token that all sessions have observed.
    pub(crate) first_tokens: FirstTokensByModel,
}

impl RecoveryConfig {
    /// Sets the recipe for each scenario of failure.
    pub fn recipes(mut self, recipes: Recipes) -> Self {
        self.recipes = recipes;
        self
    }

    /// Sets the handler for the recipe steps that change the request.
    ///
    /// The handler runs before the attempt that the steps are for.
    ///
    /// The turn itself waits and switches providers. Without a handler, the
    /// [`Attempt`](crate::Attempt) still has all changes.
    pub fn handler(mut self, handler: impl RecoveryHandler + 'static) -> Self {
        self.handler = Some(Arc::new(handler));
        self
    }

    /// Sets the back-off between attempts.
    ///
    /// Its cap also limits the wait that a provider may ask for.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the retry budget of all sessions together, for turns without [routes](Self::routes).
    ///
    /// Share one budget among orchestrators that call the same provider. With routes, each route
    /// [has a budget of its own](runtime_resilience::Route::retry_budget).
    ///
    /// A retry draws on the budget of the place that it calls again, because that place gets the
    /// extra load. An attempt on another healthy route draws on none. Neither does a smaller
    /// request after one that was refused unbilled.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.retry_budget = budget;
        self
    }

    /// Sets the routes of recovering turns, and their order.
    ///
    /// Each route has its own breaker and optionally its own limiter, which replace the
    /// orchestrator's.
    pub fn routes(mut self, routes: Routes) -> Self {
        self.routes = Some(routes);
        self
    }

    /// Sets when a [repeatable](crate::Turn::repeatable) call with a late first token is hedged by
    /// a second call.
    ///
    /// Each hedge is taken from the retry budget of the place that it calls.
    pub fn hedge(mut self, hedge: Hedge) -> Self {
        self.hedge = Some(hedge);
        self
    }

    /// Sets the classification of errors.
    ///
    /// The runtime's own rules follow the given ones: they classify the errors of turns and tools
    /// and, with feature `tokio`, its `Elapsed`.
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.classifier = with_own_rules(classifier);
        self
    }

    /// Sets the function to call when a recovering turn gives up, such as an alert.
    ///
    /// It is called before the turn returns and must not block. A panic in it is caught.
    pub fn on_escalation(
        mut self,
        handler: impl Fn(&Escalation<'_>) + Send + Sync + 'static,
    ) -> Self {
        self.escalation = Some(Arc::new(handler));
        self
    }

    /// Whether no recipe allows another attempt, so that recovering turns call once.
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
