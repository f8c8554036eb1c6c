//! Every event, as a table that can be filtered.

use std::borrow::Cow;
use std::collections::BTreeSet;

use runtime_events::{AgentEvent, Data, SpanOutcome};

use super::page::Page;
use super::{View, short};
use crate::problems::is_bad;
use crate::show;
use crate::timeline::Session;

/// So many characters of a text are shown before it is unfolded.
const INLINE: usize = 240;
/// So many characters of a key or a value are shown.
const VALUE: usize = 120;
/// More agents than these do not fit a choice.
const MOST_AGENTS: usize = 300;

impl View<'_> {
    pub(super) fn events(&self, page: &mut Page) {
        let rows = &self.timeline.rows;
        page.raw("<section class=events><h2>Events</h2><div class=filter>");
        page.raw("<label><input type=checkbox id=bad> only problems</label>");
        page.raw("<label class=js hidden>agent <select id=who><option value=\"\">all");
        let agents: BTreeSet<Cow<'_, str>> = rows
            .iter()
            .filter_map(|row| row.event.role.as_deref().map(Cow::Borrowed))
            .chain(self.timeline.sessions.iter().filter_map(full_name))
            .collect();
        for agent in agents.into_iter().take(MOST_AGENTS) {
            page.raw("<option>").text(agent);
        }
        page.raw(
            "</select></label><label class=js hidden>find <input type=search id=find></label>",
        );
        page.raw("<span class=js hidden id=count></span></div>");
        let limit = self.options.max_events;
        if rows.len() > limit {
            page.raw("<p class=note>Showing the first ").text(show::count(limit as u64));
            page.raw(" of ").text(show::count(rows.len() as u64)).raw(" events");
            let is_death = self.kept.iter().any(|row| *row >= limit);
            page.raw(if is_death {
                ", and the events behind the failures of agents.</p>"
            } else {
                ".</p>"
            });
        }
        page.raw("<div class=x><table id=events><thead><tr><th>no<th>seconds<th>agent<th>event<th>details\n<tbody>\n");
        for (number, row) in rows.iter().enumerate().filter(|(number, _)| self.is_listed(*number)) {
            page.raw(if is_bad(&row.event) { "<tr class=f id=e" } else { "<tr id=e" });
            page.text(number).raw("><td>").text(row.event.seq.unwrap_or(number as u64 + 1));
            page.raw("<td>").text(show::at(row.at)).raw("<td>");
            page.cut(row.event.role.as_deref().unwrap_or(""), 60);
            short(page, row.session.map(|session| &self.timeline.sessions[session]));
            page.raw("<td>");
            let name = row.event.event.as_str();
            page.raw(name.strip_prefix("agent.").unwrap_or(name)).raw("<td>");
            self.what(page, &row.event);
            page.raw("\n");
        }
        page.raw("</table></div></section>\n");
    }

    fn what(&self, page: &mut Page, event: &AgentEvent) {
        if let Some(outcome) = event.outcome.filter(|outcome| *outcome != SpanOutcome::Ok) {
            page.raw("<b class=\"tag no\">").raw(outcome.as_str()).raw("</b> ");
        }
        if let Some(class) = event.failure_class {
            page.raw("<b class=tag>").raw(class.as_str()).raw("</b> ");
        }
        if let Some(detail) = &event.detail {
            self.long(page, detail);
            page.raw(" ");
        }
        for (key, value) in event.data.iter().flat_map(Data::iter) {
            page.raw("<i>").cut(key, VALUE).raw("</i> ");
            let value = show::fact(value);
            if value.len() > VALUE {
                self.long(page, &value);
            } else {
                page.text(value);
            }
            page.raw(" ");
        }
    }

    /// A text that may be long: folded, and cut.
    fn long(&self, page: &mut Page, text: &str) {
        match text.char_indices().nth(INLINE) {
            None => page.text(text),
            Some((end, _)) => {
                page.raw("<details><summary>").text(&text[..end]).raw("…</summary><pre>");
                page.cut(text, self.options.max_text).raw("</pre></details>")
            }
        };
    }
}

/// The name of a session that shares its role with others.
fn full_name(session: &Session) -> Option<Cow<'_, str>> {
    session.short.is_some().then(|| session.full_name())
}
