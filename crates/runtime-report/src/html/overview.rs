//! All spans of an agent in one row, for agents with more than one can look at.

use super::View;
use super::axis::Axis;
use super::page::Page;
use crate::show;
use crate::timeline::{Session, Span, SpanKind};

/// From so many spans on, an agent has an overview.
const MANY: usize = 40;
/// From so many on, its rows are folded; in a run of many agents, with the overview.
const TOO_MANY: usize = 150;
/// The columns of an overview; a finer one would not be seen.
const COLUMNS: usize = 400;

impl View<'_> {
    /// The overview, and the beginning of a box for the rows; true if the box must be closed.
    pub(super) fn overview(&self, page: &mut Page, session: &Session, is_big: bool) -> bool {
        let spans = || session.spans.iter().map(|span| &self.timeline.spans[*span]);
        let count = session.spans.len();
        if count < MANY {
            return false;
        }
        page.raw("<div class=\"r ov\"><span class=n style=\"--d:");
        page.text(session.depth.min(8) + 1).raw("\"><small>turns, tools, waits</small></span>");
        page.raw(
            "<span class=t><svg viewBox=\"0 0 400 30\" preserveAspectRatio=none aria-hidden=true>",
        );
        for (class, top, is_of) in LANES {
            let mut lane = Lane::new();
            spans().filter(|span| is_of(span)).for_each(|span| lane.add(&self.axis, span));
            page.raw("<path class=").raw(class).raw(" d=\"");
            for (from, to) in lane.runs() {
                page.text(format_args!("M{from} {top}h{}v8h-{0}z", to - from));
            }
            page.raw("\"/>");
        }
        page.raw("</svg></span></div>\n<details class=rows");
        let is_open = count < TOO_MANY && !is_big;
        page.raw(if is_open { " open><summary>" } else { "><summary>" });
        let within = count - usize::from(session.root.is_some());
        page.text(show::count(within as u64)).raw(" turns, tools and waits</summary>\n");
        true
    }
}

type IsOf = fn(&Span) -> bool;

/// The lanes: colour, place, and the spans in each. Failures are drawn over the rest.
const LANES: [(&str, u8, IsOf); 6] = [
    ("f1", 1, is_turn),
    ("f2", 11, is_tool),
    ("f3", 21, is_wait),
    ("f4", 1, |span| is_turn(span) && span.is_failed()),
    ("f4", 11, |span| is_tool(span) && span.is_failed()),
    ("f4", 21, |span| is_wait(span) && span.is_failed()),
];

const fn is_turn(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Turn | SpanKind::Attempt)
}

const fn is_tool(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Tool)
}

const fn is_wait(span: &Span) -> bool {
    matches!(span.kind, SpanKind::Wait)
}

/// How many more spans begin than end in each column.
struct Lane([i64; COLUMNS + 1]);

impl Lane {
    const fn new() -> Self {
        Self([0; COLUMNS + 1])
    }

    fn add(&mut self, axis: &Axis, span: &Span) {
        let (from, to) = (column(axis, span.start), column(axis, span.end));
        self.0[from] += 1;
        self.0[to + 1] -= 1;
    }

    /// The columns in which there is something, as runs.
    fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        let (mut open, mut since) = (0, 0);
        for (column, step) in self.0.iter().enumerate() {
            let before = open;
            open += step;
            match (before, open) {
                (0, 1..) => since = column,
                (1.., 0) => runs.push((since, column)),
                _ => {}
            }
        }
        runs
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of the width is between 0 and 100"
)]
fn column(axis: &Axis, at: u64) -> usize {
    ((axis.percent(at) / 100.0 * 400.0) as usize).min(COLUMNS - 1)
}
