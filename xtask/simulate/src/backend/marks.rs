//! The marks of an account, from what is spent of it to the member that tells them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use runtime_fleet::{Booked, Booking, MemberId};

/// The marks that members were given, and those that they have heard of since.
#[derive(Default)]
pub(super) struct Marks {
    /// The last booking of each member, and until when it is waited for. None that says farewell is.
    last: BTreeMap<MemberId, (u64, Option<Duration>)>,
    given: Vec<(MemberId, u64, u16)>,
    pub(super) heard: BTreeSet<u16>,
}

impl Marks {
    /// What is spent has reached no mark that nobody was given, but for those who are away and did not hear of it.
    pub(super) fn booked(
        &mut self,
        at: Duration,
        booking: &Booking,
        booked: &Booked,
    ) -> Result<(), String> {
        let Booking { member, seq, heard, ttl, .. } = booking;
        // An answer has all that was given before and not heard of. What was lost and went to another is not in it.
        let own = |(of, seq, _): &&(MemberId, u64, u16)| of == member && seq == heard;
        self.heard.extend(self.given.iter().filter(own).map(|(.., mark)| mark));
        let last = self.last.entry(member.clone()).or_default();
        if *seq < last.0 {
            // It comes late, and is told nothing new.
            last.1 = Some(at.saturating_add(*ttl));
            return Ok(());
        }
        *last = (*seq, Some(at.saturating_add(*ttl)).filter(|_| !ttl.is_zero()));
        let Some(level) = booked.path.first() else { return Ok(()) };
        self.given.extend(level.marks.iter().map(|mark| (member.clone(), *seq, *mark)));
        let (spent, amount) = (level.state.spent.nanos(), level.state.rules.amount.nanos());
        let reached = |mark: &&u16| {
            spent > 0 && u128::from(spent) * 100 >= u128::from(amount) * u128::from(**mark)
        };
        let mut reached = level.state.rules.marks.iter().filter(reached);
        let is_told = |mark: u16| {
            let waited_for = |(of, _, given): &(MemberId, u64, u16)| {
                let last = self.last.get(of);
                *given == mark && last.is_some_and(|(_, until)| until.is_none_or(|it| at < it))
            };
            self.heard.contains(&mark) || self.given.iter().any(waited_for)
        };
        match reached.find(|mark| !is_told(**mark)) {
            Some(mark) => Err(format!("{mark} % are spent, and nobody was told: {booked:?}")),
            None => Ok(()),
        }
    }
}
