//! The waterfall: agents, their turns, attempts, tools and waits, one row each.

use runtime_events::payload::{GuardrailChecked, TurnStarted};
use runtime_events::{AgentEventName, AgentFailureClass, Data, SpanOutcome};

use super::page::Page;
use super::shown::Shown;
use super::{View, short};
use crate::show;
use crate::timeline::{Row, Session, Span, SpanKind, target_of};

/// More marks than these in one row cannot be told apart.
const MOST_MARKS: usize = 300;

impl View<'_> {
    pub(super) fn waterfall(&self, page: &mut Page) {
        let timeline = self.timeline;
        let shown = Shown::of(self);
        page.raw("<section><h2>Timeline</h2>");
        legend(page, &self.timeline.spans);
        if shown.left_out > 0 {
            page.raw("<p class=note>Showing ").text(show::count(shown.count as u64)).raw(" of ");
            page.text(show::count((shown.count + shown.left_out) as u64));
            page.raw(" spans: agents, then failures, then the longest. The rest is summed up.</p>");
        }
        if shown.is_big {
            page.raw("<p class=note>Agents are folded. A click on one shows its turns, tools and waits.</p>");
        }
        page.raw("<div class=w><div class=grid>");
        for tick in self.axis.ticks() {
            page.raw("<i style=\"left:").percent(tick.at).raw("\"></i>");
        }
        for cut in self.axis.cuts() {
            page.raw("<s style=\"left:").percent(cut.at).raw(";width:").percent(cut.width);
            page.raw("\" title=\"").text(show::nanos(cut.nanos)).raw(" without work\"></s>");
        }
        page.raw("</div><div class=\"r ax\"><span class=n></span><span class=t>");
        for tick in self.axis.ticks() {
            page.raw(if tick.at > 93.0 { "<b class=e style=\"left:" } else { "<b style=\"left:" });
            page.percent(tick.at).raw("\">").text(tick.label()).raw("</b>");
        }
        page.raw("</span></div>\n");
        self.curves(page);
        self.breakers(page);
        // A log of the original has sessions without spans of their own; they are not endless either.
        let (mut rootless, mut unseen) = (0, Rest::default());
        for number in &timeline.order {
            let session = &timeline.sessions[*number];
            rootless += usize::from(session.root.is_none());
            let has_room = rootless <= self.options.max_spans;
            if session.root.map_or(has_room, |root| shown.chosen[root]) {
                self.agent(page, *number, &shown);
            } else {
                session.spans.iter().for_each(|span| unseen.add(&timeline.spans[*span]));
            }
        }
        unseen.write(page);
        page.raw("</div></section>\n");
    }

    fn agent(&self, page: &mut Page, number: usize, shown: &Shown) {
        let timeline = self.timeline;
        let session = &timeline.sessions[number];
        let root = session.root.map(|root| &timeline.spans[root]);
        page.raw(if shown.is_open(number) {
            "<details open class=a>"
        } else {
            "<details class=a>"
        });
        page.raw("<summary class=\"r ");
        page.raw(root.map_or("", ending)).raw("\"><span class=n style=\"--d:");
        page.text(session.depth.min(8)).raw("\" title=\"");
        page.start(session.id().unwrap_or_default(), 80);
        for (key, value) in session.labels.iter().flat_map(|labels| labels.iter()).take(8) {
            page.raw(" · ").start(key, 80).raw(" ").start(value, 80);
        }
        page.raw("\"><strong><bdi>").cut(session.name(), 80).raw("</bdi>");
        short(page, Some(session));
        page.raw("</strong>");
        if let Some((_, life)) = session.thread() {
            page.raw(" <small>life ").text(life).raw("</small>");
        }
        if let Some(phase) = &session.phase {
            page.raw(" <small class=p><bdi>").cut(phase, 40).raw("</bdi></small>");
        }
        let label = |page: &mut Page| {
            page.raw(root.map_or("", sign)).text(show::nanos(session.end - session.start));
            let cost = session.spent.cost_nanousd;
            if cost > 0 {
                page.raw(" · ").text(show::usd(cost));
            }
            if let Some(target) = target_of(timeline, session) {
                page.raw(" → <bdi>").cut(target, 40).raw("</bdi>");
            }
        };
        page.raw("</span>");
        self.bar(page, session.start, session.end, "se", label);
        page.raw("</summary>\n");
        self.states(page, session);
        self.marks(page, session);
        let folded = self.overview(page, session, shown.is_big);
        let mut rest = Rest::default();
        for span in &session.spans {
            if Some(*span) == session.root {
                continue;
            }
            if shown.chosen[*span] {
                self.span(page, &timeline.spans[*span], session.depth);
            } else {
                rest.add(&timeline.spans[*span]);
            }
        }
        rest.write(page);
        page.raw(if folded { "</details></details>\n" } else { "</details>\n" });
    }

    fn span(&self, page: &mut Page, span: &Span, outer: usize) {
        page.raw("<a class=\"r ").raw(ending(span)).raw("\"");
        self.link(page, span.last.or(span.first).unwrap_or_default());
        if let Some(first) = span.first.filter(|_| span.last.is_some()) {
            page.raw(" data-b=").text(first);
        }
        page.raw("><span class=n style=\"--d:").text((span.depth + outer).clamp(1, 8));
        page.raw("\"><small>").raw(span.kind.as_str()).raw("</small> <bdi>");
        if &*span.name != span.kind.as_str() {
            page.cut(&span.name, 60);
        }
        let is_hedge = |row: usize| TurnStarted::of(&self.timeline.rows[row].event).hedge;
        let hedged = span.first.is_some_and(is_hedge);
        page.raw(if hedged { "</bdi> <small>hedge</small></span>" } else { "</bdi></span>" });
        self.bar(page, span.start, span.end, class(span.kind), |page| {
            page.raw(sign(span)).text(show::nanos(span.nanos()));
            if span.used.cost_nanousd > 0 {
                page.raw(" · ").text(show::usd(span.used.cost_nanousd));
            }
            // A cancelled one has its sign.
            let class = span.failure.filter(|class| *class != AgentFailureClass::Cancelled);
            if let Some(class) = class {
                page.raw(" · ").raw(class.as_str());
            }
            // A wait for an answer shows its question.
            let asked = span.first.filter(|_| span.kind == SpanKind::Wait);
            if let Some(prompt) =
                asked.and_then(|row| self.timeline.rows[row].event.detail.as_ref())
            {
                page.raw(" · <bdi>").start(prompt, 80).raw("</bdi>");
            }
        });
        page.raw("</a>\n");
    }

    /// A bar with its label behind it, before it, or in it, wherever there is room.
    fn bar(
        &self,
        page: &mut Page,
        from: u64,
        to: u64,
        class: &'static str,
        label: impl Fn(&mut Page),
    ) {
        let start = self.axis.percent(from);
        let width = self.axis.percent(to) - start;
        page.raw("<span class=t style=\"--l:").percent(start).raw(";--w:").percent(width);
        page.raw("\"><i class=").raw(class);
        let place = if start + width < 62.0 {
            "></i><b>"
        } else if start > 45.0 {
            "></i><b class=e>"
        } else {
            "></i><b class=o>"
        };
        page.raw(place);
        label(page);
        page.raw("</b></span>");
    }

    /// Events of an agent between its spans: recoveries, refusals, marks, gates.
    fn marks(&self, page: &mut Page, session: &Session) {
        let marks: Vec<usize> = session
            .rows
            .iter()
            .copied()
            .filter(|row| mark(&self.timeline.rows[*row]).is_some())
            .collect();
        if marks.is_empty() {
            return;
        }
        page.raw("<div class=\"r m\"><span class=n style=\"--d:");
        page.text(session.depth.min(8) + 1);
        page.raw("\"><small>events</small></span><span class=t>");
        for row in marks.iter().take(MOST_MARKS) {
            let held = &self.timeline.rows[*row];
            let Some((class, sign)) = mark(held) else { continue };
            page.raw("<a class=").raw(class);
            self.link(page, *row);
            page.raw(" style=\"left:");
            page.percent(self.axis.percent(held.at))
                .raw("\" title=\"")
                .raw(held.event.event.as_str());
            if let Some(detail) = &held.event.detail {
                page.raw(": ").start(detail, 160);
            } else {
                for (key, value) in held.event.data.iter().flat_map(Data::iter).take(6) {
                    page.raw(" · ").start(key, 40).raw(" ").start(&show::fact(value), 60);
                }
            }
            page.raw("\">").raw(sign).raw("</a>");
        }
        page.raw("</span></div>\n");
    }
}

