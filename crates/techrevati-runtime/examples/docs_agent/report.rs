//! What a run came to, as a table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use techrevati_runtime::orchestrator::{Summary, ToolError};
use techrevati_runtime::usage::{PricingTable, Usd};

/// Counts what the sessions' summaries do not tell: tools by name, failures with their cure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// By role and tool: done, denied, failed.
    tools: BTreeMap<(String, String), [u32; 3]>,
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Failure {
    role: String,
    error: String,
    scenario: String,
    cure: String,
}

impl Tally {
    /// A tool was used, or was not.
    pub(crate) fn tool(&self, role: &str, tool: &str, result: &Result<Value, ToolError>) {
        let column = match result {
            Ok(_) => 0,
            Err(ToolError::PermissionDenied(_)) => 1,
            Err(_) => 2,
        };
        self.counts().tools.entry((role.into(), tool.into())).or_default()[column] += 1;
    }

    /// A turn failed, and this was done about it.
    pub(crate) fn failed(&self, role: &str, error: &str, scenario: &str, cure: &str) {
        let (role, error) = (role.into(), error.into());
        let (scenario, cure) = (scenario.into(), cure.into());
        self.counts().failures.push(Failure { role, error, scenario, cure });
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Every change is one statement; a panic cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The table: agents, tools, cost per model, failures and what recovery did.
pub(crate) fn table(summaries: &[Summary], tally: &Tally, prices: &PricingTable) -> String {
    let counts = tally.counts();
    let mut text = String::new();

    let agents = summaries.iter().map(|summary| {
        let role = summary.worker.role();
        let failed = counts.failures.iter().filter(|failure| *failure.role == **role).count();
        let tools = counts.tools.iter().filter(|((user, _), _)| **user == **role);
        let tools = tools.map(|(_, used)| used.iter().sum::<u32>()).sum::<u32>();
        let usage = &summary.usage;
        let left = summary.budget.as_ref().map(|budget| format!("{:.6}", budget.remaining_usd));
        vec![
            role.to_string(),
            summary.status().to_string(),
            usage.turns.to_string(),
            failed.to_string(),
            tools.to_string(),
            usage.total_input_tokens.to_string(),
            usage.total_output_tokens.to_string(),
            format!("{:.6}", usage.total_cost_usd),
            left.unwrap_or_else(|| "no limit".into()),
        ]
    });
    let head =
        "agent|state|turns answered|failed|tool calls|uncached in|tokens out|cost|budget left";
    columns(&mut text, head, agents);

    let tools = counts.tools.iter().map(|((role, tool), used)| {
        let names = [role.clone(), tool.clone()].into_iter();
        names.chain(used.iter().map(ToString::to_string)).collect()
    });
    columns(&mut text, "agent|tool|done|denied|failed", tools);

    let mut models = BTreeMap::<&str, Usd>::new();
    for (model, cost) in summaries.iter().flat_map(|summary| &summary.per_model_cost) {
        let sum = models.entry(model).or_default();
        *sum = sum.saturating_add(*cost);
    }
    let models = models.into_iter().map(|(model, cost)| {
        let known = prices.contains(model);
        vec![model.into(), if known { format!("{cost:.6}") } else { "no price known".into() }]
    });
    columns(&mut text, "model|cost", models);

    let failures = counts.failures.iter().map(|failure| {
        let Failure { role, error, scenario, cure } = failure;
        let cure = format!("  → {cure}");
        [
            vec![role.clone(), scenario.clone(), error.clone()],
            vec![String::new(), String::new(), cure],
        ]
    });
    columns(&mut text, "agent|failure|what happened → what recovery did", failures.flatten());
    drop(counts);
    text
}

/// Appends rows below a head (`a|b|c`), each column as wide as it needs. No rows, no head.
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
    fn a_table_without_rows_is_left_out() {
        assert_eq!(table(&[], &Tally::default(), &PricingTable::new()), "");
    }
}
