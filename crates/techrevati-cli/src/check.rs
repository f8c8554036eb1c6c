//! The problems of a log.

use std::io::{self, Write as _};
use std::path::Path;

use runtime_report::show::{count, line};
use runtime_report::{Problem, Timeline};
use runtime_sinks::Gap;
use serde_json::json;

use crate::error::{Error, unless_closed};
use crate::source::{self, Place, Whole};

/// Shows each problem with its file and line. Returns whether there are events and no problem.
pub(crate) fn run(path: &Path, as_json: bool) -> Result<bool, Error> {
    let log = source::read(path)?;
    let timeline = Timeline::read(&log.events);
    let problems = problems(&log, &timeline);
    let is_whole = problems.is_empty() && !log.events.is_empty();
    // Whoever has read enough is still to know it.
    unless_closed(show(path, (&log, &timeline), &problems, as_json))?;
    Ok(is_whole)
}

fn show(
    path: &Path,
    (log, timeline): (&Whole, &Timeline),
    problems: &[(Place, String)],
    as_json: bool,
) -> io::Result<()> {
    let (events, sessions) = (log.events.len() as u64, timeline.sessions().len() as u64);
    let mut out = io::stdout().lock();
    if as_json {
        let found = problems.iter().map(|(place, problem)| place.to_json(problem));
        let found: Vec<_> = found.collect();
        let told = json!({
            "log": path.to_string_lossy(),
            "events": events,
            "sessions": sessions,
            "whole": problems.is_empty() && events > 0,
            "problems": found,
        });
        return writeln!(out, "{told}");
    }
    for (place, problem) in problems {
        writeln!(out, "{place}: {}", line(problem))?;
    }
    let result = match problems.len() as u64 {
        0 if events == 0 => "nothing to check".to_owned(),
        0 => "no problems".to_owned(),
        more => many(more, "problem"),
    };
    let (events, sessions) = (many(events, "event"), many(sessions, "session"));
    writeln!(out, "{}: {events}, {sessions}: {result}", path.display())
}

/// The problems, in the order of the log.
fn problems(log: &Whole, timeline: &Timeline) -> Vec<(Place, String)> {
    let mut problems = log.unread.clone();
    // Gaps are from the log's reader: it knows their causes, and that an event of a later version is
    // not missing.
    let is_gap = |problem: &Problem| matches!(problem, Problem::Missing { .. });
    for finding in timeline.findings().iter().filter(|finding| !is_gap(&finding.problem)) {
        // Every finding is of an event that was read.
        problems.push((log.places[finding.event].clone(), finding.to_string()));
    }
    for gap in &log.report.gaps {
        problems.push((Place::new(&gap.file, gap.line), missing(gap)));
    }
    for torn in &log.report.torn {
        let problem = format!("the line is torn after {}", many(torn.bytes, "byte"));
        problems.push((Place::new(&torn.file, torn.line), problem));
    }
    problems.sort_by(|(one, _), (other, _)| one.cmp(other));
    problems
}

fn missing(gap: &Gap) -> String {
    let (first, last) = (gap.first, gap.last);
    let numbers = if first == last {
        format!("event {first} is missing")
    } else {
        format!("events {first} to {last} are missing")
    };
    format!("session {}: {numbers}: {}", gap.session_id, gap.cause)
}

/// `1 event`, `2 events`.
pub(crate) fn many(number: u64, thing: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {thing}{ending}", count(number))
}