/// Spans without a row, by kind: how many, how many of them failed, and for how long.
#[derive(Default)]
struct Rest([(u64, u64, u64); SpanKind::ALL.len()]);

impl Rest {
    fn add(&mut self, span: &Span) {
        let (count, failed, nanos) = &mut self.0[span.kind as usize];
        *count += 1;
        *failed += u64::from(span.is_failed());
        *nanos = nanos.saturating_add(span.nanos());
    }

    fn write(&self, page: &mut Page) {
        let mut begun = false;
        for (kind, (count, failed, nanos)) in SpanKind::ALL.into_iter().zip(self.0) {
            if count == 0 {
                continue;
            }
            page.raw(if begun { "; " } else { "<p class=rest>not shown: " });
            page.text(show::count(count)).raw(" × ").raw(kind.as_str()).raw(", ");
            page.text(show::nanos(nanos)).raw(" in all");
            if failed > 0 {
                page.raw(", ").text(show::count(failed)).raw(" failed");
            }
            begun = true;
        }
        if begun {
            page.raw("</p>\n");
        }
    }
}

fn legend(page: &mut Page, spans: &[Span]) {
    page.raw("<p class=legend>");
    for kind in &SpanKind::ALL[1..] {
        if spans.iter().any(|span| span.kind == *kind) {
            page.raw("<span><i class=").raw(class(*kind)).raw("></i>").raw(kind.as_str());
            page.raw("</span>");
        }
    }
    page.raw("<span><i class=\"tu bad\"></i>✕ failed</span>");
    if spans.iter().any(Span::is_unfinished) {
        page.raw("<span><i class=\"tu open\"></i>… no end in the log</span>");
    }
    page.raw("<span>◆ recovery</span><span>⊘ refused</span><span>● other</span></p>");
}

