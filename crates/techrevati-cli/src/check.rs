//! Whether a log is whole.

use std::io::{self, Write as _};
use std::path::Path;

use runtime_report::Problem;
use runtime_report::Timeline;
use runtime_report::show::{count, line};
use runtime_sinks::Gap;

use crate::source::{Place, Whole};
use crate::{Error, source};

/// Says what is wrong, each with its file and line; true if nothing is.
pub(crate) fn run(path: &Path) -> Result<bool, Error> {
    let log = source::read(path)?;
    let timeline = Timeline::read(&log.events);
    let found = found(&log, &timeline);
    let mut out = io::stdout().lock();
    for (place, what) in &found {
        writeln!(out, "{place}: {}", line(what))?;
    }
    let result = match found.len() as u64 {
        0 => "the log is whole".to_owned(),
        more => many(more, "finding"),
    };
    let events = many(log.events.len() as u64, "event");
    let sessions = many(timeline.sessions().len() as u64, "session");
    writeln!(out, "{}: {events}, {sessions}: {result}", path.display())?;
    Ok(found.is_empty())
}

/// What is wrong, in the order of the log.
fn found(log: &Whole, timeline: &Timeline) -> Vec<(Place, String)> {
    let mut found = log.unread.clone();
    // What is missing the reader knows better: it knows why, and that an event of a later version is
    // not missing.
    let is_missing = |problem: &Problem| matches!(problem, Problem::Missing { .. });
    for finding in timeline.findings().iter().filter(|finding| !is_missing(&finding.problem)) {
        // Every finding is of an event that was read.
        found.push((log.places[finding.event].clone(), finding.to_string()));
    }
    for gap in &log.report.gaps {
        found.push((Place::new(&gap.file, gap.line), lacks(gap)));
    }
    for torn in &log.report.torn {
        let what = format!("the line is torn after {}", many(torn.bytes, "byte"));
        found.push((Place::new(&torn.file, torn.line), what));
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

fn lacks(gap: &Gap) -> String {
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
