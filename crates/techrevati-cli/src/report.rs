//! A log as a page, or as a file for a viewer.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::iter;

use runtime_events::AgentEvent;
use runtime_otel::{OtelConfig, write_otlp_json};
use runtime_report::{PageConfig, Timeline};

use crate::Error;
use crate::arguments::{Format, Report};
use crate::input::check_output;
use crate::source;

pub(crate) fn run(report: &Report) -> Result<(), Error> {
    if let Some(out) = &report.out {
        check_output(&report.log.path, out)?;
    }
    if let Format::Otlp = report.format {
        return otlp(report);
    }
    let log = source::read(&report.log.path)?;
    let timeline = Timeline::read(&log.events).unread(log.unread());
    write(report, |to| match report.format {
        Format::Html => timeline.write_html(&page(report), to),
        Format::Chrome => timeline.write_chrome_trace(to),
        Format::Mermaid => to.write_all(timeline.mermaid().as_bytes()),
        Format::Otlp => Ok(()),
    })
}

/// Writes to the file that was named, or to standard output.
fn write(
    report: &Report,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), Error> {
    let Some(path) = &report.out else {
        let mut out = BufWriter::new(io::stdout().lock());
        write(&mut out)?;
        return Ok(out.flush()?);
    };
    let written = || {
        let mut file = BufWriter::new(File::create(path)?);
        write(&mut file)?;
        file.flush()
    };
    written().map_err(|cause| Error::WriteFile { path: path.clone(), cause })?;
    Ok(writeln!(io::stdout(), "wrote {}", path.display())?)
}

/// Written while the log is read, since a log may be larger than memory.
fn otlp(report: &Report) -> Result<(), Error> {
    // A file of the log: it holds what the log holds.
    let config = OtelConfig::default().contents(true).errors(true).details(true);
    let mut events = source::Events::open(&report.log.path)?;
    let Some(first) = events.next() else {
        // No file is written over for one that is no log.
        events.ended()?;
        return write(report, |to| write_otlp_json(config, iter::empty::<AgentEvent>(), to));
    };
    let read = iter::once(first).chain(&mut events);
    write(report, |to| write_otlp_json(config, read, to))?;
    events.ended()
}

fn page(report: &Report) -> PageConfig {
    let log = &report.log.path;
    let name = log.file_name().unwrap_or(log.as_os_str());
    let title = report.title.as_deref().unwrap_or(name).to_string_lossy();
    PageConfig::default().title(title).max_spans(report.max_spans).max_events(report.max_events)
}
