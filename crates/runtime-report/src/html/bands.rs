//! Curves and breakers above the agents, and each agent's states: all on the same axis.

use super::View;
use super::axis::share;
use super::page::Page;
use crate::show;
use crate::timeline::{Charge, Segment, Session};

/// More segments than these in one band cannot be told apart.
const MOST_SEGMENTS: usize = 400;
const MOST_BREAKERS: usize = 50;
/// More steps than these do not change how a curve looks.
const MOST_STEPS: usize = 600;
/// The height of a curve in its own units; it is stretched to its place.
const HEIGHT: f64 = 100.0;

impl View<'_> {
    /// Cost and tokens as they add up.
    pub(super) fn curves(&self, page: &mut Page) {
        let spent = self.stats.spent;
        if spent.cost_nanousd > 0 {
            page.raw("<div class=\"r cu\"><span class=n>cost <small>");
            page.text(show::usd(spent.cost_nanousd)).raw("</small></span><span class=t>");
            // The curve is of the whole run, and so must the budget be; one far above the curve
            // would press it flat. The meters below show those.
            let total = spent.cost_nanousd;
            let limits = self.timeline.accounts.iter().filter(|account| {
                account.spent >= total - total / 100 && account.limit <= total.saturating_mul(2)
            });
            let mut limits: Vec<u64> = limits.map(|account| account.limit).collect();
            limits.sort_unstable();
            limits.dedup();
            let top = limits.last().copied().unwrap_or(0).max(spent.cost_nanousd);
            self.curve(page, "k1", top, |charge| charge.spent.cost_nanousd);
            for limit in limits.into_iter().take(5) {
                page.raw("<u style=\"bottom:").percent(share(limit, top) * 0.9).raw("\"><small>");
                page.text(show::usd(limit)).raw(" budget</small></u>");
            }
            page.raw("</span></div>\n");
        }
        let read = spent.input_tokens;
        let top = read.max(spent.output_tokens);
        if top > 0 {
            page.raw("<div class=\"r cu\"><span class=n>tokens <small><em class=k2>▬</em> ");
            page.text(show::short(read)).raw(" in <em class=k3>▬</em> ");
            page.text(show::short(spent.output_tokens));
            page.raw(" out</small></span><span class=t>");
            self.curve(page, "k2", top, |charge| charge.spent.input_tokens);
            self.curve(page, "k3", top, |charge| charge.spent.output_tokens);
            page.raw("</span></div>\n");
        }
    }

    /// A step at each charge.
    fn curve(&self, page: &mut Page, class: &'static str, top: u64, of: impl Fn(&Charge) -> u64) {
        let charges = &self.timeline.charges;
        let every = charges.len().div_ceil(MOST_STEPS).max(1);
        page.raw("<svg class=").raw(class).raw(
            " viewBox=\"0 0 100 100\" preserveAspectRatio=none aria-hidden=true><path d=\"M0 100",
        );
        let mut sum = 0_u64;
        for (place, charge) in charges.iter().enumerate() {
            sum = sum.saturating_add(of(charge));
            if (place + 1) % every == 0 || place + 1 == charges.len() {
                let height = HEIGHT - share(sum, top) * 0.9;
                page.text(format_args!("H{:.2}V{height:.2}", self.axis.percent(charge.at)));
            }
        }
        page.raw("H100\"/></svg>");
    }

    pub(super) fn breakers(&self, page: &mut Page) {
        for breaker in self.timeline.breakers.iter().take(MOST_BREAKERS) {
            page.raw("<div class=\"r ba\"><span class=n><small>breaker</small> <bdi>");
            page.cut(&breaker.name, 60).raw("</bdi></span>");
            self.band(page, &breaker.states);
            page.raw("</div>\n");
        }
    }

    pub(super) fn states(&self, page: &mut Page, session: &Session) {
        if session.states.is_empty() {
            return;
        }
        page.raw("<div class=\"r ba\"><span class=n style=\"--d:");
        page.text(session.depth.min(8) + 1).raw("\"><small>state</small></span>");
        self.band(page, &session.states);
        page.raw("</div>\n");
    }

    fn band(&self, page: &mut Page, states: &[Segment]) {
        page.raw("<span class=t>");
        for segment in states.iter().take(MOST_SEGMENTS) {
            let state = segment.state.replace('_', " ");
            let from = self.axis.percent(segment.from);
            let width = self.axis.percent(segment.to) - from;
            page.raw("<i class=").raw(color(&segment.state)).raw(" style=\"left:").percent(from);
            page.raw(";width:").percent(width).raw("\" title=\"").start(&state, 40);
            page.raw(", ").text(show::nanos(segment.to - segment.from)).raw("\">");
            if width > 4.0 {
                page.start(&state, 40);
            }
            page.raw("</i>");
        }
        page.raw("</span>");
    }
}

/// The colour of a state of an agent or a breaker.
fn color(state: &str) -> &'static str {
    match state {
        "running" => "s1",
        "completed" | "closed" => "s2",
        "waiting_for_input" | "blocked" | "half_open" => "s3",
        "failed" | "open" => "s4",
        _ => "s0",
    }
}
