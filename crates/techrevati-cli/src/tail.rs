//! A log as it is written, one line for each event: when, who, and what, indented by its spans.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanId, SpanOutcome};
use runtime_report::show::{count, duration, line, offset, usd};
use runtime_report::timeline::Use;

use crate::Error;
use crate::arguments::Tail;
use crate::paint::{Color, Paint};
use crate::source::{Entry, Log};

/// How often a log is looked at that has nothing new.
const EVERY: Duration = Duration::from_millis(200);
/// The longest detail.
const LONGEST: usize = 160;
/// The deepest indentation.
const DEEPEST: usize = 12;

pub(crate) fn run(options: &Tail) -> Result<(), Error> {
    let mut log = Log::open(&options.log)?;
    let mut lines = Lines { paint: Paint::of_stdout(), open: HashMap::new() };
    let mut out = io::stdout().lock();
    loop {
        while let Some((number, entry)) = log.next()? {
            writeln!(out, "{}", lines.show(number, &entry))?;
        }
        if options.once {
            if let Some((number, entry)) = log.rest() {
                writeln!(out, "{}", lines.show(number, &entry))?;
            }
            return Ok(out.flush()?);
        }
        out.flush()?;
        log.follow()?;
        // As `Sleeper::park` does. A command has no clock but the system's.
        thread::park_timeout(EVERY);
    }
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
}

impl Lines {
    fn show(&mut self, number: u64, entry: &Entry) -> String {
        match entry {
            Entry::Event(event) => self.event(event),
            Entry::Unknown(why) => {
                let text = format!("line {number}: {}", line(why));
                self.paint.color(Color::Red, text).to_string()
            }
        }
    }

    fn event(&mut self, event: &AgentEvent) -> String {
        let (depth, took) = self.place(event);
        let when = match event.elapsed {
            Some(elapsed) => offset(elapsed).to_string(),
            None => event.emitted_at.format("%H:%M:%S%.3f").to_string(),
        };
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
        let Some(span) = event.span else { return (0, None) };
        if event.outcome.is_some() {
            let Some(open) = self.open.remove(&key(span)) else { return (0, None) };
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
        }
        (depth, None)
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
        let part = |key| event.data.as_ref()?.get(key)?.as_str();
        if let (Some(from), Some(to)) = (part("from"), part("to")) {
            write!(text, " {} → {}", line(from), line(to))?;
        }
        if let Some(took) = took {
            write!(text, " {}", self.paint.color(Color::Gray, duration(took)))?;
        }
        let used = Use::of(event);
        if used.input_tokens > 0 || used.output_tokens > 0 {
            let read = used.input_tokens.saturating_add(used.cached_tokens);
            write!(text, " {} → {} tokens", count(read), count(used.output_tokens))?;
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

const fn begins(name: AgentEventName) -> bool {
    matches!(
        name,
        AgentEventName::AgentStarted
            | AgentEventName::TurnStarted
            | AgentEventName::AttemptStarted
            | AgentEventName::AgentToolCalled
            | AgentEventName::WaitStarted
    )
}

fn name(event: &AgentEvent) -> &'static str {
    let name = event.event.as_str();
    name.strip_prefix("agent.").unwrap_or(name)
}

/// What an event is about: a tool, a model, a breaker.
fn subject(event: &AgentEvent) -> Option<&str> {
    let data = event.data.as_ref()?;
    let keys = ["tool", "provider", "model", "for", "guardrail", "target_role", "rule", "breaker"];
    keys.into_iter().find_map(|key| data.get(key)?.as_str())
}

fn color(event: &AgentEvent) -> Color {
    match event.status {
        AgentEventStatus::Failed | AgentEventStatus::Red => Color::Red,
        AgentEventStatus::Blocked | AgentEventStatus::Cancelled => Color::Yellow,
        AgentEventStatus::Completed | AgentEventStatus::Green => Color::Green,
        _ => Color::Violet,
    }
}
