//! The time axis that everything in the waterfall shares.
//!
//! A stretch in which no agent is at work, and that is long beside the rest, is cut: a log of two
//! runs a day apart would otherwise be two dots.

use crate::show;
use crate::timeline::{SpanKind, Timeline};

/// From nanoseconds of the run to per cent of the width.
pub(super) struct Axis {
    /// Stretches that are cut, in order and apart.
    cuts: Vec<(u64, u64)>,
    /// How much of the axis a cut takes.
    cut_width: f64,
    /// All of the axis.
    width: f64,
    end: u64,
}

/// A mark of the axis.
pub(super) struct Tick {
    pub(super) at: f64,
    nanos: u64,
    /// How far ticks are apart.
    step: u64,
}

impl Tick {
    /// The time, as exact as is needed to tell it from the next, without zeros that say nothing.
    pub(super) fn label(&self) -> String {
        const SECOND: u64 = 1_000_000_000;
        const MINUTE: u64 = 60 * SECOND;
        const DAY: u64 = 1_440 * MINUTE;
        let Self { nanos, step, .. } = *self;
        if nanos >= MINUTE && step < MINUTE {
            let clock = show::at(nanos).to_string();
            return if step < SECOND { clock } else { clock.replace(".000", "") };
        }
        if nanos >= DAY && step < DAY {
            return format!(
                "{} d {:02}:{:02}",
                nanos / DAY,
                nanos % DAY / (60 * MINUTE),
                nanos / MINUTE % 60
            );
        }
        let label = show::nanos(nanos).to_string();
        match label.split_once(' ') {
            Some((number, unit)) if number.contains('.') => {
                format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => label.replace(" m 00 s", " m").replace(" h 00 m", " h").replace(" d 00 h", " d"),
        }
    }
}

/// Where the axis is cut.
pub(super) struct Cut {
    pub(super) at: f64,
    pub(super) width: f64,
    pub(super) nanos: u64,
}

/// Above this share of the time at work, idle time is cut.
const LONG: f64 = 0.5;
/// The width of a cut, as a share of the time at work.
const CUT: f64 = 0.03;
const TICKS: f64 = 12.0;
/// A log of thousands of runs has thousands of cuts; beyond these, time is shown as it is.
const MOST_CUTS: usize = 12;

impl Axis {
    pub(super) fn new(timeline: &Timeline) -> Self {
        let idle = idle(timeline);
        let all: u64 = idle.iter().map(|(from, to)| to - from).sum();
        let busy = float(timeline.end.saturating_sub(all)).max(1.0);
        let mut cuts = idle;
        cuts.retain(|(from, to)| float(to - from) > LONG * busy);
        cuts.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
        cuts.truncate(MOST_CUTS);
        cuts.sort_unstable();
        let cut: u64 = cuts.iter().map(|(from, to)| to - from).sum();
        let cut_width = CUT * busy;
        let of_cuts = cuts.iter().map(|_| cut_width).sum::<f64>();
        let width = (float(timeline.end.saturating_sub(cut)) + of_cuts).max(1.0);
        Self { cuts, cut_width, width, end: timeline.end }
    }

    /// Where a time is, in per cent.
    pub(super) fn percent(&self, at: u64) -> f64 {
        let at = at.min(self.end);
        let mut shown = float(at);
        for (from, to) in &self.cuts {
            if at <= *from {
                break;
            }
            let inside = float(at.min(*to) - from);
            shown += inside * (self.cut_width / float(to - from)) - inside;
        }
        (shown / self.width * 100.0).clamp(0.0, 100.0)
    }

    /// Round times, not too many of them.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let step = step(self.width / TICKS);
        let mut ticks = Vec::new();
        let mut from = 0;
        let ends = self.cuts.iter().copied().chain([(self.end, self.end)]);
        for (to, next) in ends {
            let mut nanos = from - from % step;
            while nanos <= to && ticks.len() < 100 {
                if nanos >= from {
                    ticks.push(Tick { at: self.percent(nanos), nanos, step });
                }
                let Some(after) = nanos.checked_add(step) else { break };
                nanos = after;
            }
            from = next;
        }
        // After a cut, a round time can be close behind the one before it.
        ticks.dedup_by(|tick, before| tick.at - before.at < 5.0);
        ticks
    }

    pub(super) fn cuts(&self) -> impl Iterator<Item = Cut> {
        self.cuts.iter().map(|(from, to)| {
            let at = self.percent(*from);
            Cut { at, width: self.percent(*to) - at, nanos: to - from }
        })
    }
}

/// Stretches in which no session is open, or every open one waits for an answer.
fn idle(timeline: &Timeline) -> Vec<(u64, u64)> {
    // +1 where one gets to work, -1 where it stops.
    let mut steps: Vec<(u64, i64)> = Vec::new();
    for session in &timeline.sessions {
        steps.extend([(session.start, 1), (session.end, -1)]);
    }
    for span in &timeline.spans {
        if span.kind == SpanKind::Wait && &*span.name == "input" {
            steps.extend([(span.start, -1), (span.end, 1)]);
        }
    }
    steps.sort_unstable();
    let mut idle = Vec::new();
    let (mut working, mut since) = (0, 0);
    for (at, step) in steps {
        if working <= 0 && at > since {
            idle.push((since, at));
        }
        working += step;
        since = at;
    }
    if timeline.end > since {
        idle.push((since, timeline.end));
    }
    idle
}

/// The round step at or above `least` nanoseconds.
fn step(least: f64) -> u64 {
    const MINUTE: u64 = 60_000_000_000;
    const LONG: [u64; 13] = [1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 1_440, 2_880, 14_400];
    if least >= float(MINUTE / 2) {
        let minutes = LONG.into_iter().find(|minutes| float(minutes * MINUTE) >= least);
        return minutes.map_or(365 * 1_440 * MINUTE, |minutes| minutes * MINUTE);
    }
    let mut power = 1;
    loop {
        for digit in [1, 2, 5] {
            if float(digit * power) >= least {
                return digit * power;
            }
        }
        power *= 10;
    }
}

/// The share of a part of its whole, in per cent.
pub(super) fn share(part: u64, whole: u64) -> f64 {
    float(part) / float(whole.max(1)) * 100.0
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is not that exact")]
const fn float(number: u64) -> f64 {
    number as f64
}
