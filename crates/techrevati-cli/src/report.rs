//! A log as a page, or as a file for a viewer.

use std::fs;
use std::io::{self, Write as _};

use runtime_otel::{OtelConfig, otlp_json};
use runtime_report::{PageConfig, Timeline};

use crate::Error;
use crate::arguments::{Format, Report};
use crate::source::{self, LogError};

pub(crate) fn run(report: &Report) -> Result<(), Error> {
    let log = source::read(&report.log)?;
    let timeline = Timeline::read(&log.events).unread(log.unread());
    let text = match report.format {
        Format::Html => timeline.html(&options(report)),
        Format::Chrome => timeline.chrome_trace(),
        // A file of the log: it holds what the log holds.
        Format::Otlp => otlp_json(OtelConfig::default().details(true), &log.events),
        Format::Mermaid => timeline.mermaid(),
    };
    let Some(path) = &report.out else {
        return Ok(io::stdout().write_all(text.as_bytes())?);
    };
    fs::write(path, text).map_err(|source| LogError::Write { path: path.clone(), source })?;
    Ok(())
}

fn options(report: &Report) -> PageConfig {
    let name = report.log.file_name().unwrap_or(report.log.as_os_str()).to_string_lossy();
    let mut options = PageConfig::default().title(report.title.as_deref().unwrap_or(&name));
    if let Some(spans) = report.max_spans {
        options = options.max_spans(spans);
    }
    if let Some(events) = report.max_events {
        options = options.max_events(events);
    }
    options
}
