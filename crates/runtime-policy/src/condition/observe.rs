//! The texts of an explanation: the label of a condition, and what it observed.

use std::fmt::Display;

use super::PolicyCondition;
use crate::context::PhaseContext;

/// How many names of a set are printed. The rest is counted.
const NAMES_SHOWN: usize = 3;

/// The name of a condition with its parameter: `gate_below(0.8)`.
pub(super) fn label(condition: &PolicyCondition) -> String {
    match condition {
        PolicyCondition::And(_) => "and".to_owned(),
        PolicyCondition::Or(_) => "or".to_owned(),
        PolicyCondition::Not(_) => "not".to_owned(),
        PolicyCondition::QualityAt(level) => format!("quality_at({level})"),
        PolicyCondition::PhaseCompleted => "phase_completed".to_owned(),
        PolicyCondition::AgentFailed(None) => "agent_failed(any)".to_owned(),
        PolicyCondition::AgentFailed(Some(role)) => format!("agent_failed({role})"),
        PolicyCondition::GateBelow(threshold) => format!("gate_below({threshold})"),
        PolicyCondition::RetryExhausted(None) => "retry_exhausted(any)".to_owned(),
        PolicyCondition::RetryExhausted(Some(scenario)) => format!("retry_exhausted({scenario})"),
        PolicyCondition::TimedOut(limit) => format!("timed_out({limit:?})"),
        PolicyCondition::AllAgentsComplete => "all_agents_complete".to_owned(),
        PolicyCondition::CostExceeded(budget) => format!("cost_exceeded({budget:#})"),
        PolicyCondition::Custom(custom) => format!("custom({})", custom.name()),
    }
}

/// What a condition observed in a context. `held` is its result.
pub(super) fn observed(condition: &PolicyCondition, ctx: &PhaseContext, held: bool) -> String {
    let is = if held { "is" } else { "is not" };
    match condition {
        PolicyCondition::QualityAt(level) => match ctx.quality_level {
            None => "quality_level is not set".to_owned(),
            Some(seen) => format!("quality_level {seen} {is} at least {level}"),
        },
        PolicyCondition::PhaseCompleted => format!("the phase {is} completed"),
        PolicyCondition::AgentFailed(role) => {
            set("failed_roles", &ctx.failed_roles, role.as_ref(), held)
        }
        PolicyCondition::GateBelow(threshold) => {
            format!("gate_score {} {is} below {threshold}", ctx.gate_score)
        }
        PolicyCondition::RetryExhausted(scenario) => set(
            "retry_exhausted_scenarios",
            &ctx.retry_exhausted_scenarios,
            scenario.as_ref(),
            held,
        ),
        PolicyCondition::TimedOut(limit) => {
            format!("elapsed {:?} {is} more than {limit:?}", ctx.elapsed)
        }
        PolicyCondition::AllAgentsComplete => all_agents(ctx, held),
        PolicyCondition::CostExceeded(budget) => {
            // All digits, because two different amounts may look equal if they are rounded.
            format!("total_cost {:#} {is} more than {budget:#}", ctx.total_cost)
        }
        PolicyCondition::Custom(_) => format!("the closure returned {held}"),
        PolicyCondition::And(_) | PolicyCondition::Or(_) | PolicyCondition::Not(_) => {
            format!("it {is} so")
        }
    }
}

/// Whether a set has `wanted`, or with `None` whether it has anything.
fn set<'a, T: Display + 'a>(
    name: &str,
    members: impl IntoIterator<Item = &'a T>,
    wanted: Option<&T>,
    held: bool,
) -> String {
    match (wanted, held) {
        (Some(wanted), true) => format!("{name} has {wanted}"),
        (None, true) => format!("{name} has {}", list(members)),
        (Some(wanted), false) => format!("{name} does not have {wanted}"),
        (None, false) => format!("{name} is empty"),
    }
}

fn all_agents(ctx: &PhaseContext, held: bool) -> String {
    if held {
        return "every one of all_roles has completed or failed".to_owned();
    }
    let done =
        |role: &&String| ctx.completed_roles.contains(*role) || ctx.failed_roles.contains(*role);
    let mut open = ctx.all_roles.iter().filter(|role| !done(role)).peekable();
    if open.peek().is_some() {
        return format!("still at work: {}", list(open));
    }
    let strangers = ctx.completed_roles.union(&ctx.failed_roles);
    format!(
        "not one of all_roles: {}",
        list(strangers.filter(|role| !ctx.all_roles.contains(*role)))
    )
}

/// The first few names and the number of the others.
fn list<'a, T: Display + 'a>(names: impl IntoIterator<Item = &'a T>) -> String {
    let mut names = names.into_iter();
    let shown: Vec<String> = names.by_ref().take(NAMES_SHOWN).map(T::to_string).collect();
    let shown = shown.join(", ");
    match names.count() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
