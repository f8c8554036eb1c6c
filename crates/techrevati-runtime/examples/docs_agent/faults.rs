//! How the extractive model's server misbehaves: one fault of each kind, on a seeded plan.

/// A way in which a provider fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// `429 Too Many Requests`, with `Retry-After`.
    RateLimit,
    /// `503 Service Unavailable`.
    Unavailable,
    /// The reply comes when nobody waits for it any more.
    Slow,
    /// The connection breaks in the middle of the reply.
    CutShort,
}

/// Which calls go wrong, and how.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The number of a call, counted from 0, and its fault.
    by_call: Vec<(usize, Fault)>,
    on_stream: Option<Fault>,
    calls: usize,
}

impl Plan {
    /// Draws a plan: three faults within the first six calls, one on the first streamed reply.
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut faults = [Fault::RateLimit, Fault::Unavailable, Fault::Slow, Fault::CutShort];
        random.shuffle(&mut faults);
        let [on_stream, by_call @ ..] = faults;
        let by_call = by_call.into_iter().enumerate();
        Self {
            by_call: by_call.map(|(pair, fault)| (2 * pair + random.usize(..2), fault)).collect(),
            on_stream: Some(on_stream),
            calls: 0,
        }
    }

    /// What happens to the next call.
    pub(crate) fn next(&mut self, stream: bool) -> Option<Fault> {
        let call = self.calls;
        self.calls += 1;
        let planned = self.by_call.iter().find(|(number, _)| *number == call);
        planned.map(|(_, fault)| *fault).or_else(|| self.on_stream.take_if(|_| stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seed: u64) -> Vec<Option<Fault>> {
        let mut plan = Plan::new(seed);
        (0..12).map(|call| plan.next(call >= 8)).collect()
    }

    #[test]
    fn every_seed_brings_each_fault_once() {
        for seed in 0..100 {
            let faults = run(seed);
            for fault in [Fault::RateLimit, Fault::Unavailable, Fault::Slow, Fault::CutShort] {
                assert_eq!(faults.iter().filter(|met| **met == Some(fault)).count(), 1, "{seed}");
            }
            assert!(faults[8].is_some(), "the streamed reply fails once");
        }
    }

    #[test]
    fn the_same_seed_brings_the_same_faults() {
        assert_eq!(run(3), run(3));
        assert!((0..10).any(|seed| run(seed) != run(3)));
    }
}
