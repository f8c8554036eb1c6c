//! The result of a run as a table, from the events and summaries of its sessions.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use techrevati_runtime::events::payload::{Refused, ToolRun, Word};
use techrevati_runtime::events::{AgentEvent, AgentEventName, SpanOutcome};
use techrevati_runtime::orchestrator::Summary;
use techrevati_runtime::usage::{PricingTable, Usd};

use crate::recoveries::{self, Recovery};

/// The table: agents, tools, cost per model, and recoveries.
pub(crate) fn table(summaries: &[Summary], prices: &PricingTable) -> String {
    let mut text = String::new();
    let head = "agent|state|turns|calls|failed|tool calls|uncached in|tokens out|cost|budget left";
    columns(&mut text, head, summaries.iter().map(agent));

    let head = "agent|tool|done|denied|failed";
    columns(
        &mut text,
        head,
        summaries.iter().flat_map(|summary| {
            let used = tools(summary).into_iter();
            used.map(|(tool, used)| {
                let names = [role(summary), tool].into_iter();
                names.chain(used.iter().map(ToString::to_string)).collect()
            })
        }),
    );

    let mut models = BTreeMap::<&str, Usd>::new();
    for (model, cost) in summaries.iter().flat_map(|summary| &summary.per_model_cost) {
        let sum = models.entry(model).or_default();
        *sum = sum.saturating_add(*cost);
    }
    let models = models.into_iter().map(|(model, cost)| {
        let known = prices.get(model).is_some();
        vec![model.into(), if known { cost.to_string() } else { "no price known".into() }]
    });
    columns(&mut text, "model|cost", models);

    let head = "agent|turn|call|what failed|steps taken|waited|route|outcome";
    columns(
        &mut text,
        head,
        summaries.iter().flat_map(|summary| {
            let rows = recoveries::of(&summary.agent_events);
            rows.into_iter().flat_map(|row| recovery(role(summary), row))
        }),
    );
    text
}

fn role(summary: &Summary) -> String {
    summary.worker.role().to_string()
}

fn agent(summary: &Summary) -> Vec<String> {
    let count = |name| summary.agent_events.iter().filter(|event| event.event == name).count();
    let usage = &summary.usage;
    let tools = tools(summary).values().flatten().sum::<u32>();
    let left = summary.budget.as_ref().map(|budget| budget.remaining_usd.to_string());
    vec![
        role(summary),
        summary.status().to_string(),
        count(AgentEventName::TurnStarted).to_string(),
        count(AgentEventName::AttemptStarted).to_string(),
        count(AgentEventName::AttemptFailed).to_string(),
        tools.to_string(),
        usage.total_input_tokens.to_string(),
        usage.total_output_tokens.to_string(),
        usage.total_cost_usd.to_string(),
        left.unwrap_or_else(|| "no limit".into()),
    ]
}

/// By tool: done, denied, failed.
fn tools(summary: &Summary) -> BTreeMap<String, [u32; 3]> {
    let mut tools = BTreeMap::<_, [u32; 3]>::new();
    for event in &summary.agent_events {
        if let (Some(tool), Some(column)) =
            (ToolRun::of(event).tool.map(Word::as_str), column(event))
        {
            tools.entry(tool.to_owned()).or_default()[column] += 1;
        }
    }
    tools
}

fn column(event: &AgentEvent) -> Option<usize> {
    match event.event {
        AgentEventName::ToolCompleted if event.outcome == Some(SpanOutcome::Ok) => Some(0),
        AgentEventName::ToolCompleted => Some(2),
        AgentEventName::AgentBlocked => {
            let denied = Refused::of(event).reason.map(Word::as_str) == Some("permission_denied");
            Some(if denied { 1 } else { 2 })
        }
        _ => None,
    }
}

/// A failure, and below it its fault and the further steps.
fn recovery(role: String, recovery: Recovery) -> Vec<Vec<String>> {
    let Recovery { turn, attempts: (failed, next), route: (from, to), plan, outcome, .. } =
        recovery;
    let then = |then: Option<String>| then.map_or_else(String::new, |then| format!(" → {then}"));
    let to = to.filter(|to| *to != from);
    let mut steps = plan.steps.into_iter();
    let waited = plan.wait.unwrap_or_else(|| "–".into());
    let first = vec![
        role,
        turn.to_string(),
        format!("{failed}{}", then(next.map(|next| next.to_string()))),
        plan.fault,
        steps.next().unwrap_or_else(|| "–".into()),
        waited,
        format!("{from}{}", then(to)),
        outcome,
    ];
    let below = |what: String, step: String| {
        [String::new(), String::new(), String::new(), what, step].to_vec()
    };
    let second = below(format!("  {}", plan.scenario), steps.next().unwrap_or_default());
    [first, second].into_iter().chain(steps.map(|step| below(String::new(), step))).collect()
}

/// Appends rows below a head (`a|b|c`), with each column as wide as needed. Without rows, no head.
fn columns(text: &mut String, head: &str, rows: impl Iterator<Item = Vec<String>>) {
    let rows = rows.collect::<Vec<_>>();
    if rows.is_empty() {
        return;
    }
    let head = head.split('|').map(ToOwned::to_owned).collect::<Vec<_>>();
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths = (0..head.len()).map(width).collect::<Vec<_>>();
    let rule = widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>();
    for row in [&head, &rule].into_iter().chain(&rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let _ = writeln!(text, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut text = String::new();
        columns(&mut text, "a|bc", [vec!["äöü".into(), "d".into()]].into_iter());
        assert_eq!(text, "a    bc\n───  ──\näöü  d\n\n");
    }

    #[test]
    fn table_without_rows_is_omitted() {
        assert_eq!(table(&[], &PricingTable::new()), "");
    }
}
