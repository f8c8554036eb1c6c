//! Problems of a run and of its log, and the recoveries.

use std::borrow::Cow;

use runtime_events::payload::{GuardrailChecked, Recovery, Word, Words};
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, Data, SpanOutcome};

use super::View;
use super::page::Page;
use crate::check::Finding;
use crate::show;
use crate::timeline::{Row, nanos};

/// So many failures are shown before the rest is unfolded, and so many findings in the log.
const AT_ONCE: usize = 8;
const FINDINGS_AT_ONCE: usize = 4;
const MOST_PROBLEMS: usize = 200;
const MOST_RECOVERIES: usize = 200;
const HEAD: &str = "<div class=x><table><tr><th>time<th>agent<th>problem<th>reason\n";

impl View<'_> {
    /// Failures and refusals, then findings in the log.
    pub(super) fn problems(&self, page: &mut Page) {
        let rows = &self.timeline.rows;
        let wrong: Vec<usize> =
            (0..rows.len()).filter(|row| self.is_problem(&rows[*row])).collect();
        let findings = self.timeline.findings();
        if wrong.is_empty() && findings.is_empty() {
            return;
        }
        page.raw("<section class=problems><h2>Problems</h2>");
        page.raw(HEAD);
        let (first, more) = wrong.split_at(wrong.len().min(AT_ONCE));
        for row in first {
            self.problem(page, *row);
        }
        let (noted, unnoted) = findings.split_at(findings.len().min(FINDINGS_AT_ONCE));
        for finding in noted {
            self.finding(page, finding);
        }
        page.raw("</table></div>");
        let left = more.len() + unnoted.len();
        if left > 0 {
            page.raw("<details><summary class=note>… and ").text(show::count(left as u64));
            page.raw(" more</summary>").raw(HEAD);
            more.iter().take(MOST_PROBLEMS).for_each(|row| self.problem(page, *row));
            unnoted.iter().take(MOST_PROBLEMS).for_each(|finding| self.finding(page, finding));
            page.raw("</table></div>");
            let untold = more.len().saturating_sub(MOST_PROBLEMS)
                + unnoted.len().saturating_sub(MOST_PROBLEMS);
            if untold > 0 {
                page.raw("<p class=note>… and ").text(show::count(untold as u64));
                page.raw(" that are not listed here.</p>");
            }
            page.raw("</details>");
        }
        page.raw("</section>\n");
    }

    fn problem(&self, page: &mut Page, row: usize) {
        let held = &self.timeline.rows[row];
        self.when(page, row);
        page.raw("<td>").raw(problem(&held.event)).raw(" <bdi>");
        page.cut(self.subject(held), 80).raw("</bdi><td>");
        if let Some(class) = held.event.failure_class.filter(|class| is_telling(*class)) {
            page.raw("<b class=tag>").raw(class.as_str()).raw("</b> ");
        }
        let outcome = held.event.outcome.filter(|outcome| *outcome != SpanOutcome::Failed);
        if let Some(outcome) = outcome {
            page.raw("<b class=\"tag no\">").raw(outcome.as_str()).raw("</b> ");
        }
        if let Some(detail) = &held.event.detail {
            page.cut(detail, 300);
        } else if held.event.outcome.is_none() {
            for (key, value) in untold(&held.event).iter().flat_map(|data| data.iter()) {
                page.raw("<i>").cut(key, 40).raw("</i> ").cut(&show::fact(value), 80).raw(" ");
            }
        }
        page.raw("\n");
    }

    fn finding(&self, page: &mut Page, finding: &Finding) {
        self.when(page, finding.event);
        page.raw("<td>log<td>").cut(&finding.problem.to_string(), 300).raw("\n");
    }

    /// Each recovery: its cause, its steps, its result.
    pub(super) fn recoveries(&self, page: &mut Page) {
        let rows = &self.timeline.rows;
        let is_tale = |row: &usize| of_recovery(rows[*row].event.event).is_some();
        let tale: Vec<usize> = (0..rows.len()).filter(is_tale).collect();
        if tale.is_empty() {
            return;
        }
        page.raw(
            "<section class=problems><h2>Recovery</h2><div class=x><table><tr><th>time<th>agent<th>step<th>details\n",
        );
        for row in tale.iter().take(MOST_RECOVERIES) {
            let event = &rows[*row].event;
            let (class, word) = of_recovery(event.event).unwrap_or_default();
            self.when(page, *row);
            page.raw("<td><b class=\"tag ").raw(class).raw("\">").raw(word).raw("</b><td>");
            page.cut(event.detail.as_deref().unwrap_or(""), 300);
            let told = Recovery::of(event);
            let count = |count: Option<u32>| count.map(|count| count.to_string());
            for (name, value) in [
                ("attempt", count(told.attempt)),
                ("policy", told.policy.map(|policy| policy.as_str().to_owned())),
                ("attempts", count(told.attempts)),
                ("skipped", told.skipped.map(Words::join)),
                ("wait", told.wait_seconds.map(|wait| show::nanos(nanos(wait)).to_string())),
            ] {
                let Some(value) = value else { continue };
                page.raw(" <i>").raw(name).raw("</i> ").cut(&value, 120);
            }
            page.raw("\n");
        }
        page.raw("</table></div>");
        let left = tale.len().saturating_sub(MOST_RECOVERIES);
        if left > 0 {
            page.raw("<p class=note>… and ").text(show::count(left as u64)).raw(" more.</p>");
        }
        page.raw("</section>\n");
    }

    /// The first two cells of a row: the time, as a link to the event, and the agent.
    fn when(&self, page: &mut Page, row: usize) {
        let held = &self.timeline.rows[row];
        page.raw("<tr><td><a href=\"#e").text(row).raw("\">").text(show::at(held.at));
        page.raw("</a><td><bdi>").cut(held.event.role.as_deref().unwrap_or(""), 40).raw("</bdi>");
    }

    fn is_problem(&self, row: &Row) -> bool {
        let ends_attempt = matches!(row.event.event, AgentEventName::AttemptFailed);
        // An attempt is told with its turn, unless the turn went well in the end.
        let told = ends_attempt
            && row
                .span
                .and_then(|span| self.timeline.spans[span].parent)
                .is_some_and(|turn| self.timeline.spans[turn].is_failed());
        !told && is_bad(&row.event)
    }

    /// The model, the tool or the span that a problem is of.
    fn subject<'a>(&'a self, row: &'a Row) -> &'a str {
        let named = || {
            let checked = GuardrailChecked::of(&row.event);
            let named = checked.tool.or(checked.guardrail).or(checked.model);
            named.map(Word::as_str)
        };
        let span = row.span.filter(|_| row.event.outcome.is_some());
        span.map(|span| &*self.timeline.spans[span].name).or_else(named).unwrap_or("")
    }
}

