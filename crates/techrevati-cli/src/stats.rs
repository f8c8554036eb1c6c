//! A log in numbers.

use std::io::{self, Write};
use std::path::Path;

use runtime_report::show::{count, duration, line, usd};
use runtime_report::{StatsLine, Timeline, TokenUse};
use runtime_sinks::{GapCause, LogReport};

use crate::check::many;
use crate::{Error, source};

pub(crate) fn run(path: &Path) -> Result<(), Error> {
    let log = source::read(path)?;
    let stats = Timeline::read(&log.events).unread(log.unread()).stats();
    let mut out = io::stdout().lock();
    let spent = &stats.spent;
    let recoveries = stats.recoveries;
    let facts = [
        ("time", duration(stats.duration).to_string()),
        ("events", count(stats.events).to_string()),
        ("log", losses(&log.report)),
        ("unfinished", many(stats.unfinished, "span")),
        ("refused", many(stats.refused, "call")),
        ("cost", usd(spent.cost_nanousd).to_string()),
        (
            "tokens",
            format!(
                "{} in ({} cached), {} out",
                count(spent.input_tokens),
                count(spent.cached_tokens),
                count(spent.output_tokens)
            ),
        ),
        (
            "recovery",
            format!(
                "{}, {} succeeded, {} failed, {} escalated",
                many(recoveries.attempted, "attempt"),
                count(recoveries.succeeded),
                count(recoveries.failed),
                count(recoveries.escalated)
            ),
        ),
    ];
    for (name, value) in facts {
        writeln!(out, "{name:<12}{value}")?;
    }
    for (name, counted, lines) in [
        ("agent", "sessions", &stats.agents),
        ("model", "calls", &stats.models),
        ("tool", "calls", &stats.tools),
        ("wait", "waits", &stats.waits),
    ] {
        table(&mut out, [name, counted], lines)?;
    }
    Ok(())
}

/// The events and lines of a log that are lost or cannot be read.
fn losses(report: &LogReport) -> String {
    let missing = |cause| {
        let gaps = report.gaps.iter().filter(|gap| gap.cause == cause);
        gaps.fold(0_u64, |sum, gap| sum.saturating_add(gap.len()))
    };
    let parts = [
        (report.dropped, "event", " dropped"),
        (missing(GapCause::Removed), "event", " in files that were removed"),
        (missing(GapCause::Unexplained), "event", " missing for an unknown cause"),
        (report.repeated, "event", " repeated"),
        (report.unknown, "line", " not of this version"),
        (report.unreadable, "line", " unreadable"),
        (report.torn.len() as u64, "line", " torn"),
        (report.recovered_bytes, "byte", " cut off from torn lines"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, thing, loss)| many(number, thing) + loss)
        .collect();
    if parts.is_empty() { "whole".to_owned() } else { parts.join(", ") }
}

fn table(out: &mut impl Write, [name, counted]: [&str; 2], lines: &[StatsLine]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    // Tools and waits have no tokens and no cost.
    let is_paid = lines.iter().any(|one| one.spent != TokenUse::default());
    let shown = if is_paid { 9 } else { 6 };
    let head = [name, counted, "failed", "p50", "p95", "max", "tokens in", "tokens out", "cost"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(lines.iter().map(|one| {
        [
            line(&one.name).to_string(),
            count(one.calls).to_string(),
            count(one.failed).to_string(),
            duration(one.p50).to_string(),
            duration(one.p95).to_string(),
            duration(one.max).to_string(),
            count(one.spent.input_tokens).to_string(),
            count(one.spent.output_tokens).to_string(),
            usd(one.spent.cost_nanousd).to_string(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..shown).filter_map(width).collect();
    writeln!(out)?;
    for row in &rows {
        let [first, numbers @ ..] = row;
        write!(out, "{first:<0$}", widths[0])?;
        for (cell, width) in numbers.iter().zip(&widths[1..]) {
            write!(out, "  {cell:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
