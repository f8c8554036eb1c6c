//! Each recovery: its cause, its steps, its result.

use runtime_events::AgentEventName;
use runtime_events::payload::{Recovery, Words};

use super::View;
use super::page::Page;
use crate::show;
use crate::timeline::nanos;

/// So many steps are shown before the rest is unfolded.
const AT_ONCE: usize = 20;
const MOST_RECOVERIES: usize = 200;
const HEAD: &str = "<div class=x><table><tr><th>time<th>agent<th>step<th>details\n";

impl View<'_> {
    pub(super) fn recoveries(&self, page: &mut Page) {
        let rows = &self.timeline.rows;
        let is_tale = |row: &usize| of_recovery(rows[*row].event.event).is_some();
        let tale: Vec<usize> = (0..rows.len()).filter(is_tale).collect();
        if tale.is_empty() {
            return;
        }
        page.raw("<section class=problems><h2>Recovery</h2>").raw(HEAD);
        let (first, more) = tale.split_at(tale.len().min(AT_ONCE));
        for row in first {
            step(self, page, *row);
        }
        page.raw("</table></div>");
        if !more.is_empty() {
            page.raw("<details><summary class=note>… and ").text(show::count(more.len() as u64));
            page.raw(" more</summary>").raw(HEAD);
            more.iter().take(MOST_RECOVERIES).for_each(|row| step(self, page, *row));
            page.raw("</table></div>");
            let left = more.len().saturating_sub(MOST_RECOVERIES);
            if left > 0 {
                page.raw("<p class=note>… and ").text(show::count(left as u64));
                page.raw(" that are not listed here.</p>");
            }
            page.raw("</details>");
        }
        page.raw("</section>\n");
    }
}

fn step(view: &View<'_>, page: &mut Page, row: usize) {
    let event = &view.timeline.rows[row].event;
    let (class, word) = of_recovery(event.event).unwrap_or_default();
    view.when(page, row);
    view.who(page, row);
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