/// Whether an event tells of something that did not go as it should.
pub(super) fn is_bad(event: &AgentEvent) -> bool {
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
        AgentEventName::AgentToolCompleted => event.outcome.is_some_and(SpanOutcome::is_failure),
        _ => false,
    }
}

/// The data that a problem's row does not say already.
fn untold(event: &AgentEvent) -> Option<Cow<'_, Data>> {
    let data = event.data.as_ref()?;
    if event.event != AgentEventName::GuardrailChecked {
        return Some(Cow::Borrowed(data));
    }
    let checked = GuardrailChecked::read(data);
    let untold = GuardrailChecked { model: None, tool: None, passed: None, ..checked };
    Some(Cow::Owned(untold.data()))
}

/// Whether a class says anything.
const fn is_telling(class: AgentFailureClass) -> bool {
    !matches!(class, AgentFailureClass::Unknown)
}

fn problem(event: &AgentEvent) -> &'static str {
    match event.event {
        AgentEventName::AgentBlocked => "refused",
        AgentEventName::AgentFailed if event.outcome.is_none() => "budget",
        AgentEventName::AgentFailed => "agent",
        AgentEventName::TurnFailed => "turn",
        AgentEventName::AttemptFailed => "attempt",
        AgentEventName::AgentToolCompleted => "tool",
        AgentEventName::PhaseGateFailed => "quality gate",
        AgentEventName::GuardrailChecked => "guardrail",
        AgentEventName::LogDropped | AgentEventName::LogRecovered => "log",
        _ => "recovery",
    }
}

fn of_recovery(name: AgentEventName) -> Option<(&'static str, &'static str)> {
    Some(match name {
        AgentEventName::RecoveryAttempted => ("", "◆ tried"),
        AgentEventName::RecoverySucceeded => ("ok", "✓ worked"),
        AgentEventName::RecoveryFailed => ("no", "✕ failed"),
        AgentEventName::RecoveryEscalated => ("no", "✕ escalated"),
        AgentEventName::RecoveryProviderSwitched => ("", "→ switched"),
        _ => return None,
    })
}
