//! The faults of the extractive model's server: one of each kind, on a seeded plan.

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// `429 Too Many Requests`, with `Retry-After`.
    RateLimit,
    /// `503 Service Unavailable`.
    Unavailable,
    /// `400 Bad Request`: too long for the model. The next request has to be shorter.
    TooLong,
    /// A streamed reply that does not begin in time.
    Silent,
    /// A streamed reply whose connection breaks in the middle.
    CutShort,
}

/// The calls that earlier processes made, as their store has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Met {
    pub(crate) plain: usize,
    pub(crate) streamed: usize,
    /// Whether a call was too long.
    pub(crate) too_long: bool,
}

/// The plan of faults.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The number of a plain call, counted from 0, and its fault.
    plain: [(usize, Fault); 2],
    /// The number of the plain call from which a long one is too long.
    too_long: Option<usize>,
    /// The faults of the first streamed replies, the last of them in front.
    streamed: Vec<Fault>,
    calls: usize,
}

impl Plan {
    /// Draws a plan: two faults within the first four plain calls, one on a long call after them, and
    /// one on each of the first two streamed replies.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let [mut plain, mut streamed] =
            [[Fault::Unavailable, Fault::RateLimit], [Fault::CutShort, Fault::Silent]];
        random.shuffle(&mut plain);
        random.shuffle(&mut streamed);
        let [first, second] = plain;
        Self {
            plain: [(random.usize(..2), first), (random.usize(2..4), second)],
            too_long: Some(random.usize(4..8)),
            streamed: streamed.into(),
            calls: 0,
        }
    }

    /// The plan after the calls of earlier processes: the provider lives on when an agent dies.
    pub(crate) fn after(mut self, met: &Met) -> Self {
        self.calls = met.plain;
        self.too_long = self.too_long.filter(|_| !met.too_long);
        self.streamed.truncate(self.streamed.len().saturating_sub(met.streamed));
        self
    }

    /// The fault of the next plain call. `long` tells whether the call can be shortened.
    pub(crate) fn plain(&mut self, long: bool) -> Option<Fault> {
        let call = self.calls;
        self.calls += 1;
        let planned = self.plain.iter().find(|(number, _)| *number == call);
        planned.map(|(_, fault)| *fault).or_else(|| {
            let due = self.too_long.take_if(|first| long && *first <= call);
            due.map(|_| Fault::TooLong)
        })
    }

    /// The fault of the next streamed reply.
    pub(crate) fn streamed(&mut self) -> Option<Fault> {
        self.streamed.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Fault; 5] =
        [Fault::RateLimit, Fault::Unavailable, Fault::TooLong, Fault::Silent, Fault::CutShort];

    fn run(seed: u64) -> Vec<Option<Fault>> {
        let mut plan = Plan::new(seed);
        let mut met = (0..10).map(|call| plan.plain(call > 1)).collect::<Vec<_>>();
        met.extend((0..3).map(|_| plan.streamed()));
        met
    }

    #[test]
    fn each_seed_has_each_fault_once() {
        for seed in 0..100 {
            let met = run(seed);
            for fault in ALL {
                assert_eq!(met.iter().filter(|met| **met == Some(fault)).count(), 1, "{seed}");
            }
            assert_eq!(met[12], None, "the third streamed reply comes");
        }
    }

    #[test]
    fn short_context_is_not_too_long() {
        let mut plan = Plan::new(1);
        assert!((0..20).all(|_| plan.plain(false) != Some(Fault::TooLong)));
        assert_eq!(plan.plain(true), Some(Fault::TooLong));
    }

    #[test]
    fn same_seed_has_the_same_faults() {
        assert_eq!(run(3), run(3));
        assert!((0..10).any(|seed| run(seed) != run(3)));
    }
}
