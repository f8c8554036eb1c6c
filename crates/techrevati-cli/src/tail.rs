//! A log as it is written, one line per event: when, who, and what, indented by its spans.

mod offsets;
mod output;
mod words;

use std::collections::{HashMap, HashSet};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::payload::{StatusChanged, Word, subject};
use runtime_events::{AgentEvent, AgentFailureClass, SpanId, SpanOutcome};
use runtime_report::TokenUse;
use runtime_report::show::{count, duration, line, offset, usd};
use runtime_sinks::{LogEntry, LogReadError, TornLine};

use crate::arguments::Tail;
use crate::check::many;
use crate::paint::{Color, Paint};
use crate::source::Place;
use crate::tail::offsets::Offsets;
use crate::tail::output::{AtEnd, Output};
use crate::tail::words::{answer, begins, color, is_failure, name};
use crate::{Error, input, source};

/// The longest detail, in characters.
const LONGEST: usize = 160;
/// The deepest indentation.
const DEEPEST: usize = 12;

pub(crate) fn run(options: &Tail) -> Result<(), Error> {
    let path = &options.log.path;
    let mut lines = Lines::new(Paint::of_stdout(), options);
    let output = Output::new(options.lines);
    if options.once || !input::grows(path) {
        let mut reader = input::open(path)?;
        while let Some(entry) = reader.next() {
            output.show(lines.show(reader.place(), entry)?)?;
        }
        for TornLine { file, line, bytes, .. } in reader.report().torn {
            let problem = format!("torn after {}", many(bytes, "byte"));
            output.show(Some(lines.problem(&Place::new(&file, line), &problem)))?;
        }
        return Ok(output.caught_up()?);
    }
    wait_for(path);
    let log = input::open(path)?.follow();
    let at_end =
        AtEnd { output: output.clone(), stop: log.stopper(), when_done: options.exit_when_done };
    let mut log = log.sleeper(at_end);
    while let Some(entry) = log.next() {
        let shown = lines.show(log.place(), entry)?;
        output.note(lines.are_done());
        output.show(shown)?;
    }
    Ok(output.caught_up()?)
}

/// Waits until there is something at this path.
fn wait_for(path: &Path) {
    const EVERY: Duration = Duration::from_millis(100);
    if !path.exists() {
        let _ = writeln!(io::stderr(), "waiting for `{}`", path.display());
    }
    while !path.exists() {
        thread::park_timeout(EVERY);
    }
}

/// The depth and the begin of a span.
#[derive(Clone, Copy)]
struct Open {
    depth: usize,
    since: Option<Duration>,
}

/// What the lines so far say about the next one.
struct Lines<'o> {
    paint: Paint,
    options: &'o Tail,
    /// Only open spans: a tail may run for weeks.
    open: HashMap<(Option<Arc<str>>, SpanId), Open>,
    /// The sessions that have not ended. Those without ids are over once the log is.
    sessions: HashSet<Arc<str>>,
    /// Whether there was an event of a run. Those of a sink about its file are of none.
    has_begun: bool,
    offsets: Offsets,
}

impl<'o> Lines<'o> {
    fn new(paint: Paint, options: &'o Tail) -> Self {
        let (open, sessions, offsets) = (HashMap::new(), HashSet::new(), Offsets::default());
        Self { paint, options, open, sessions, has_begun: false, offsets }
    }

    /// Whether a run has begun, and all of its sessions have ended.
    fn are_done(&self) -> bool {
        self.has_begun && self.sessions.is_empty()
    }

    /// Notes whether the session of an event goes on. It may have begun before the log.
    fn note(&mut self, event: &AgentEvent) {
        self.has_begun |= event.session_id.is_some() || event.role.is_some();
        match &event.session_id {
            Some(id) if event.ends_session() => drop(self.sessions.remove(id)),
            Some(id) => drop(self.sessions.insert(Arc::clone(id))),
            None => {}
        }
    }

