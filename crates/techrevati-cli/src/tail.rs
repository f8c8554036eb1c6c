//! A log as it is written, one line for each event: when, who, and what, indented by its spans.

mod offsets;
mod words;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{StatusChanged, Word, subject};
use runtime_events::{AgentEvent, SpanId, SpanOutcome};
use runtime_report::TokenUse;
use runtime_report::show::{count, duration, line, offset, usd};
use runtime_sinks::TornLine;
use runtime_sinks::{LogEntry, LogReadError, LogReader};

use crate::arguments::Tail;
use crate::check::many;
use crate::paint::{Color, Paint};
use crate::source::{LogError, Place};
use crate::tail::offsets::Offsets;
use crate::tail::words::{answer, begins, color, name};
use crate::{Error, source};

/// The longest detail.
const LONGEST: usize = 160;
/// The deepest indentation.
const DEEPEST: usize = 12;

pub(crate) fn run(options: &Tail) -> Result<(), Error> {
    let mut reader = LogReader::open(&options.log).map_err(LogError::from)?;
    let mut lines = Lines::new(Paint::of_stdout());
    let mut out = io::stdout().lock();
    if !options.once {
        let mut log = reader.follow();
        while let Some(entry) = log.next() {
            let place = log.place();
            writeln!(out, "{}", lines.show(place, entry)?)?;
        }
        return Ok(());
    }
    while let Some(entry) = reader.next() {
        let place = reader.place();
        writeln!(out, "{}", lines.show(place, entry)?)?;
    }
    for TornLine { file, line, bytes, .. } in reader.report().torn {
        let what = format!("torn after {}", many(bytes, "byte"));
        writeln!(out, "{}", lines.odd(&Place::new(&file, line), &what))?;
    }
    Ok(out.flush()?)
}

/// How deep a span is and when it began.
#[derive(Clone, Copy)]
struct Open {
    depth: usize,
    since: Option<Duration>,
}

/// What has to be known of the lines before to show the next.
struct Lines {
    paint: Paint,
    /// Only spans that are open: a tail may run for weeks.
    open: HashMap<(Option<Arc<str>>, SpanId), Open>,
    offsets: Offsets,
}

impl Lines {
    fn new(paint: Paint) -> Self {
        Self { paint, open: HashMap::new(), offsets: Offsets::default() }
    }

    fn show(
        &mut self,
        (file, number): (&Path, u64),
        entry: Result<LogEntry, LogReadError>,
    ) -> Result<String, LogError> {
        let what = match entry {
            Ok(LogEntry::Event(event)) => return Ok(self.event(&event)),
            Ok(LogEntry::Unknown(value)) => source::why(value),
            Err(error) => {
                let place = Place::new(&error.file, error.line);
                return Ok(self.odd(&place, &source::reason(error)?));
            }
        };
        Ok(self.odd(&Place::new(file, number), &what))
    }

    /// What is no event.
    fn odd(&self, place: &Place, what: &str) -> String {
        let text = format!("{place}: {}", line(what));
        self.paint.color(Color::Red, text).to_string()
    }

    fn event(&mut self, event: &AgentEvent) -> String {
        let (depth, took) = self.place(event);
        let when = offset(self.offsets.of(event)).to_string();
        let role = line(event.role.as_deref().unwrap_or("")).to_string();
        let mut text = format!(
            "{} {} {:indent$}{}",
            self.paint.color(Color::Gray, format!("{when:>12}")),
            self.paint.color(Color::Blue, format!("{role:<14}")),
            "",
            self.paint.color(color(event), name(event)),
            indent = 2 * depth.min(DEEPEST),
        );
        // Writing to a string cannot fail.
        let _ = self.facts(&mut text, event, took);
        text
    }

    /// How deep an event is, and how long the span took that it ends.
    fn place(&mut self, event: &AgentEvent) -> (usize, Option<Duration>) {
        let key = |span| (event.session_id.clone(), span);
        // What belongs to no span belongs to its session.
        let inside = usize::from(event.session_id.is_some());
        let Some(span) = event.span else { return (inside, None) };
        if event.outcome.is_some() {
            let Some(open) = self.open.remove(&key(span)) else { return (inside, None) };
            let took = event.elapsed.zip(open.since);
            return (open.depth, took.map(|(end, start)| end.saturating_sub(start)));
        }
        if let Some(open) = self.open.get(&key(span)) {
            return (open.depth + 1, None);
        }
        let parent = event.parent.and_then(|parent| self.open.get(&key(parent)));
        let depth = parent.map_or(0, |parent| parent.depth + 1);
        if begins(event.event) {
            self.open.insert(key(span), Open { depth, since: event.elapsed });
            return (depth, None);
        }
        (depth.max(inside), None)
    }

    fn facts(
        &self,
        text: &mut String,
        event: &AgentEvent,
        took: Option<Duration>,
    ) -> std::fmt::Result {
        if let Some(subject) = subject(event) {
            write!(text, " {}", line(subject))?;
        }
        // Breakers and routes name both ends under the same keys.
        let changed = StatusChanged::of(event);
        if let (Some(from), Some(to)) = (changed.from, changed.to) {
            write!(text, " {} → {}", line(Word::as_str(from)), line(Word::as_str(to)))?;
        }
        if let Some(answer) = answer(event) {
            write!(text, " {}", line(&answer))?;
        }
        if let Some(took) = took {
            write!(text, " {}", self.paint.color(Color::Gray, duration(took)))?;
        }
        let used = TokenUse::of(event);
        if used.input_tokens > 0 || used.output_tokens > 0 {
            let (read, written) = (used.input_tokens, used.output_tokens);
            write!(text, " {} → {} tokens", count(read), count(written))?;
        }
        if used.cost_nanousd > 0 {
            write!(text, " {}", usd(used.cost_nanousd))?;
        }
        if let Some(outcome) = event.outcome.filter(|outcome| *outcome != SpanOutcome::Ok) {
            write!(text, " {}", self.paint.color(Color::Red, outcome))?;
        }
        if let Some(class) = event.failure_class {
            write!(text, " {}", self.paint.color(Color::Yellow, class))?;
        }
        if let Some(detail) = &event.detail {
            let short: String = detail.chars().take(LONGEST).collect();
            let more = if short.len() < detail.len() { "…" } else { "" };
            write!(text, " {}{more}", self.paint.color(Color::Gray, line(&short)))?;
        }
        Ok(())
    }
}
