//! Forgets what nobody has any more.

use runtime_resilience::BreakerFollower;

use super::seats::{AccountSeat, LimiterSeat};
use super::shared::Shared;
use crate::config::Moment;
use crate::core::{Kept, Unused};

/// Forgets what nobody of this process has had for a while. Asked for again, it begins anew.
///
/// Only the driver does this, which also reads the rules and the seats side by side: between two of its looks both only
/// grow at their ends.
pub(super) fn unused(shared: &Shared, now: Moment) {
    let mut core = shared.core();
    let mut unused = Unused::of(&core, now);
    // Who asks for one of them waits for these locks, and finds it still or not at all.
    let mut seats = shared.seats();
    let gone = (
        take(&mut seats.accounts, &mut unused.accounts, |seat| AccountSeat::is_held(seat, 0)),
        take(&mut seats.limiters, &mut unused.limiters, LimiterSeat::is_held),
        take(&mut seats.breakers, &mut unused.breakers, |own: &BreakerFollower| own.handles() > 1),
    );
    drop(seats);
    unused.forget(&mut core);
    for place in &unused.accounts {
        shared.waiters().refused.remove(place);
    }
    drop(core);
    // What listens to them is the caller's: dropped without a lock.
    drop(gone);
}

/// Takes out what is at these places, but for what somebody has.
fn take<T>(kept: &mut Kept<T>, places: &mut Vec<usize>, is_held: impl Fn(&T) -> bool) -> Vec<T> {
    places.retain(|place| kept.get(*place).is_some_and(|seat| !is_held(seat)));
    places.iter().filter_map(|place| kept.take(*place)).collect()
}
