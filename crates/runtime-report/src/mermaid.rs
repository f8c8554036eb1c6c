//! A run as a Mermaid sequence diagram, small enough for a README or an issue.
//!
//! Agents, models and tools are its participants; a call is an arrow there and an arrow back.
//! Mermaid draws no more than some hundred arrows, so the diagram ends before that, and says so.

use std::collections::HashMap;
use std::fmt::Write as _;

use runtime_events::AgentEventName;

use crate::show;
use crate::timeline::{Row, Span, SpanKind, Timeline, target};

/// Mermaid's own limit is 500 arrows, and 50,000 characters.
const MOST_LINES: usize = 240;
const MOST_PARTICIPANTS: usize = 24;
/// The longest text of an arrow.
const LONGEST: usize = 80;

impl Timeline {
    /// The run as the text of a Mermaid sequence diagram.
    pub fn mermaid(&self) -> String {
        let mut diagram = Diagram {
            timeline: self,
            names: HashMap::new(),
            head: String::new(),
            lines: Vec::new(),
            left: 0,
        };
        for row in 0..self.rows.len() {
            diagram.add(row);
        }
        diagram.into_text()
    }
}

struct Diagram<'a> {
    timeline: &'a Timeline,
    /// Participants have numbers, so that no name can be taken for a word of Mermaid's.
    names: HashMap<(char, &'a str), usize>,
    head: String,
    lines: Vec<String>,
    left: u64,
}

impl<'a> Diagram<'a> {
    fn add(&mut self, row: usize) {
        let timeline = self.timeline;
        let held = &timeline.rows[row];
        if self.lines.len() >= MOST_LINES {
            self.left += u64::from(tells(held));
            return;
        }
        let Some(session) = held.session else { return };
        let Some(agent) = self.participant('A', timeline.sessions[session].name()) else {
            self.left += u64::from(tells(held));
            return;
        };
        let span = held.span.map(|span| &timeline.spans[span]);
        if let Some(span) = span
            && (span.first == Some(row) || span.last == Some(row))
        {
            self.call(row, &agent, span);
            return;
        }
        if held.event.event == AgentEventName::HandedOver
            && let Some(target) = target(&held.event)
            && let Some(target) = self.participant('A', target)
        {
            self.lines.push(format!("{agent}->>{target}: hands over"));
        } else if let Some(note) = note(held) {
            let detail = held.event.detail.as_deref().unwrap_or_default();
            let told =
                if detail.is_empty() { note.to_owned() } else { format!("{note}, {detail}") };
            self.lines.push(format!("Note over {agent}: {}", escaped(&told)));
        }
    }

    /// The beginning or the end of a call.
    fn call(&mut self, row: usize, agent: &str, span: &'a Span) {
        let letter = match span.kind {
            SpanKind::Attempt => 'M',
            SpanKind::Turn if !span.has_attempts => 'M',
            SpanKind::Tool => 'T',
            SpanKind::Session | SpanKind::Turn => return,
            SpanKind::Wait => {
                if span.last == Some(row) {
                    let waited = show::nanos(span.nanos());
                    let text = escaped(&format!("waited {waited} for {}", span.name));
                    self.lines.push(format!("Note over {agent}: {text}"));
                }
                return;
            }
        };
        let Some(callee) = self.participant(letter, &span.name) else {
            self.left += 1;
            return;
        };
        self.lines.push(if span.last == Some(row) {
            let time = show::nanos(span.nanos());
            let arrow = if span.is_failed() { "--x" } else { "-->>" };
            let told = match (span.failure, span.used.cost_nanousd) {
                (Some(class), _) => format!("{} after {time}", class.as_str()),
                (None, 0) => time.to_string(),
                (None, cost) => format!("{time}, {}", show::usd(cost)),
            };
            format!("{callee}{arrow}{agent}: {}", escaped(&told))
        } else {
            format!("{agent}->>{callee}: {}", span.kind.as_str())
        });
    }

    fn participant(&mut self, letter: char, name: &'a str) -> Option<String> {
        if let Some(number) = self.names.get(&(letter, name)) {
            return Some(format!("{letter}{number}"));
        }
        let number = self.names.len() + 1;
        if number > MOST_PARTICIPANTS {
            return None;
        }
        self.names.insert((letter, name), number);
        let kind = if letter == 'A' { "actor" } else { "participant" };
        let _ = writeln!(self.head, "    {kind} {letter}{number} as {}", escaped(name));
        Some(format!("{letter}{number}"))
    }

    fn into_text(self) -> String {
        let mut text = String::from("sequenceDiagram\n");
        text.push_str(&self.head);
        for line in &self.lines {
            let _ = writeln!(text, "    {line}");
        }
        if self.left > 0
            && let Some(first) = self.names.iter().find(|(_, number)| **number == 1)
        {
            let ((letter, _), number) = first;
            let _ =
                writeln!(text, "    Note over {letter}{number}: {} more are not shown", self.left);
        }
        text
    }
}

/// Whether an event would be drawn, if there were room.
fn tells(row: &Row) -> bool {
    note(row).is_some()
        || row.event.outcome.is_some()
        || row.event.event == AgentEventName::HandedOver
}

fn note(row: &Row) -> Option<&'static str> {
    Some(match row.event.event {
        AgentEventName::AgentBlocked => "refused",
        AgentEventName::RecoveryAttempted => "recovers",
        AgentEventName::RecoverySucceeded => "recovered",
        AgentEventName::RecoveryFailed => "recovery failed",
        AgentEventName::RecoveryEscalated => "escalated",
        AgentEventName::BudgetMark => "budget",
        AgentEventName::AgentPaused => "paused",
        AgentEventName::PhaseGateFailed => "quality gate failed",
        AgentEventName::PhaseGatePassed => "quality gate passed",
        AgentEventName::AgentFailed if row.event.outcome.is_none() => "budget",
        _ => return None,
    })
}

/// Text that Mermaid takes for text: characters with a meaning for it, or for the HTML it makes, become
/// codes of Mermaid's, and a line stays one line.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let mut characters = text.chars();
    for char in characters.by_ref().take(LONGEST) {
        match char {
            char if char.is_control() || is_turning(char) => escaped.push(' '),
            '#' | ';' | ':' | '<' | '>' | '&' | '"' | '%' | '{' | '}' | '`' | '\\' => {
                let _ = write!(escaped, "#{};", u32::from(char));
            }
            char => escaped.push(char),
        }
    }
    if characters.next().is_some() {
        escaped.push('…');
    }
    if escaped.trim().is_empty() {
        return "#8203;".to_owned();
    }
    // `end` closes a block, wherever it stands as a word.
    let words = escaped.split(' ').map(|word| match word {
        word if word.eq_ignore_ascii_case("end") => "#101;nd",
        word => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

const fn is_turning(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
