//! The head of the page: title, agents, how the run ended, its numbers.

use std::collections::HashMap;

use super::View;
use super::page::Page;
use crate::check::Problem;
use crate::deaths::Fate;
use crate::show;
use crate::stats::{Stats, StatsLine};
use crate::timeline::{SpanKind, Timeline, lives};

impl View<'_> {
    pub(super) fn summary(&self, page: &mut Page) {
        let timeline = self.timeline;
        page.raw("<header><h1>").cut(&self.options.title, 200).raw("</h1><p>");
        if let Some(began) = timeline.began() {
            page.text(began.format("%Y-%m-%d %H:%M:%S UTC")).raw(" · ");
        }
        let mut names: Vec<(&str, u64)> = Vec::new();
        let mut places = HashMap::new();
        for name in timeline.order.iter().map(|session| timeline.sessions[*session].name()) {
            let place = *places.entry(name).or_insert(names.len());
            if place == names.len() {
                names.push((name, 0));
            }
            names[place].1 += 1;
        }
        for (place, (name, count)) in names.iter().take(6).enumerate() {
            page.raw(if place > 0 { ", <bdi>" } else { "<bdi>" }).cut(name, 60).raw("</bdi>");
            if *count > 1 {
                page.raw(" × ").text(show::count(*count));
            }
        }
        let more: u64 = names.iter().skip(6).map(|(_, count)| count).sum();
        if more > 0 {
            page.raw(" and ").text(show::count(more)).raw(" more");
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
        // What a later life went on with did not end the run.
        let failed = failed.min(lives::failed(self.timeline).count() as u64);
        let died = self.deaths.first().map(|death| death.fate);
        let (class, end) = match (died, stats.unfinished, failed) {
            (Some(Fate::Failed), ..) | (_, _, 1..) => ("bad", "✕ failed"),
            (Some(Fate::Cancelled), ..) => ("bad", "✕ cancelled after a failure"),
            (_, 1.., _) => ("warn", "… unfinished"),
            _ => ("good", "✓ ended well"),
        };
        begin_card(page, class, "time", show::duration(stats.duration));
        page.raw(if died.is_some() { "<a href=\"#died\">" } else { "" }).raw(end);
        page.raw(if died.is_some() { "</a></small></div>" } else { "</small></div>" });
        let class = if failed > 0 { "warn" } else { "" };
        card(page, class, "agents", show::count(sessions), failures(failed));
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
        card(page, "", "cost", show::usd(spent.cost_nanousd), budget_left(self.timeline));
        let again = &stats.recoveries;
        let gone = if again.attempted == 0 {
            "none were needed".to_owned()
        } else {
            let (worked, escalated) = (show::count(again.succeeded), show::count(again.escalated));
            format!("{worked} worked, {escalated} escalated")
        };
        card(page, "", "recoveries", show::count(again.attempted), gone);
        let losses = losses(self.timeline, stats);
        if losses.is_empty() {
            card(page, "good", "events", show::count(stats.events), "✓ the log is whole");
        } else {
            card(page, "bad", "events", show::count(stats.events), format!("✕ {losses}"));
        }
    }
}

/// Losses of the log: by sequence numbers, by unreadable lines, and by its sink's own events.
fn losses(timeline: &Timeline, stats: &Stats) -> String {
    let (mut dropped, mut torn) = (0_u64, 0_u64);
    for finding in timeline.findings() {
        match finding.problem {
            Problem::Dropped { count } => dropped = dropped.saturating_add(count),
            Problem::Torn { bytes } => torn = torn.saturating_add(bytes),
            _ => {}
        }
    }
    let counts = [
        (stats.lost, "missing"),
        (stats.unread, "unreadable"),
        (dropped, "dropped"),
        (torn, "bytes torn"),
    ];
    let losses = counts.into_iter().filter(|(count, _)| *count > 0);
    let losses = losses.map(|(count, how)| format!("{} {how}", show::count(count)));
    losses.collect::<Vec<_>>().join(", ")
}

fn budget_left(timeline: &Timeline) -> String {
    let limits: Vec<u64> = timeline.accounts.iter().map(|account| account.limit).collect();
    match limits.as_slice() {
        [] => "no budget".to_owned(),
        [limit] => format!("of {}", show::usd(*limit)),
        limits => format!("{} budgets", limits.len()),
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
    begin_card(page, class, name, value);
    page.text(note).raw("</small></div>");
}

fn begin_card(
    page: &mut Page,
    class: &'static str,
    name: &'static str,
    value: impl std::fmt::Display,
) {
    page.raw("<div class=\"c ").raw(class).raw("\"><span>").raw(name).raw("</span><strong>");
    page.text(value).raw("</strong><small>");
}
