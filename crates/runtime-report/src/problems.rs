//! Problems of a run: equal ones together, the ones that nothing recovered first.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use runtime_events::payload::{GuardrailChecked, Word};
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Data, SpanOutcome};

use crate::show;
use crate::timeline::{Row, Timeline, is_of_log};

/// So many characters of a reason tell problems apart.
const TELLING: usize = 300;

/// Problems that differ in nothing but their time, their agent, and numbers in their texts.
#[derive(Debug)]
pub(crate) struct Problems {
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) count: u64,
    /// How many sessions have it.
    pub(crate) sessions: usize,
    pub(crate) is_recovered: bool,
}

/// The things that equal problems have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Likeness<'a> {
    problem: &'static str,
    subject: &'a str,
    class: Option<AgentFailureClass>,
    outcome: Option<SpanOutcome>,
    reason: String,
}

impl Timeline {
    /// The problems that no chain of `told` events has: the ones that nothing recovered in the order
    /// of the log, then the recovered ones, the most frequent first.
    pub(crate) fn problems(&self, told: &HashSet<usize>) -> Vec<Problems> {
        let is_recovered = self.recovered();
        let mut places: HashMap<(bool, Likeness<'_>), usize> = HashMap::new();
        let mut groups: Vec<(Problems, HashSet<Option<usize>>)> = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            if !self.is_problem(row) || told.contains(&number) {
                continue;
            }
            let is_recovered = is_recovered[number];
            let place = *places.entry((is_recovered, self.likeness(number))).or_insert_with(|| {
                let group =
                    Problems { first: number, last: number, count: 0, sessions: 0, is_recovered };
                groups.push((group, HashSet::new()));
                groups.len() - 1
            });
            let (group, sessions) = &mut groups[place];
            (group.last, group.count) = (number, group.count + 1);
            sessions.insert(row.session);
        }
        let count = |(mut group, sessions): (Problems, HashSet<_>)| {
            group.sessions = sessions.len();
            group
        };
        let mut problems: Vec<Problems> = groups.into_iter().map(count).collect();
        problems.sort_by_key(|group| {
            (group.is_recovered, Reverse(if group.is_recovered { group.count } else { 0 }))
        });
        problems
    }

    pub(crate) fn likeness(&self, row: usize) -> Likeness<'_> {
        let held = &self.rows[row];
        let event = &held.event;
        let reason = match &event.detail {
            Some(detail) => without_numbers(detail),
            None if event.outcome.is_some() => String::new(),
            None => {
                let data = untold(event);
                let facts = data.iter().flat_map(|data| data.iter());
                let facts: Vec<_> =
                    facts.map(|(key, fact)| key.to_owned() + &show::fact(fact)).collect();
                without_numbers(&facts.join(" "))
            }
        };
        Likeness {
            problem: problem(event),
            subject: self.subject(held),
            class: event.failure_class,
            outcome: event.outcome,
            reason,
        }
    }

    fn is_problem(&self, row: &Row) -> bool {
        // An attempt is told with its turn, unless the turn went well in the end.
        let is_told = || {
            let attempt = row.span.filter(|_| row.event.event == AgentEventName::AttemptFailed);
            let turn = attempt.and_then(|span| self.spans[span].parent);
            turn.is_some_and(|turn| self.spans[turn].is_failed())
        };
        // What a sink says of its log is among the findings, in words.
        is_bad(&row.event) && !is_of_log(row.event.event) && !is_told()
    }

    /// The model, the tool or the span that a problem is of.
    pub(crate) fn subject<'a>(&'a self, row: &'a Row) -> &'a str {
        let named = || {
            let checked = GuardrailChecked::of(&row.event);
            let named = checked.tool.or(checked.guardrail).or(checked.model);
            named.map(Word::as_str)
        };
        let span = row.span.filter(|_| row.event.outcome.is_some());
        span.map(|span| &*self.spans[span].name).or_else(named).unwrap_or("")
    }

    /// Which events were made good: the turn around them, or a later call of the same kind in the
    /// same session, went well.
    fn recovered(&self) -> Vec<bool> {
        let mut recovered = vec![false; self.rows.len()];
        // The sessions in which later turns, tools and gates went well.
        let (mut turns, mut tools, mut gates) = (HashSet::new(), HashSet::new(), HashSet::new());
        for (number, row) in self.rows.iter().enumerate().rev() {
            let (event, session) = (&row.event, row.session);
            let tool = || match row.span {
                Some(span) if event.outcome.is_some() => Some(&*self.spans[span].name),
                _ => GuardrailChecked::of(event).tool.map(Word::as_str),
            };
            if event.outcome.is_none_or(|outcome| outcome == SpanOutcome::Ok) {
                match event.event {
                    AgentEventName::TurnCompleted => _ = turns.insert(session),
                    AgentEventName::ToolCompleted => _ = tools.insert((session, tool())),
                    AgentEventName::PhaseGatePassed => _ = gates.insert(session),
                    _ => {}
                }
            }
            let turn_went_well = |turn: Option<usize>| {
                let own = turn.and_then(|turn| self.spans[turn].outcome);
                own == Some(SpanOutcome::Ok) || turns.contains(&session)
            };
            recovered[number] = match event.event {
                AgentEventName::TurnFailed => turns.contains(&session),
                AgentEventName::AttemptFailed => {
                    turn_went_well(row.span.and_then(|span| self.spans[span].parent))
                }
                AgentEventName::RecoveryFailed | AgentEventName::RecoveryEscalated => {
                    turn_went_well(row.span)
                }
                AgentEventName::ToolCompleted => tools.contains(&(session, tool())),
                AgentEventName::AgentBlocked | AgentEventName::GuardrailChecked => match tool() {
                    None => turns.contains(&session),
                    tool => tools.contains(&(session, tool)),
                },
                AgentEventName::PhaseGateFailed => gates.contains(&session),
                _ => false,
            };
        }
        recovered
    }
}

