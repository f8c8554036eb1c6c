//! The threads of durable agents: their lives, and where each of them ended.

use super::View;
use super::page::Page;
use crate::show;
use crate::timeline::{Life, LifeEnd, SpanKind};

const MOST_LINES: usize = 500;

pub(super) fn threads(view: &View<'_>, page: &mut Page) {
    let threads = view.timeline.threads();
    if threads.is_empty() {
        return;
    }
    page.raw("<section class=tables><div><h2>Threads</h2><div class=x><table class=num>");
    page.raw("<tr><th>thread<th>life<th>at<th>took<th>turns<th>cost<th class=l>ended\n");
    let mut lines = 0;
    for thread in threads {
        for life in &thread.lives {
            lines += 1;
            if lines <= MOST_LINES {
                page.raw("<tr><td><bdi>").cut(&thread.name, 80).raw("</bdi>");
                line(view, page, life);
            }
        }
    }
    page.raw("</table></div>");
    if lines > MOST_LINES {
        page.raw("<p class=note>").text(show::count((lines - MOST_LINES) as u64));
        page.raw(" more lives are not shown.</p>");
    }
    page.raw("</div></section>\n");
}

fn line(view: &View<'_>, page: &mut Page, life: &Life) {
    let timeline = view.timeline;
    let session = &timeline.sessions[life.session];
    let spans = || session.spans.iter().map(|span| &timeline.spans[*span]);
    let turns = spans().filter(|span| span.kind == SpanKind::Turn).count();
    page.raw("<td>").text(life.number).raw("<td>").text(show::nanos(session.start));
    page.raw("<td>").text(show::duration(session.duration()));
    page.raw("<td>").text(show::count(turns as u64)).raw("<td>");
    if session.spent.cost_nanousd > 0 {
        page.text(show::usd(session.spent.cost_nanousd));
    }
    let is_bad = matches!(life.end, LifeEnd::Failed | LifeEnd::Lost);
    page.raw(if is_bad { "<td class=\"l no\">" } else { "<td class=l>" });
    let last = session.rows.last().copied().unwrap_or_default();
    page.raw("<a");
    view.link(page, last);
    page.raw(">").raw(match life.end {
        LifeEnd::Done => "done",
        LifeEnd::Failed => "✕ failed",
        LifeEnd::Cancelled => "∅ cancelled",
        LifeEnd::Parked if session.is_continued => "waited",
        LifeEnd::Parked => "waits",
        LifeEnd::ShutDown => "shut down",
        LifeEnd::Lost => "✕ broke off: its process was lost",
        LifeEnd::Open => "… no end in the log",
    });
    page.raw("</a>");
    if let Some(span) = life.inside.map(|span| &timeline.spans[span]) {
        page.raw(", in ").raw(span.kind.as_str()).raw(" <bdi>").cut(&span.name, 60);
        page.raw("</bdi>");
    }
    let told = matches!(life.end, LifeEnd::Failed | LifeEnd::Parked);
    let detail = timeline.rows[last].event.detail.as_deref().filter(|_| told);
    if let Some(detail) = detail {
        page.raw(if life.end == LifeEnd::Parked { " for <bdi>" } else { ": <bdi>" });
        page.cut(detail, 200).raw("</bdi>");
    }
    page.raw("\n");
}
