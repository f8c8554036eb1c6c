//! The causes of death, each as a chain from the session down to the error.

use std::collections::HashMap;

use runtime_events::AgentEventName;
use runtime_events::payload::TurnEnded;

use super::View;
use super::page::Page;
use super::problems::outcome;
use crate::deaths::{Death, Fate};
use crate::problems::problem;
use crate::show;

/// So many chains are shown before the rest is unfolded.
const AT_ONCE: usize = 4;

impl View<'_> {
    /// The chain of each death; agents that died alike share one. None is left out.
    pub(super) fn causes(&self, page: &mut Page) {
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
            cause(self, page, deaths, place == 0);
        }
        if !more.is_empty() {
            let count = more.iter().map(Vec::len).sum::<usize>();
            page.raw("<details><summary class=note>… and ").text(show::count(count as u64));
            page.raw(" more agents that did not end well</summary>");
            for deaths in more {
                page.raw("<div class=death>");
                cause(self, page, deaths, false);
            }
            page.raw("</details>");
        }
    }
}

fn cause(view: &View<'_>, page: &mut Page, deaths: &[&Death], is_first: bool) {
    let Some((death, others)) = deaths.split_first() else { return };
    page.raw("<h3>").raw(match (death.fate, death.is_survived) {
        (Fate::Failed, false) if is_first => "Cause of the failure",
        (Fate::Failed, false) => "Another failure",
        (Fate::Failed, true) => "Failed, but the agent around it ended well",
        (Fate::Cancelled, _) => "Cancelled after a failure",
        (Fate::Unfinished, _) => "No end in the log, after a failure",
    });
    page.raw("</h3><ol class=chain>");
    let error = death.chain.last().copied().unwrap_or_default();
    let cause = view.timeline.rows[error].event.detail.as_deref().unwrap_or_default();
    for row in &death.chain {
        let held = &view.timeline.rows[*row];
        let event = &held.event;
        page.raw("<li><a");
        view.link(page, *row);
        page.raw(">").text(show::at(held.at)).raw("</a> ").raw(problem(event)).raw(" <strong>");
        match event.event {
            AgentEventName::AgentFailed | AgentEventName::AgentStarted => view.who(page, *row),
            _ => view.subject(page, *row),
        }
        page.raw("</strong>");
        if let Some(attempt) = TurnEnded::of(event).attempt {
            page.raw(" <small>number ").text(attempt).raw("</small>");
        }
        outcome(page, event.outcome);
        // A text that quotes the error says it again.
        let is_own = |detail: &&str| cause.is_empty() || !detail.contains(cause);
        if let Some(detail) = event.detail.as_deref().filter(is_own) {
            page.raw(" ").cut(detail, 300);
        }
    }
    page.raw("<li class=error>");
    view.reason(page, error, 1_000);
    page.raw("</ol>");
    if !others.is_empty() {
        page.raw("<details><summary class=note>").text(show::count(others.len() as u64));
        page.raw(if others.len() == 1 { " more agent " } else { " more agents " });
        page.raw("failed in the same way</summary><ul>");
        for row in others.iter().filter_map(|death| death.chain.first()) {
            page.raw("<li><a");
            view.link(page, *row);
            page.raw(">").text(show::at(view.timeline.rows[*row].at)).raw("</a> ");
            view.who(page, *row);
        }
        page.raw("</ul></details>");
    }
    page.raw("</div>\n");
}
