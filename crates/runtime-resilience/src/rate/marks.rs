//! The least that was owed since calls were admitted, for what they may give back.

use std::collections::VecDeque;

/// The order in which calls were admitted, from 1.
pub(super) type Ordinal = u64;

/// The number of marks. Beyond it, the oldest calls share one, and may get back less.
const MOST: usize = 64;

/// Low marks: the least debt since the calls up to an ordinal were admitted. Both rise from each mark to the
/// next.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks(VecDeque<Mark>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    of: Ordinal,
    low: u128,
}

impl Marks {
    #[inline]
    pub(super) fn clear(&mut self) {
        // Nearly always there are none, and a `VecDeque` does not ask.
        if !self.0.is_empty() {
            self.0.clear();
        }
    }

    /// The calls up to `of` can give back at most `low`.
    #[inline]
    pub(super) fn mark(&mut self, of: Ordinal, low: u128) {
        // Nearly every mark is later and higher than all before it.
        if self.0.back().is_none_or(|last| last.of <= of && last.low < low) {
            self.make_room();
            self.0.push_back(Mark { of, low });
        } else {
            self.mark_between(of, low);
        }
    }

    fn mark_between(&mut self, of: Ordinal, low: u128) {
        let later = self.0.partition_point(|mark| mark.of <= of);
        if self.0.get(later).is_some_and(|mark| mark.low <= low) {
            return;
        }
        let higher = self.0.partition_point(|mark| mark.low < low).min(later);
        if higher < later {
            self.0[higher] = Mark { of, low };
            self.0.drain(higher + 1..later);
        } else {
            let gone = self.make_room();
            self.0.insert(higher.saturating_sub(gone), Mark { of, low });
        }
    }

    /// Returns how many marks went for it.
    #[inline]
    fn make_room(&mut self) -> usize {
        if self.0.len() < MOST {
            return 0;
        }
        // The lower of two marks stands for both.
        self.0[1].low = self.0[0].low;
        self.0.pop_front();
        1
    }

    /// Takes up to `back` from what the call `of` can give back of `owed`, and says how much that is.
    #[inline]
    pub(super) fn give_back(&mut self, back: u128, of: Ordinal, owed: u128) -> u128 {
        // Nearly every call that ends soon is later than all marks.
        if self.0.back().is_none_or(|last| last.of < of) {
            return back.min(owed);
        }
        let since = self.0.partition_point(|mark| mark.of < of);
        let back = back.min(owed).min(self.0[since].low);
        for mark in self.0.range_mut(since..) {
            mark.low -= back;
        }
        // The calls before may have a new lowest mark.
        let low = self.0[since].low;
        let higher = self.0.partition_point(|mark| mark.low < low).min(since);
        self.0.drain(higher..since);
        back
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_for_earlier_calls_keeps_the_order_of_a_full_list() {
        let mut marks = Marks::default();
        for ordinal in 1..=MOST as u64 {
            marks.mark(10 * ordinal, 100 * u128::from(ordinal));
        }
        marks.mark(25, 220);
        assert_eq!(marks.0.len(), MOST);
        assert!(marks.0.iter().is_sorted_by(|one, next| one.of < next.of && one.low < next.low));
    }
}
