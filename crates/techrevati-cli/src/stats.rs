//! A log in numbers.

use std::io::{self, Write};
use std::path::Path;

use runtime_report::Timeline;
use runtime_report::show::{count, duration, line, usd};
use runtime_report::stats::Line;
use runtime_report::timeline::Use;

use crate::{Error, source};

pub(crate) fn run(path: &Path) -> Result<(), Error> {
    let log = source::read(path)?;
    let unread = log.unknown.len() as u64;
    let stats = Timeline::read(&log.events).unread(unread).stats();
    let mut out = io::stdout().lock();
    let spent = &stats.spent;
    let facts = [
        ("time", duration(stats.duration).to_string()),
        ("events", count(stats.events).to_string()),
        ("missing", count(stats.lost).to_string()),
        ("unreadable", count(stats.unread).to_string()),
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

fn table(out: &mut impl Write, name: &str, lines: &[Line]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    // What nothing was used for has no tokens and no cost.
    let is_paid = lines.iter().any(|one| one.spent != Use::default());
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
