//! A log as a page, or as a file for a viewer.

use std::fs;
use std::io::{self, Write as _};

use runtime_otel::{OtelConfig, otlp_json};
use runtime_report::{PageConfig, Timeline};

use crate::Error;
use crate::arguments::{Format, Report};
use crate::source;

pub(crate) fn run(report: &Report) -> Result<(), Error> {
    let log = source::read(&report.log.path)?;
    let timeline = Timeline::read(&log.events).unread(log.unread());
    let text = match report.format {
        Format::Html => timeline.html(&page(report)),
        Format::Chrome => timeline.chrome_trace(),
        // A file of the log: it holds what the log holds.
        Format::Otlp => otlp_json(OtelConfig::default().details(true), &log.events),
        Format::Mermaid => timeline.mermaid(),
    };
    match &report.out {
        Some(path) => {
            fs::write(path, text).map_err(|source| Error::WriteFile { path: path.clone(), source })
        }
        None => Ok(io::stdout().write_all(text.as_bytes())?),
    }
}

fn page(report: &Report) -> PageConfig {
    let log = &report.log.path;
    let name = log.file_name().unwrap_or(log.as_os_str());
    let title = report.title.as_deref().unwrap_or(name).to_string_lossy();
    PageConfig::default().title(title).max_spans(report.max_spans).max_events(report.max_events)
}
