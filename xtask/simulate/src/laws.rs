//! Laws of the events of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use runtime_events::payload::{Recovery, TurnStarted};
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

/// Retry budgets, of which this is left, had this reserve each, and were drawn on by recoveries and hedges alone.
pub(crate) fn drawn(
    events: &[Arc<AgentEvent>],
    reserve: u32,
    left: impl Iterator<Item = u32>,
) -> Result<(), String> {
    // A recovery from a refusal is of the same attempt, and draws on nothing.
    let mut attempts = BTreeSet::new();
    let mut hedges = 0;
    for event in events {
        match event.event {
            AgentEventName::RecoveryAttempted => {
                let next = Recovery::of(event).attempt.filter(|next| *next > 1);
                attempts.extend(next.map(|next| (event.session_id.clone(), event.span, next)));
            }
            AgentEventName::AttemptStarted => hedges += usize::from(TurnStarted::of(event).hedge),
            _ => {}
        }
    }
    let most = attempts.len() + hedges;
    let mut drawn = 0;
    for left in left {
        // A whole retry may be there but for a part.
        let used =
            reserve.checked_sub(left).ok_or_else(|| format!("{left} of {reserve} are left"))?;
        drawn += used as usize;
    }
    if drawn <= most {
        return Ok(());
    }
    Err(format!("{drawn} retries were drawn, for {most} recoveries and hedges"))
}