/// Whether an event tells of something that did not go as it should.
pub(crate) fn is_bad(event: &AgentEvent) -> bool {
    match event.event {
        AgentEventName::AgentBlocked
        | AgentEventName::PhaseGateFailed
        | AgentEventName::RecoveryFailed
        | AgentEventName::RecoveryEscalated
        | AgentEventName::LogDropped
        | AgentEventName::LogRecovered => true,
        // An attempt is cancelled because another was faster.
        AgentEventName::AgentFailed
        | AgentEventName::TurnFailed
        | AgentEventName::AttemptFailed => event.outcome.is_none_or(SpanOutcome::is_failure),
        AgentEventName::GuardrailChecked => GuardrailChecked::of(event).passed == Some(false),
        AgentEventName::ToolCompleted => event.outcome.is_some_and(SpanOutcome::is_failure),
        _ => false,
    }
}

/// One or two words for the kind of a problem.
pub(crate) fn problem(event: &AgentEvent) -> &'static str {
    match event.event {
        AgentEventName::AgentBlocked => "refused",
        AgentEventName::AgentFailed if event.outcome.is_none() && event.session_id.is_some() => {
            "budget"
        }
        AgentEventName::AgentFailed | AgentEventName::AgentStarted => "session",
        AgentEventName::TurnFailed => "turn",
        AgentEventName::AttemptFailed => "attempt",
        AgentEventName::ToolCompleted => "tool",
        AgentEventName::PhaseGateFailed => "quality gate",
        AgentEventName::GuardrailChecked => "guardrail",
        AgentEventName::LogDropped | AgentEventName::LogRecovered => "log",
        _ => "recovery",
    }
}

/// The data that a problem's kind and subject do not say already.
pub(crate) fn untold(event: &AgentEvent) -> Option<Cow<'_, Data>> {
    let data = event.data.as_ref()?;
    if event.event != AgentEventName::GuardrailChecked {
        return Some(Cow::Borrowed(data));
    }
    let checked = GuardrailChecked::read(data);
    let untold = GuardrailChecked { model: None, tool: None, passed: None, ..checked };
    Some(Cow::Owned(untold.data()))
}

/// The start of a text with `#` for each number and each id, which is a long word with a digit in it.
///
/// The status of a reply stays: it tells problems apart.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let start = text.char_indices().nth(TELLING).map_or(text, |(end, _)| &text[..end]);
    for part in start.split_inclusive(|char: char| !char.is_alphanumeric()) {
        let word = part.trim_end_matches(|char: char| !char.is_alphanumeric());
        let has_digit = word.contains(|char: char| char.is_ascii_digit());
        let is_status =
            word.len() == 3 && word.parse().is_ok_and(|it: u16| (400..600).contains(&it));
        if !has_digit || is_status {
            out.push_str(word);
        } else if word.len() >= 8 {
            out.push('#');
        } else {
            out.extend(word.chars().map(|char| if char.is_ascii_digit() { '#' } else { char }));
        }
        out.push_str(&part[word.len()..]);
    }
    // `9 ms` and `12 ms` are alike.
    while out.contains("##") {
        out = out.replace("##", "#");
    }
    out
}
