//! The cases, their comparisons, and the promised ratios.

use crate::measure::{Work, median};

/// The number of rounds, each of which measures every case.
const ROUNDS: usize = 41;

/// A ratio passes up to this many times the allowed one. On a shared machine a ratio varies by a third
/// from run to run, and a regression changes it by more.
pub(crate) const SLACK: f64 = 1.5;

/// All cases and comparisons.
#[derive(Default)]
pub(crate) struct Suite {
    pub(crate) cases: Vec<Case>,
    pub(crate) ratios: Vec<Ratio>,
}

/// The index of a case.
#[derive(Clone, Copy)]
pub(crate) struct CaseId(usize);

/// A measured case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    work: Work,
    /// The number of calls in a batch.
    calls: u64,
    /// The nanoseconds per call, by round.
    rounds: Vec<Option<f64>>,
    heap: Heap,
    /// The allocations per call.
    pub(crate) allocations: Option<f64>,
}

/// The promise about the allocations of a case.
#[derive(Clone, Copy, PartialEq)]
enum Heap {
    Any,
    None,
}

/// Two cases, and the promised ratio.
pub(crate) struct Ratio {
    pub(crate) name: &'static str,
    pub(crate) ours: CaseId,
    pub(crate) peer: CaseId,
    /// The promise: ours takes at most this many times as long.
    pub(crate) allowed: f64,
    /// The result, once it is known.
    pub(crate) found: Option<Found>,
    /// Whether it was measured again, alone.
    pub(crate) again: bool,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Found {
    /// The nanoseconds per call.
    pub(crate) ours: f64,
    pub(crate) peer: f64,
    /// The time of ours as a multiple of the peer's: the median of the rounds, each of which measures both
    /// within milliseconds.
    pub(crate) times: f64,
}

/// The verdict on a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// At most the allowed ratio.
    Kept,
    /// Above the allowed ratio, within the slack.
    Close,
    /// Above the slack.
    Broken,
    /// The two threads never ran together.
    Unmeasured,
}

impl Suite {
    /// Adds a case.
    pub(crate) fn case(&mut self, name: &'static str, work: Work) -> CaseId {
        self.add(name, work, Heap::Any)
    }

    /// Adds a case of ours, which must not allocate.
    pub(crate) fn ours(&mut self, name: &'static str, work: Work) -> CaseId {
        self.add(name, work, Heap::None)
    }

    /// Compares two cases.
    pub(crate) fn ratio(&mut self, name: &'static str, ours: CaseId, peer: CaseId, allowed: f64) {
        self.ratios.push(Ratio { name, ours, peer, allowed, found: None, again: false });
    }

    /// Measures all cases, and broken ones again. Returns the broken promises.
    pub(crate) fn run(&mut self) -> Vec<String> {
        self.measure(&(0..self.cases.len()).collect::<Vec<_>>());
        self.compare();
        for place in 0..self.ratios.len() {
            if self.ratios[place].verdict().is_failure() {
                let pair = [self.ratios[place].ours, self.ratios[place].peer];
                self.measure(&pair.map(|id| id.0));
                self.ratios[place].found = self.found(pair);
                self.ratios[place].again = true;
            }
        }
        for case in &mut self.cases {
            case.allocations = case.work.allocations();
        }
        self.broken()
    }

    /// The case with this name.
    pub(crate) fn of(&self, id: CaseId) -> &Case {
        &self.cases[id.0]
    }

    fn add(&mut self, name: &'static str, work: Work, heap: Heap) -> CaseId {
        let id = CaseId(self.cases.len());
        let case = Case { name, work, calls: 1, rounds: Vec::new(), heap, allocations: None };
        self.cases.push(case);
        id
    }

    /// Measures these cases again, one after the other, round after round.
    fn measure(&mut self, places: &[usize]) {
        for &place in places {
            let case = &mut self.cases[place];
            case.rounds.clear();
            case.calls = case.work.batch();
        }
        for _ in 0..ROUNDS {
            for &place in places {
                let case = &mut self.cases[place];
                let round = case.work.round(case.calls);
                case.rounds.push(round);
            }
        }
    }

    fn compare(&mut self) {
        for place in 0..self.ratios.len() {
            self.ratios[place].found =
                self.found([self.ratios[place].ours, self.ratios[place].peer]);
        }
    }

    fn found(&self, [ours, peer]: [CaseId; 2]) -> Option<Found> {
        let (ours, peer) = (self.of(ours), self.of(peer));
        let pairs = ours.rounds.iter().zip(&peer.rounds);
        let mut times: Vec<f64> =
            pairs.filter_map(|(ours, peer)| Some((*ours)? / (*peer)?)).collect();
        Some(Found { ours: ours.nanos()?, peer: peer.nanos()?, times: median(&mut times)? })
    }

