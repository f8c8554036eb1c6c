//! The problems of a log.

use std::io::{self, Write as _};
use std::path::Path;

use runtime_report::show::{count, line};
use runtime_report::{Problem, Timeline};
use runtime_sinks::Gap;

use crate::source::{Place, Whole};
use crate::{Error, source};

/// Shows each problem with its file and line. Returns whether there is none.
pub(crate) fn run(path: &Path) -> Result<bool, Error> {
    let log = source::read(path)?;
    let timeline = Timeline::read(&log.events);
    let problems = problems(&log, &timeline);
    let mut out = io::stdout().lock();
    for (place, problem) in &problems {
        writeln!(out, "{place}: {}", line(problem))?;
    }
    let result = match problems.len() as u64 {
        0 => "no problems".to_owned(),
        more => many(more, "problem"),
    };
    let events = many(log.events.len() as u64, "event");
    let sessions = many(timeline.sessions().len() as u64, "session");
    writeln!(out, "{}: {events}, {sessions}: {result}", path.display())?;
    Ok(problems.is_empty())
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
