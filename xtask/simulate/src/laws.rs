//! Laws of the events of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use runtime_events::payload::Recovery;
use runtime_events::{AgentEvent, AgentEventName, FailureScenario};
use runtime_resilience::Recipes;

/// No turn recovers from a scenario more often than the default recipe says.
pub(crate) fn recoveries(events: &[Arc<AgentEvent>]) -> Result<(), String> {
    let mut made = BTreeMap::new();
    for event in events.iter().filter(|it| it.event == AgentEventName::RecoveryAttempted) {
        let payload = Recovery::of(event);
        let named = |of: &&FailureScenario| {
            payload.scenario.as_ref().is_some_and(|word| word.as_str() == of.as_str())
        };
        let Some(scenario) = FailureScenario::ALL.iter().find(named) else { continue };
        let times = made.entry((event.session_id.clone(), event.span, *scenario)).or_insert(0_u32);
        *times += 1;
        let most = Recipes::default().get(*scenario).max_attempts;
        if *times > most {
            return Err(format!(
                "a turn recovered {times} times from {scenario}, and {most} is the most"
            ));
        }
    }
    Ok(())
}