    /// The line of an entry, if it is asked for.
    fn show(
        &mut self,
        (file, number): (&Path, u64),
        entry: Result<LogEntry, LogReadError>,
    ) -> Result<Option<String>, LogReadError> {
        Ok(Some(match entry {
            Ok(LogEntry::Event(event)) => {
                let text = self.event(&event);
                return Ok(self.is_asked_for(&event).then_some(text));
            }
            Ok(LogEntry::Unknown(value)) => {
                self.problem(&Place::new(file, number), &source::why(value))
            }
            Err(error) => {
                let place = Place::new(&error.file, error.line);
                self.problem(&place, &source::reason(error)?)
            }
        }))
    }

    fn is_asked_for(&self, event: &AgentEvent) -> bool {
        let Tail { session, failed, .. } = self.options;
        let of_session =
            |id: &String| event.session_id.as_ref().is_some_and(|own| own.starts_with(id.as_str()));
        session.as_ref().is_none_or(of_session) && (!failed || is_failure(event))
    }

    /// A line that is not an event.
    fn problem(&self, place: &Place, problem: &str) -> String {
        if self.options.json {
            return place.to_json(problem).to_string();
        }
        let text = format!("{place}: {}", line(problem));
        self.paint.color(Color::Red, text).to_string()
    }

    fn event(&mut self, event: &AgentEvent) -> String {
        self.note(event);
        let (depth, took) = self.place(event);
        let since = self.offsets.of(event);
        if self.options.json {
            return event.to_json();
        }
        let when = if self.options.wall_clock {
            event.emitted_at.format("%H:%M:%S%.3f").to_string()
        } else {
            offset(since).to_string()
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
        if let Some(subject) = subject(event) {
            text.push(' ');
            text += &line(subject).to_string();
        }
        for fact in self.facts(event, took) {
            text += "  ";
            text += &fact;
        }
        text
    }

    /// The depth of an event, and the duration of the span that it ends.
    fn place(&mut self, event: &AgentEvent) -> (usize, Option<Duration>) {
        let key = |span| (event.session_id.clone(), span);
        // An event outside of spans is part of its session.
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

    /// What an event says, each fact once.
    fn facts(&self, event: &AgentEvent, took: Option<Duration>) -> Vec<String> {
        let mut facts = Vec::new();
        // Breakers and routes name both ends under the same keys.
        let changed = StatusChanged::of(event);
        if let (Some(from), Some(to)) = (changed.from, changed.to) {
            facts.push(format!("{} → {}", line(Word::as_str(from)), line(Word::as_str(to))));
        }
        if let Some(answer) = answer(event) {
            facts.push(line(&answer).to_string());
        }
        if let Some(took) = took {
            facts.push(self.paint.color(Color::Gray, duration(took)).to_string());
        }
        let used = TokenUse::of(event);
        if used.input_tokens > 0 || used.output_tokens > 0 {
            let (read, written) = (count(used.input_tokens), count(used.output_tokens));
            facts.push(format!("{read} tokens in, {written} out"));
        }
        if used.cost_nanousd > 0 {
            facts.push(usd(used.cost_nanousd).to_string());
        }
        let outcome = event.outcome.filter(|outcome| *outcome != SpanOutcome::Ok);
        let outcome = outcome.map(SpanOutcome::as_str);
        if let Some(outcome) = outcome.filter(|outcome| !name(event).ends_with(outcome)) {
            facts.push(self.paint.color(Color::Red, outcome).to_string());
        }
        let class = event.failure_class.map(AgentFailureClass::as_str);
        let detail = event.detail.as_deref().unwrap_or("");
        if let Some(class) =
            class.filter(|class| outcome != Some(class) && !detail.starts_with(class))
        {
            facts.push(self.paint.color(Color::Yellow, class).to_string());
        }
        if !detail.is_empty() {
            let short: String = detail.chars().take(LONGEST).collect();
            let more = if short.len() < detail.len() { "…" } else { "" };
            let detail = format!("{}{more}", line(&short));
            facts.push(self.paint.color(Color::Gray, detail).to_string());
        }
        facts
    }
}