const fn class(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Session => "se",
        SpanKind::Turn => "tu",
        SpanKind::Attempt => "at",
        SpanKind::Tool => "to",
        SpanKind::Wait => "wa",
    }
}

fn ending(span: &Span) -> &'static str {
    match span.outcome {
        None if span.is_unfinished() => "open",
        None | Some(SpanOutcome::Ok) => "",
        Some(SpanOutcome::Cancelled) => "gone",
        Some(_) => "bad",
    }
}

fn sign(span: &Span) -> &'static str {
    match span.outcome {
        None if span.is_unfinished() => "… ",
        None | Some(SpanOutcome::Ok) => "",
        Some(SpanOutcome::Cancelled) => "∅ cancelled · ",
        Some(SpanOutcome::TimedOut) => "✕ timed out · ",
        Some(SpanOutcome::Panicked) => "✕ panicked · ",
        Some(_) => "✕ ",
    }
}

/// How an event that has no row of its own is marked, if it is worth it.
fn mark(row: &Row) -> Option<(&'static str, &'static str)> {
    let passed = || GuardrailChecked::of(&row.event).passed;
    Some(match row.event.event {
        AgentEventName::RecoveryAttempted | AgentEventName::RecoveryProviderSwitched => ("re", "◆"),
        AgentEventName::RecoverySucceeded => ("ok", "◆"),
        AgentEventName::RecoveryFailed | AgentEventName::RecoveryEscalated => ("no", "◆"),
        AgentEventName::AgentBlocked => ("no", "⊘"),
        AgentEventName::PhaseGateFailed => ("no", "●"),
        AgentEventName::PhaseGatePassed => ("ok", "●"),
        AgentEventName::GuardrailChecked if passed() == Some(false) => ("no", "●"),
        AgentEventName::BudgetMark => ("wa", "●"),
        AgentEventName::AgentFailed if row.event.outcome.is_none() => ("no", "●"),
        AgentEventName::HandedOver | AgentEventName::PolicyDecided => ("ha", "●"),
        _ => return None,
    })
}
