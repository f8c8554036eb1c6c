//! Problems: the causes of death, then equal problems together, then findings in the log.

use std::collections::{HashMap, HashSet};

use runtime_events::payload::TurnEnded;
use runtime_events::{AgentEventName, AgentFailureClass, SpanOutcome};

use super::View;
use super::page::Page;
use crate::check::Finding;
use crate::deaths::{Death, Fate};
use crate::problems::{Problems, problem, untold};
use crate::show;

/// So many deaths and problems are shown before the rest is unfolded, and so many findings.
const AT_ONCE: usize = 8;
const FINDINGS_AT_ONCE: usize = 4;
const MOST_FINDINGS: usize = 200;
const HEAD: &str = "<div class=x><table><tr><th>time<th>agent<th>problem<th>reason\n";

impl View<'_> {
    /// Why sessions died, failures and refusals, then findings in the log.
    pub(super) fn problems(&self, page: &mut Page) {
        let timeline = self.timeline;
        let told: HashSet<usize> =
            self.deaths.iter().flat_map(|death| death.chain.iter().copied()).collect();
        let problems = timeline.problems(&told);
        let findings = timeline.findings();
        if self.deaths.is_empty() && problems.is_empty() && findings.is_empty() {
            return;
        }
        page.raw("<section class=problems><h2>Problems</h2>");
        self.causes(page);
        if !problems.is_empty() || !findings.is_empty() {
            self.others(page, &problems, findings);
        }
        page.raw("</section>\n");
    }

    /// The chain of each death; agents that died alike share one. None is left out.
    fn causes(&self, page: &mut Page) {
        let mut places = HashMap::new();
        let mut alike: Vec<Vec<&Death>> = Vec::new();
        for death in &self.deaths {
            let error = death.chain.last().map(|row| self.timeline.likeness(*row));
            let key = (death.fate, death.is_survived, death.chain.len(), error);
            let place = *places.entry(key).or_insert_with(|| {
                alike.push(Vec::new());
                alike.len() - 1
            });
            alike[place].push(death);
        }
        let (first, more) = alike.split_at(alike.len().min(AT_ONCE));
        for (place, deaths) in first.iter().enumerate() {
            page.raw(if place == 0 { "<div id=died class=death>" } else { "<div class=death>" });
            self.cause(page, deaths);
        }
        if !more.is_empty() {
            let count = more.iter().map(Vec::len).sum::<usize>();
            page.raw("<details><summary class=note>… and ").text(show::count(count as u64));
            page.raw(" more agents that did not end well</summary>");
            for deaths in more {
                page.raw("<div class=death>");
                self.cause(page, deaths);
            }
            page.raw("</details>");
        }
    }

    fn cause(&self, page: &mut Page, deaths: &[&Death]) {
        let Some((death, others)) = deaths.split_first() else { return };
        page.raw("<h3>").raw(match (death.fate, death.is_survived) {
            (Fate::Failed, false) => "Cause of the failure",
            (Fate::Failed, true) => "Failed, but the agent around it ended well",
            (Fate::Cancelled, _) => "Cancelled after a failure",
            (Fate::Unfinished, _) => "No end in the log, after a failure",
        });
        page.raw("</h3><ol class=chain>");
        let error = death.chain.last().copied().unwrap_or_default();
        let cause = self.timeline.rows[error].event.detail.as_deref().unwrap_or_default();
        for row in &death.chain {
            let held = &self.timeline.rows[*row];
            let event = &held.event;
            page.raw("<li><a");
            self.link(page, *row);
            page.raw(">").text(show::at(held.at)).raw("</a> ").raw(problem(event)).raw(" <strong>");
            match event.event {
                AgentEventName::AgentFailed | AgentEventName::AgentStarted => self.who(page, *row),
                _ => self.subject(page, *row),
            }
            page.raw("</strong>");
            if let Some(attempt) = TurnEnded::of(event).attempt {
                page.raw(" <small>number ").text(attempt).raw("</small>");
            }
            outcome(page, event.outcome);
            let detail = event.detail.as_deref().filter(|detail| !detail.contains(cause));
            if let Some(detail) = detail.filter(|_| *row != error) {
                page.raw(" ").cut(detail, 300);
            }
        }
        page.raw("<li class=error>");
        self.reason(page, error, 1_000);
        page.raw("</ol>");
        if !others.is_empty() {
            page.raw("<details><summary class=note>").text(show::count(others.len() as u64));
            page.raw(if others.len() == 1 { " more agent " } else { " more agents " });
            page.raw("failed in the same way</summary><ul>");
            for row in others.iter().filter_map(|death| death.chain.first()) {
                page.raw("<li><a");
                self.link(page, *row);
                page.raw(">").text(show::at(self.timeline.rows[*row].at)).raw("</a> ");
                self.who(page, *row);
            }
            page.raw("</ul></details>");
        }
        page.raw("</div>\n");
    }

    fn others(&self, page: &mut Page, problems: &[Problems], findings: &[Finding]) {
        page.raw(HEAD);
        let (first, more) = problems.split_at(problems.len().min(AT_ONCE));
        for alike in first {
            self.problem(page, alike);
        }
        let (noted, unnoted) = findings.split_at(findings.len().min(FINDINGS_AT_ONCE));
        for finding in noted {
            self.finding(page, finding);
        }
        page.raw("</table></div>");
        if more.is_empty() && unnoted.is_empty() {
            return;
        }
        page.raw("<details><summary class=note>… and ");
        page.text(show::count((more.len() + unnoted.len()) as u64));
        page.raw(" more</summary>").raw(HEAD);
        let most = self.options.max_events;
        more.iter().take(most).for_each(|alike| self.problem(page, alike));
        unnoted.iter().take(MOST_FINDINGS).for_each(|finding| self.finding(page, finding));
        page.raw("</table></div>");
        let left = more.len().saturating_sub(most) + unnoted.len().saturating_sub(MOST_FINDINGS);
        if left > 0 {
            page.raw("<p class=note>… and ").text(show::count(left as u64));
            page.raw(" that are not listed here.</p>");
        }
        page.raw("</details>");
    }

    fn problem(&self, page: &mut Page, alike: &Problems) {
        let held = &self.timeline.rows[alike.first];
        self.when(page, alike.first);
        if alike.sessions > 1 {
            page.text(show::count(alike.sessions as u64)).raw(" agents");
        } else {
            self.who(page, alike.first);
        }
        page.raw("<td>").raw(problem(&held.event)).raw(" ");
        self.subject(page, alike.first);
        if alike.count > 1 {
            page.raw(" <strong>× ").text(show::count(alike.count)).raw("</strong>");
        }
        page.raw("<td>");
        if alike.is_recovered {
            page.raw("<b class=\"tag ok\">recovered</b> ");
        }
        self.reason(page, alike.first, 300);
        if alike.count > 1 {
            page.raw(" <small>last at <a");
            self.link(page, alike.last);
            page.raw(">").text(show::at(self.timeline.rows[alike.last].at)).raw("</a></small>");
        }
        page.raw("\n");
    }

    /// The name of the failed operation, if it has one besides its kind.
    fn subject(&self, page: &mut Page, row: usize) {
        let held = &self.timeline.rows[row];
        let subject = self.timeline.subject(held);
        if subject != problem(&held.event) {
            page.raw("<bdi>").cut(subject, 80).raw("</bdi>");
        }
    }

    /// The class, the outcome and the text of a failure, or what its data says instead.
    fn reason(&self, page: &mut Page, row: usize, limit: usize) {
        let event = &self.timeline.rows[row].event;
        if let Some(class) = event.failure_class.filter(|class| is_telling(*class)) {
            page.raw("<b class=tag>").raw(class.as_str()).raw("</b> ");
        }
        outcome(page, event.outcome);
        if let Some(detail) = &event.detail {
            page.cut(detail, limit);
        } else if event.outcome.is_none() {
            for (key, value) in untold(event).iter().flat_map(|data| data.iter()) {
                page.raw("<i>").cut(key, 40).raw("</i> ").cut(&show::fact(value), 80).raw(" ");
            }
        } else {
            page.raw("no reason is told");
        }
    }

    fn finding(&self, page: &mut Page, finding: &Finding) {
        self.when(page, finding.event);
        self.who(page, finding.event);
        page.raw("<td>log<td>").cut(&finding.problem.to_string(), 300).raw("\n");
    }

    /// The first cell of a row, the time as a link to the event, and the beginning of the second.
    pub(super) fn when(&self, page: &mut Page, row: usize) {
        page.raw("<tr><td><a");
        self.link(page, row);
        page.raw(">").text(show::at(self.timeline.rows[row].at)).raw("</a><td>");
    }
}

fn outcome(page: &mut Page, outcome: Option<SpanOutcome>) {
    if let Some(outcome) = outcome.filter(|outcome| *outcome != SpanOutcome::Failed) {
        page.raw(" <b class=\"tag no\">").raw(outcome.as_str()).raw("</b> ");
    }
}

/// Whether a class says anything.
const fn is_telling(class: AgentFailureClass) -> bool {
    !matches!(class, AgentFailureClass::Unknown)
}
