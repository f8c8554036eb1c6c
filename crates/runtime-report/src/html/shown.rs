//! Which spans have a row in the waterfall, and which agents are unfolded.

use std::cmp::Reverse;
use std::collections::HashSet;

use super::View;
use crate::timeline::SpanKind;

/// The rows of so many agents are shown; of more, only the rows of those that died, up to as many.
const MOST_OPEN: usize = 12;

pub(super) struct Shown {
    pub(super) chosen: Vec<bool>,
    pub(super) count: usize,
    pub(super) left_out: usize,
    /// Whether there are too many agents to look at all their rows.
    pub(super) is_big: bool,
    /// The agents that are unfolded in a big run.
    open: HashSet<usize>,
}

impl Shown {
    pub(super) fn of(view: &View<'_>) -> Self {
        let timeline = view.timeline;
        let spans = &timeline.spans;
        let chains = view.deaths.iter().flat_map(|death| &death.chain);
        let mut open = HashSet::new();
        for session in chains.filter_map(|row| timeline.rows[*row].session) {
            if open.len() < MOST_OPEN {
                open.insert(session);
            }
        }
        let is_big = timeline.sessions.len() > MOST_OPEN;
        let count = spans.len().min(view.options.max_spans);
        let left_out = spans.len() - count;
        let mut chosen = vec![left_out == 0; spans.len()];
        if left_out > 0 {
            let died: HashSet<usize> =
                view.kept.iter().filter_map(|row| timeline.rows[*row].span).collect();
            let mut order: Vec<usize> = (0..spans.len()).collect();
            order.sort_by_key(|number| {
                let span = &spans[*number];
                let fails = span.is_failed() || span.is_unfinished();
                let is_agent = span.kind == SpanKind::Session;
                (!died.contains(number), !is_agent, !fails, Reverse(span.nanos()), *number)
            });
            order.iter().take(count).for_each(|number| chosen[*number] = true);
        }
        Self { chosen, count, left_out, is_big, open }
    }

    pub(super) fn is_open(&self, session: usize) -> bool {
        !self.is_big || self.open.contains(&session)
    }
}
