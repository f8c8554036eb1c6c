//! What the sessions say of themselves, beside what was done with them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime_orchestrator::Summary;
use runtime_usage::Usd;

/// Relaxed, everywhere: numbers that order nothing, and are read once everybody is done.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) asked: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) recorded: AtomicU64,
    pub(crate) recorded_wrong: AtomicU64,
    sessions: AtomicU64,
    iterations: AtomicU64,
    events: AtomicU64,
    sink_failures: AtomicU64,
    nanos: AtomicU64,
}

pub(crate) fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Books {
    /// A session is over.
    pub(crate) fn add(&self, summary: &Summary) {
        one_more(&self.sessions);
        for (sum, number) in [
            (&self.iterations, u64::from(summary.iterations)),
            (&self.events, summary.events_emitted),
            (&self.sink_failures, summary.sink_failures),
            (&self.nanos, summary.usage.total_cost_usd.nanos()),
        ] {
            sum.fetch_add(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn turns(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn spent(&self) -> Usd {
        Usd::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    /// What does not agree.
    pub(crate) fn judge(&self, seen: u64, refused: u64) -> Vec<String> {
        let ends = [&self.answered, &self.failed, &self.timed_out, &self.dropped, &self.refused];
        let ends: u64 = ends.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let pairs = [
            (
                "turns that were asked for, and the iterations of sessions",
                self.turns(),
                of(&self.iterations),
            ),
            ("turns that were asked for, and their ends", self.turns(), ends),
            ("events that were emitted, and those that the sink saw", of(&self.events), seen),
            (
                "failures of the sink, and those that sessions counted",
                refused,
                of(&self.sink_failures),
            ),
            ("recorded threads that are wrong", 0, of(&self.recorded_wrong)),
        ];
        let differ = pairs.into_iter().filter(|(_, one, other)| one != other);
        differ.map(|(what, one, other)| format!("{what}: {one} and {other}")).collect()
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        write!(
            f,
            "{} sessions made {} turns: {} answered, {} failed, {} timed out, {} dropped, {} refused; \
             {} events, of which the sink lost {}; {} spent; {} threads recorded",
            of(&self.sessions),
            of(&self.asked),
            of(&self.answered),
            of(&self.failed),
            of(&self.timed_out),
            of(&self.dropped),
            of(&self.refused),
            of(&self.events),
            of(&self.sink_failures),
            self.spent(),
            of(&self.recorded),
        )
    }
}