    fn broken(&self) -> Vec<String> {
        let ratios = self.ratios.iter().filter_map(|ratio| {
            let limit = ratio.allowed * SLACK;
            match (ratio.verdict(), ratio.found) {
                (Verdict::Broken, Some(Found { times, .. })) => Some(format!(
                    "{}: {times:.3} times {}, and {limit:.3} is the most",
                    ratio.name,
                    self.of(ratio.peer).name
                )),
                (Verdict::Unmeasured, _) => Some(format!(
                    "{}: the two threads never ran together; is the machine busy?",
                    ratio.name
                )),
                _ => None,
            }
        });
        let heaps = self.cases.iter().filter_map(|case| {
            let count = case.allocations.filter(|&count| count > 0.0 && case.heap == Heap::None)?;
            Some(format!("{}: {count} allocations per call, and none is allowed", case.name))
        });
        ratios.chain(heaps).collect()
    }
}

impl Ratio {
    pub(crate) fn verdict(&self) -> Verdict {
        Verdict::of(self.found.map(|found| found.times), self.allowed)
    }
}

impl Case {
    /// The nanoseconds per call: the median of the rounds.
    pub(crate) fn nanos(&self) -> Option<f64> {
        median(&mut self.rounds.iter().copied().flatten().collect::<Vec<_>>())
    }
}

impl Verdict {
    fn of(times: Option<f64>, allowed: f64) -> Self {
        match times {
            None => Self::Unmeasured,
            Some(times) if times <= allowed => Self::Kept,
            Some(times) if times <= allowed * SLACK => Self::Close,
            // Also for NaN.
            Some(_) => Self::Broken,
        }
    }

    fn is_failure(self) -> bool {
        matches!(self, Self::Broken | Self::Unmeasured)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "ok",
            Self::Close => "ok, within the slack",
            Self::Broken => "FAILED",
            Self::Unmeasured => "not measured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A suite of two cases with these nanoseconds by round.
    fn pair(ours: [Option<f64>; 3], peer: [Option<f64>; 3], allowed: f64) -> Suite {
        let mut suite = Suite::default();
        let ids = [("ours", ours), ("peer", peer)].map(|(name, rounds)| {
            let id = suite.case(name, Work::alone(|| ()));
            suite.cases[id.0].rounds = rounds.to_vec();
            id
        });
        suite.ratio("row", ids[0], ids[1], allowed);
        suite.compare();
        suite
    }

    #[test]
    fn a_ratio_does_not_depend_on_the_speed_of_a_round() {
        let slow_later = [Some(1.0), Some(1.0), Some(10.0)];
        let suite = pair(slow_later, slow_later.map(|nanos| Some(nanos? * 4.0)), 0.5);
        assert_eq!(suite.ratios[0].found.map(|found| found.times), Some(0.25));
    }

    #[test]
    fn a_round_without_one_of_two_cases_is_skipped() {
        let suite = pair([Some(2.0), None, Some(3.0)], [Some(1.0), Some(1.0), None], 1.0);
        assert_eq!(suite.ratios[0].found.map(|found| found.times), Some(2.0));
        let suite = pair([None, Some(1.0), None], [Some(1.0), None, None], 1.0);
        assert_eq!(suite.ratios[0].verdict(), Verdict::Unmeasured);
        assert!(suite.broken()[0].starts_with("row: "));
    }

    #[test]
    fn a_ratio_above_the_slack_is_broken_and_named() {
        assert_eq!(Verdict::of(Some(0.5), 0.5), Verdict::Kept);
        assert_eq!(Verdict::of(Some(0.74), 0.5), Verdict::Close);
        assert_eq!(Verdict::of(Some(0.76), 0.5), Verdict::Broken);
        assert_eq!(Verdict::of(Some(f64::NAN), 0.5), Verdict::Broken);
        let suite = pair([Some(8.0); 3], [Some(10.0); 3], 0.5);
        assert_eq!(suite.broken(), ["row: 0.800 times peer, and 0.750 is the most"]);
        assert!(pair([Some(7.0); 3], [Some(10.0); 3], 0.5).broken().is_empty());
    }

    #[test]
    fn an_allocation_of_ours_breaks_a_promise() {
        let mut suite = Suite::default();
        suite.ours("boxes", Work::alone(|| Box::new(1)));
        suite.case("may box", Work::alone(|| Box::new(1)));
        for case in &mut suite.cases {
            case.allocations = case.work.allocations();
        }
        assert_eq!(suite.broken(), ["boxes: 1 allocations per call, and none is allowed"]);
    }
}
