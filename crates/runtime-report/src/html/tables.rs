//! The numbers: budgets as meters, and agents, models, tools and waits as tables.

use super::View;
use super::axis::share;
use super::page::Page;
use crate::show;
use crate::stats::StatsLine;

const MOST_LINES: usize = 200;

impl View<'_> {
    /// Each budget's limit, and the share of it that was spent.
    pub(super) fn budgets(&self, page: &mut Page) {
        let accounts = &self.timeline.accounts;
        if accounts.is_empty() {
            return;
        }
        page.raw("<section><h2>Budgets</h2><div class=meters>");
        for account in accounts.iter().take(MOST_LINES) {
            let session = self.timeline.sessions[account.session].full_name();
            let share = match account.limit {
                // It is used up as soon as anything is spent.
                0 => share(account.spent.min(1), 1),
                limit => share(account.spent, limit),
            };
            page.raw("<div><span><bdi>").cut(account.name.as_deref().unwrap_or(&session), 60);
            page.raw("</bdi></span><span class=\"meter");
            page.raw(if share >= 100.0 {
                " no"
            } else if share >= 80.0 {
                " wa"
            } else {
                ""
            });
            page.raw("\"><i style=\"width:").percent(share.min(100.0)).raw("\"></i>");
            for (at, percent) in account.marks.iter().take(20) {
                let place = f64::from(u32::try_from(*percent).unwrap_or(100).min(100));
                page.raw("<u style=\"left:").percent(place).raw("\" title=\"").text(percent);
                page.raw(" % at ").text(show::nanos(*at)).raw("\"></u>");
            }
            page.raw("</span><span><strong>").text(show::usd(account.spent)).raw("</strong> of ");
            page.text(show::usd(account.limit)).raw(" <small>");
            page.text(format_args!("{share:.1} %"));
            page.raw(if account.enforced { ", enforced" } else { "" }).raw("</small></span></div>");
        }
        page.raw("</div></section>\n");
    }

    pub(super) fn tables(&self, page: &mut Page) {
        let stats = &self.stats;
        page.raw("<section class=tables>");
        table(page, "Agents", &stats.agents);
        table(page, "Models", &stats.models);
        table(page, "Tools", &stats.tools);
        table(page, "Waits", &stats.waits);
        page.raw("</section>\n");
    }
}

/// A table of those columns that have something to tell.
fn table(page: &mut Page, title: &'static str, lines: &[StatsLine]) {
    if lines.is_empty() {
        return;
    }
    let has_use =
        lines.iter().any(|line| line.spent.input_tokens > 0 || line.spent.output_tokens > 0);
    let has_cost = lines.iter().any(|line| line.spent.cost_nanousd > 0);
    page.raw("<div><h2>").raw(title).raw("</h2><div class=x><table class=num><tr><th>");
    page.raw("<th>calls<th>failed<th>p50<th>p95<th>max<th>total");
    page.raw(if has_use { "<th>tokens in<th>cached<th>out" } else { "" });
    page.raw(if has_cost { "<th>cost\n" } else { "\n" });
    for line in lines.iter().take(MOST_LINES) {
        page.raw("<tr><td><bdi>")
            .cut(&line.name, 80)
            .raw("</bdi><td>")
            .text(show::count(line.calls));
        page.raw(if line.failed > 0 { "<td class=no>" } else { "<td>" });
        page.text(show::count(line.failed));
        for duration in [line.p50, line.p95, line.max, line.total] {
            page.raw("<td>").text(show::duration(duration));
        }
        if has_use {
            let used = &line.spent;
            for tokens in [used.input_tokens, used.cached_tokens, used.output_tokens] {
                page.raw("<td>").text(show::count(tokens));
            }
        }
        if has_cost {
            page.raw("<td>").text(show::usd(line.spent.cost_nanousd));
        }
        page.raw("\n");
    }
    page.raw("</table></div>");
    let left = lines.len().saturating_sub(MOST_LINES);
    if left > 0 {
        page.raw("<p class=note>… and ").text(show::count(left as u64)).raw(" more.</p>");
    }
    page.raw("</div>");
}
