//! The configuration of both agents: permissions, budget, recovery, telemetry.

use std::sync::Arc;
use std::time::Duration;

use techrevati_runtime::events::AgentEvent;
use techrevati_runtime::lifecycle::AgentRegistry;
use techrevati_runtime::orchestrator::{Orchestrator, RecoveryConfig};
use techrevati_runtime::policy::{
    PermissionEnforcer, PermissionMode, PermissionPolicy, QualityGate, RolePermissionConfig,
    UnknownRoles,
};
use techrevati_runtime::resilience::{Backoff, BoxError, RetryBudget, Routes};
use techrevati_runtime::sinks::{EventFanOut, JsonlSink};
use techrevati_runtime::usage::{Limit, PricingTable, UnknownPrice, Usd};

use crate::progress::{self, Progress};
use crate::{editor, researcher};

/// The maximum number of turns per agent.
const TURNS: u32 = 40;
/// The shortest back-off, in seconds.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait. A provider that asks for more is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Both agents.
#[derive(Debug)]
pub(crate) struct Agents {
    pub(crate) researcher: Orchestrator,
    pub(crate) editor: Orchestrator,
}

/// The shared resources of the agents.
#[derive(Debug)]
pub(crate) struct Means {
    /// The budget of each agent.
    pub(crate) budget: Usd,
    pub(crate) prices: PricingTable,
    pub(crate) routes: Routes,
    pub(crate) log: JsonlSink,
    pub(crate) progress: Progress,
    /// The number of documents.
    pub(crate) documents: usize,
}

/// Configures the researcher and the editor.
///
/// # Errors
///
/// If a role has no name, or a setting is invalid.
pub(crate) fn configure(means: &Means) -> Result<Agents, BoxError> {
    // One registry for both, so that one can hand over to the other.
    let registry = AgentRegistry::new();
    let permissions = permissions()?;
    // One retry budget for both, because they call the same providers.
    let retries = RetryBudget::default();
    let backoff = Backoff::new(FIRST_WAIT, 2.0)?.cap(LONGEST_WAIT);
    let progress = means.progress;
    let lines = move |event: &Arc<AgentEvent>| {
        progress.event(event);
        Ok(())
    };
    let events = Arc::new(EventFanOut::new().with(means.log.clone()).with(lines));
    // A model of another server without a price is not refused.
    let budget = Limit::enforced(means.budget).unknown_price(UnknownPrice::Free);
    let agent = |role| {
        Orchestrator::new(role, "answer")
            .registry(registry.clone())
            .permissions(permissions.clone())
            .recovery(
                RecoveryConfig::default()
                    .routes(means.routes.clone())
                    .backoff(backoff)
                    .retry_budget(retries.clone())
                    .on_escalation(progress::alert),
            )
            .budget(budget.clone())
            .pricing(means.prices.clone())
            .max_iterations(TURNS)
            .event_sink(Arc::clone(&events))
    };
    let required = researcher::required(means.documents);
    let researcher = agent(researcher::ROLE)
        .quality_gate(QualityGate::new(required))
        .policy(researcher::policy(required, means.budget));
    let editor = agent(editor::ROLE).quality_gate(QualityGate::new(editor::REQUIRED));
    Ok(Agents { researcher, editor })
}

/// The researcher reads, the editor also writes, and no other role has permissions.
fn permissions() -> Result<PermissionEnforcer, BoxError> {
    let policy = PermissionPolicy::new()
        .role(RolePermissionConfig::new(researcher::ROLE, PermissionMode::ReadOnly)?)
        .role(RolePermissionConfig::new(editor::ROLE, PermissionMode::WorkspaceWrite)?)
        .requires("write_file", PermissionMode::WorkspaceWrite)
        .unknown_roles(UnknownRoles::Deny)
        // The names of tools come from a model.
        .case_insensitive_tools();
    Ok(PermissionEnforcer::new(policy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_editor_writes_in_any_spelling_of_the_tool() {
        let permissions = permissions().unwrap();
        for tool in ["write_file", "Write_File"] {
            assert!(!permissions.is_allowed(researcher::ROLE, tool));
            assert!(permissions.is_allowed(editor::ROLE, tool));
        }
        assert!(permissions.is_allowed(researcher::ROLE, "search"));
        assert!(!permissions.is_allowed("stranger", "search"));
    }
}
