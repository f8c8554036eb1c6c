//! [`Unused`]: what nobody of this process has had for so long that the member forgets it.
//!
//! Nothing is lost by that. Of an account the backend has heard all that was spent, and has back what was held. A
//! breaker is closed, and a limit is not paused. Nothing of it is under way, so no answer looks for it.

use super::{Core, Follower, Part, Till};
use crate::config::Moment;

/// The places of what is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Unused {
    pub(crate) accounts: Vec<usize>,
    pub(crate) limiters: Vec<usize>,
    pub(crate) breakers: Vec<usize>,
}

impl Unused {
    /// What may go now, if nobody has it: it is looked for whenever a heartbeat begins.
    pub(crate) fn of(core: &Core, now: Moment) -> Self {
        let keep = core.rhythm.keep;
        if !core.sync_is_due(now) {
            return Self::default();
        }
        let (tills, parts, followers) =
            (core.tills.iter(), core.parts.iter(), core.followers.iter());
        let till = |(place, till): (usize, &Till)| till.is_over(keep, now).then_some(place);
        let part = |(place, part): (usize, &Part)| part.is_over(keep, now).then_some(place);
        let follower = |(place, own): (usize, &Follower)| own.is_over(keep, now).then_some(place);
        Self {
            accounts: tills.filter_map(till).collect(),
            limiters: parts.filter_map(part).collect(),
            breakers: followers.filter_map(follower).collect(),
        }
    }

    pub(crate) fn forget(&self, core: &mut Core) {
        for place in &self.accounts {
            core.tills.take(*place);
        }
        for place in &self.limiters {
            core.parts.take(*place);
        }
        for place in &self.breakers {
            core.followers.take(*place);
        }
    }
}
