//! A log in numbers.

use std::io::{self, Write};
use std::path::Path;

use runtime_report::StatsLine;
use runtime_report::Timeline;
use runtime_report::TokenUse;
use runtime_report::show::{count, duration, line, usd};
use runtime_sinks::{GapCause, LogReport};

use crate::check::many;
use crate::{Error, source};

pub(crate) fn run(path: &Path) -> Result<(), Error> {
    let log = source::read(path)?;
    let stats = Timeline::read(&log.events).unread(log.unread()).stats();
    let mut out = io::stdout().lock();
    let spent = &stats.spent;
    let facts = [
        ("time", duration(stats.duration).to_string()),
        ("events", count(stats.events).to_string()),
        ("lost", lost(&log.report)),
        ("unfinished", count(stats.unfinished).to_string()),
        ("refused", count(stats.refused).to_string()),
        ("cost", usd(spent.cost_nanousd).to_string()),
        (
            "tokens",
            format!(
                "{} in, {} cached, {} out",
                count(spent.input_tokens),
                count(spent.cached_tokens),
                count(spent.output_tokens)
            ),
        ),
        (
            "recovery",
            format!(
                "{} tried, {} worked, {} failed, {} escalated",
                stats.recoveries.attempted,
                stats.recoveries.succeeded,
                stats.recoveries.failed,
                stats.recoveries.escalated
            ),
        ),
    ];
    for (name, value) in facts {
        writeln!(out, "{name:<12}{value}")?;
    }
    for (name, lines) in [
        ("agent", &stats.agents),
        ("model", &stats.models),
        ("tool", &stats.tools),
        ("wait", &stats.waits),
    ] {
        table(&mut out, name, lines)?;
    }
    Ok(())
}

/// What of the log is lost or cannot be read.
fn lost(report: &LogReport) -> String {
    let missing = |cause| {
        let gaps = report.gaps.iter().filter(|gap| gap.cause == cause);
        gaps.fold(0_u64, |sum, gap| sum.saturating_add(gap.len()))
    };
    let parts = [
        (missing(GapCause::Dropped), "event", " dropped"),
        (missing(GapCause::Removed), "event", " in files that were removed"),
        (missing(GapCause::Unexplained), "event", " missing without a word"),
        (report.repeated, "event", " there again"),
        (report.unknown, "line", " not of this version"),
        (report.unreadable, "line", " unreadable"),
        (report.torn.len() as u64, "line", " torn"),
        (report.recovered_bytes, "byte", " of torn lines cut off"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, thing, what)| many(number, thing) + what)
        .collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
}

fn table(out: &mut impl Write, name: &str, lines: &[StatsLine]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    // What nothing was used for has no tokens and no cost.
    let is_paid = lines.iter().any(|one| one.spent != TokenUse::default());
    let shown = if is_paid { 9 } else { 6 };
    let head = [name, "calls", "failed", "p50", "p95", "max", "tokens in", "out", "cost"];
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
