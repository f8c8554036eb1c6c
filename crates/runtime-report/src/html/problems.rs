//! Problems: why sessions died, then equal problems together, then findings in the log.

use std::collections::HashSet;

use runtime_events::{AgentFailureClass, SpanOutcome};

use super::View;
use super::page::Page;
use crate::check::Finding;
use crate::problems::{Problems, problem, untold};
use crate::show;

/// So many problems and findings are shown before the rest is unfolded.
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

    fn others(&self, page: &mut Page, problems: &[Problems], findings: &[Finding]) {
        page.raw(HEAD);
        let (first, more) = problems.split_at(problems.len().min(AT_ONCE));
        for alike in first {
            self.problem(page, alike);
        }
        let (noted, unnoted) = findings.split_at(findings.len().min(FINDINGS_AT_ONCE));
        let finding = |page: &mut Page, finding: &Finding| {
            self.when(page, finding.event);
            self.who(page, finding.event);
            page.raw("<td>log<td>").cut(&finding.problem.to_string(), 300).raw("\n");
        };
        for noted in noted {
            finding(page, noted);
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
        unnoted.iter().take(MOST_FINDINGS).for_each(|unnoted| finding(page, unnoted));
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
    pub(super) fn subject(&self, page: &mut Page, row: usize) {
        let held = &self.timeline.rows[row];
        let subject = self.timeline.subject(held);
        if subject != problem(&held.event) {
            page.raw("<bdi>").cut(subject, 80).raw("</bdi>");
        }
    }

    /// The class, the outcome and the text of a failure, or what its data says instead.
    pub(super) fn reason(&self, page: &mut Page, row: usize, limit: usize) {
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

    /// The first cell of a row, the time as a link to the event, and the beginning of the second.
    pub(super) fn when(&self, page: &mut Page, row: usize) {
        page.raw("<tr><td><a");
        self.link(page, row);
        page.raw(">").text(show::at(self.timeline.rows[row].at)).raw("</a><td>");
    }
}

pub(super) fn outcome(page: &mut Page, outcome: Option<SpanOutcome>) {
    if let Some(outcome) = outcome.filter(|outcome| *outcome != SpanOutcome::Failed) {
        page.raw(" <b class=\"tag no\">").raw(outcome.as_str()).raw("</b> ");
    }
}

/// Whether a class says anything.
const fn is_telling(class: AgentFailureClass) -> bool {
    !matches!(class, AgentFailureClass::Unknown)
}
