//! One thing of each kind that a backend cannot read any more.

use super::{HOUR, booking, enforced, member, path, report};
use crate::error::StateError;
use crate::pace::Want;
use crate::probe::BreakerView;
use crate::state::{Accounts, MemberReport};

/// What a backend has of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test damages every one")]
pub enum Thing {
    /// A breaker.
    Breaker,
    /// A limit.
    Limit,
    /// The pause of a route.
    Pause,
    /// An account.
    Account,
}

impl Thing {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Breaker, Self::Limit, Self::Pause, Self::Account];
}

fn all() -> MemberReport {
    let limits = [Some(60), None, None, None];
    let want = |limit: &str| Want {
        limit: limit.into(),
        limits,
        applied: [Some(0), None, None, None],
        demand: [Some(1), None, None, None],
    };
    let mut report = report("one", 1);
    report.breakers = vec!["bad".into(), "good".into()];
    report.wants = ["bad", "good"].map(want).into();
    report.pauses = vec!["route bad".into(), "route good".into()];
    report.bookings = ["bad", "good"].map(|account| booking(account, "one")).into();
    report
}

/// A breaker, a limit, an account named `bad`, and a pause named `route bad`, and others named `good`. What becomes
/// unreadable is a matter of its own, whatever asks for it, and is named.
///
/// # Panics
///
/// If the test fails.
pub async fn damaged<S: Accounts>(state: &S, damage: impl Fn(Thing)) {
    for name in ["bad", "good"] {
        state.set(&path(name), &enforced(100)).await.unwrap();
        state.open(name, 0, HOUR).await.unwrap();
        state.pause(&format!("route {name}"), HOUR).await.unwrap();
    }
    let mut report = all();
    state.sync(&report).await.unwrap();
    let mut bad = Vec::new();
    for thing in Thing::ALL {
        damage(thing);
        bad.push(thing);
        report.seq += 1;
        report.bookings.iter_mut().for_each(|booking| booking.seq += 1);
        // A heartbeat with something to book reads, and one without does not have to.
        report.bookings.iter_mut().for_each(|booking| booking.spent = super::cents(report.seq));
        let view = state.sync(&report).await.unwrap();
        let errors = [
            [error(&view.breakers[0]), error(&view.breakers[1])],
            [error(&view.shares[0]), error(&view.shares[1])],
            [error(&view.pauses[0]), error(&view.pauses[1])],
            [error(&view.booked[0]), error(&view.booked[1])],
        ];
        for (thing, [own, other]) in Thing::ALL.into_iter().zip(errors) {
            assert!(other.is_none(), "{thing:?} of another name: {other:?}");
            assert_eq!(own.is_some(), bad.contains(&thing), "{thing:?}: {own:?}");
            own.into_iter().for_each(is_named);
        }
        let open = |view: &BreakerView| view.open.is_some_and(|left| left > HOUR / 2);
        assert!(view.breakers[1].as_ref().is_ok_and(open), "{view:?}");
    }
    // Calls of their own.
    is_named(&state.open("bad", 9, HOUR).await.unwrap_err());
    is_named(&state.probe("bad", &member("one"), HOUR, HOUR).await.unwrap_err());
    is_named(&state.book(&report.bookings[0]).await.unwrap_err());
    state.open("good", 9, HOUR).await.unwrap();
    state.pause("good", HOUR).await.unwrap();
    state.book(&report.bookings[1]).await.unwrap();
}

fn error<T>(part: &Result<T, StateError>) -> Option<&StateError> {
    part.as_ref().err()
}

fn is_named(error: &StateError) {
    assert!(matches!(error, StateError::Corrupt { .. }), "{error:?}");
    assert!(error.to_string().contains("bad`"), "it is named: {error}");
}
