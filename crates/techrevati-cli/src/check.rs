//! Whether a log is whole.

use std::io::{self, Write as _};
use std::path::Path;

use runtime_report::Timeline;
use runtime_report::show::{count, line};

use crate::{Error, source};

/// Says what is wrong, each with its line; true if nothing is.
pub(crate) fn run(path: &Path) -> Result<bool, Error> {
    let log = source::read(path)?;
    let timeline = Timeline::read(&log.events);
    let unknown = log.unknown.iter().map(|(number, why)| (*number, why.clone()));
    let findings = timeline.findings().iter().map(|finding| {
        // Every finding is of an event that was read.
        (log.lines.get(finding.event).copied().unwrap_or_default(), finding.to_string())
    });
    let mut found: Vec<(u64, String)> = unknown.chain(findings).collect();
    found.sort_by_key(|(number, _)| *number);

    let mut out = io::stdout().lock();
    let file = path.display();
    for (number, what) in &found {
        writeln!(out, "{file}:{number}: {}", line(what))?;
    }
    let (events, sessions) = (log.events.len() as u64, timeline.sessions().len() as u64);
    let result = match found.len() as u64 {
        0 => "the log is whole".to_owned(),
        1 => "1 finding".to_owned(),
        more => format!("{} findings", count(more)),
    };
    writeln!(out, "{file}: {} events, {} sessions: {result}", count(events), count(sessions))?;
    Ok(found.is_empty())
}
