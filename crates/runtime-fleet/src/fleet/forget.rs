//! Forgets what nobody has any more.

use runtime_resilience::{BreakerFollower, Routes};

use super::glue::rest_of;
use super::seats::{AccountSeat, LimiterSeat, Seats};
use super::shared::Shared;
use crate::config::Moment;
use crate::core::{Core, Kept, Unused};

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
        routes(&mut seats, &mut core, now),
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

/// Takes out the routes that nobody has, such as those of a session that is over. Their rests are not followed any more.
fn routes(seats: &mut Seats, core: &mut Core, now: Moment) -> Vec<Routes> {
    if !core.sync_is_due(now) {
        return Vec::new();
    }
    let gone: Vec<_> = seats.routes.extract_if(.., |routes| routes.handles() == 1).collect();
    if !gone.is_empty() {
        let had = seats.routes.iter().flat_map(|routes| routes.iter().map(rest_of));
        core.pauses.keep(&had.collect());
    }
    gone
}

/// Takes out what is at these places, but for what somebody has.
fn take<T>(kept: &mut Kept<T>, places: &mut Vec<usize>, is_held: impl Fn(&T) -> bool) -> Vec<T> {
    places.retain(|place| kept.get(*place).is_some_and(|seat| !is_held(seat)));
    places.iter().filter_map(|place| kept.take(*place)).collect()
}
