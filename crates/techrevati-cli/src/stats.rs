//! A log in numbers.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use runtime_report::show::{count, duration, line, usd};
use runtime_report::{Recoveries, Stats, StatsLine, Timeline, TokenUse};
use runtime_sinks::{GapCause, LogReport};
use serde_json::{Value, json};

use crate::check::many;
use crate::{Error, source};

pub(crate) fn run(path: &Path, as_json: bool) -> Result<(), Error> {
    let log = source::read(path)?;
    let stats = Timeline::read(&log.events).unread(log.unread()).stats();
    let mut out = io::stdout().lock();
    if as_json {
        return Ok(writeln!(out, "{}", object(path, &stats, &log.report))?);
    }
    let used = &stats.spent;
    let recoveries = stats.recoveries;
    let facts = [
        ("time", duration(stats.duration).to_string()),
        ("events", count(stats.events).to_string()),
        ("log", if stats.events == 0 { "empty".to_owned() } else { losses(&log.report) }),
        ("unfinished", many(stats.unfinished, "span")),
        ("refused", many(stats.refused, "call")),
        ("cost", usd(used.cost_nanousd).to_string()),
        (
            "tokens",
            format!(
                "{} in ({} cached), {} out",
                count(used.input_tokens),
                count(used.cached_tokens),
                count(used.output_tokens)
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

/// The numbers as one JSON object. Times are in seconds, costs in dollars.
fn object(path: &Path, stats: &Stats, report: &LogReport) -> Value {
    let lines = |lines: &[StatsLine]| -> Vec<Value> {
        let line = |line: &StatsLine| {
            let mut value = spent(&line.spent);
            value["name"] = (*line.name).into();
            value["calls"] = line.calls.into();
            value["failed"] = line.failed.into();
            for (key, time) in
                [("p50", line.p50), ("p95", line.p95), ("max", line.max), ("total", line.total)]
            {
                value[format!("{key}_seconds")] = time.as_secs_f64().into();
            }
            value
        };
        lines.iter().map(line).collect()
    };
    let mut value = spent(&stats.spent);
    value["log"] = path.to_string_lossy().into();
    value["seconds"] = stats.duration.as_secs_f64().into();
    value["events"] = stats.events.into();
    value["unfinished"] = stats.unfinished.into();
    value["refused"] = stats.refused.into();
    value["losses"] = json!({
        "dropped": report.dropped,
        "removed": missing(report, GapCause::Removed),
        "unexplained": missing(report, GapCause::Unexplained),
        "repeated": report.repeated,
        "unknown_lines": report.unknown,
        "unreadable_lines": report.unreadable,
        "torn_lines": report.torn.len(),
        "cut_off_bytes": report.recovered_bytes,
    });
    let Recoveries { attempted, succeeded, failed, escalated, switched, .. } = stats.recoveries;
    value["recoveries"] = json!({
        "attempted": attempted,
        "succeeded": succeeded,
        "failed": failed,
        "escalated": escalated,
        "switched": switched,
    });
    for (key, of) in [
        ("agents", &stats.agents),
        ("models", &stats.models),
        ("tools", &stats.tools),
        ("waits", &stats.waits),
    ] {
        value[key] = lines(of).into();
    }
    value
}

fn spent(used: &TokenUse) -> Value {
    json!({
        "input_tokens": used.input_tokens,
        "cached_tokens": used.cached_tokens,
        "output_tokens": used.output_tokens,
        // Billionths, whether of a second or of a dollar.
        "cost_usd": Duration::from_nanos(used.cost_nanousd).as_secs_f64(),
    })
}

fn missing(report: &LogReport, cause: GapCause) -> u64 {
    let gaps = report.gaps.iter().filter(|gap| gap.cause == cause);
    gaps.fold(0, |sum, gap| sum.saturating_add(gap.len()))
}

/// The events and lines of a log that are lost or cannot be read.
fn losses(report: &LogReport) -> String {
    let missing = |cause| missing(report, cause);
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
