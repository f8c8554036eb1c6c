//! The head of the page: title, agents, how the run ended, its numbers.

use super::View;
use super::page::Page;
use crate::check::Problem;
use crate::show;
use crate::stats::StatsLine;
use crate::timeline::SpanKind;

impl View<'_> {
    pub(super) fn summary(&self, page: &mut Page) {
        let timeline = self.timeline;
        page.raw("<header><h1>").cut(&self.options.title, 200).raw("</h1><p>");
        if let Some(began) = timeline.began() {
            page.text(began.format("%Y-%m-%d %H:%M:%S UTC")).raw(" · ");
        }
        let roles: Vec<&str> =
            timeline.order.iter().map(|session| timeline.sessions[*session].name()).collect();
        for (place, role) in roles.iter().take(6).enumerate() {
            page.raw(if place > 0 { ", <bdi>" } else { "<bdi>" }).cut(role, 60).raw("</bdi>");
        }
        if roles.len() > 6 {
            page.text(format_args!(" and {} more", roles.len() - 6));
        }
        page.raw("</header>\n<section class=cards>");
        self.cards(page);
        page.raw("</section>\n");
    }

    fn cards(&self, page: &mut Page) {
        let stats = &self.stats;
        let kind = |kind: SpanKind| stats.kinds.iter().find(|line| *line.name == *kind.as_str());
        let calls =
            |line: Option<&StatsLine>| line.map_or((0, 0), |line| (line.calls, line.failed));

        let (sessions, failed) = calls(kind(SpanKind::Session));
        let sessions = sessions.max(self.timeline.sessions.len() as u64);
        let ended = match (stats.unfinished, failed) {
            (_, 1..) => ("bad", "✕ failed"),
            (1.., _) => ("warn", "… unfinished"),
            _ => ("good", "✓ ended well"),
        };
        card(page, ended.0, "time", show::duration(stats.duration), ended.1);
        card(page, "", "agents", show::count(sessions), failures(failed));
        for (name, of) in [("turns", SpanKind::Turn), ("tool calls", SpanKind::Tool)] {
            let (calls, failed) = calls(kind(of));
            let class = if failed > 0 { "warn" } else { "" };
            card(page, class, name, show::count(calls), failures(failed));
        }
        let spent = stats.spent;
        let read = spent.input_tokens;
        let read = if spent.cached_tokens > 0 {
            format!("{} in, {} cached", show::short(read), show::short(spent.cached_tokens))
        } else {
            format!("{} in", show::short(read))
        };
        let written = format!("{} out", show::short(spent.output_tokens));
        card(page, "", "tokens", written, read);
        card(page, "", "cost", show::usd(spent.cost_nanousd), self.budget_left());
        let again = &stats.recoveries;
        let gone = match again.attempted {
            0 => "none were needed".to_owned(),
            _ => format!("{} worked, {} escalated", again.succeeded, again.escalated),
        };
        card(page, "", "recoveries", show::count(again.attempted), gone);
        let losses = self.losses();
        if losses.is_empty() {
            card(page, "good", "events", show::count(stats.events), "✓ the log is whole");
        } else {
            card(page, "bad", "events", show::count(stats.events), format!("✕ {losses}"));
        }
    }

    /// Losses of the log: by sequence numbers, by unreadable lines, and by its sink's own events.
    fn losses(&self) -> String {
        let (mut dropped, mut torn) = (0_u64, 0_u64);
        for finding in self.timeline.findings() {
            match finding.problem {
                Problem::Dropped { count } => dropped = dropped.saturating_add(count),
                Problem::Torn { bytes } => torn = torn.saturating_add(bytes),
                _ => {}
            }
        }
        let counts = [
            (self.stats.lost, "missing"),
            (self.stats.unread, "unreadable"),
            (dropped, "dropped"),
            (torn, "bytes torn"),
        ];
        let losses = counts.into_iter().filter(|(count, _)| *count > 0);
        let losses = losses.map(|(count, how)| format!("{} {how}", show::count(count)));
        losses.collect::<Vec<_>>().join(", ")
    }

    fn budget_left(&self) -> String {
        let limits: Vec<u64> = self.timeline.accounts.iter().map(|account| account.limit).collect();
        match limits.as_slice() {
            [] => "no budget".to_owned(),
            [limit] => format!("of {}", show::usd(*limit)),
            limits => format!("{} budgets", limits.len()),
        }
    }
}

fn failures(failed: u64) -> String {
    if failed == 0 {
        "none failed".to_owned()
    } else {
        format!("✕ {} failed", show::count(failed))
    }
}

fn card(
    page: &mut Page,
    class: &'static str,
    name: &'static str,
    value: impl std::fmt::Display,
    note: impl std::fmt::Display,
) {
    page.raw("<div class=\"c ").raw(class).raw("\"><span>").raw(name).raw("</span><strong>");
    page.text(value).raw("</strong><small>").text(note).raw("</small></div>");
}
