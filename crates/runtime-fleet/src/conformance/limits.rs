//! Limits: parts that are never more than the whole, and pauses.

use std::time::Duration;

use super::{HOUR, report, sync};
use crate::pace::{PerMinute, UNIT, Want};
use crate::state::{MemberReport, SharedState};

const fn requests(count: u64) -> PerMinute {
    [Some(count * UNIT), None, None, None]
}

fn want(limit: u64, applied: u64, demand: u64) -> Want {
    let [limits, applied, demand] = [limit, applied, demand].map(requests);
    Want { limit: "api".into(), limits, applied, demand }
}

fn wanting(id: &str, seq: u64, want: Want) -> MemberReport {
    let mut report = report(id, seq);
    report.wants = vec![want];
    report
}

/// What the member is given of 60 requests.
async fn given(state: &dyn SharedState, id: &str, seq: u64, applied: u64, demand: u64) -> u64 {
    let view = sync(state, wanting(id, seq, want(60, applied, demand))).await;
    let [requests, None, None, None] = view.share().given else {
        panic!("only requests are limited: {:?}", view.share().given)
    };
    requests.unwrap() / UNIT
}

/// A part that shrinks is given to others once its member goes by the smaller one.
pub(super) async fn shares(state: &dyn SharedState) {
    assert_eq!(given(state, "one", 1, 0, 50).await, 60, "alone, it has all");
    assert_eq!(given(state, "two", 1, 0, 50).await, 0, "the first may use all of it still");
    assert_eq!(given(state, "one", 2, 60, 50).await, 30, "it shrinks");
    assert_eq!(given(state, "two", 2, 0, 50).await, 0, "the first has not said that it applies it");
    assert_eq!(given(state, "one", 3, 30, 50).await, 30);
    assert_eq!(given(state, "two", 3, 0, 50).await, 30);

    // By demand, and what nobody asks for is split.
    assert_eq!(given(state, "one", 4, 30, 10).await, 10);
    assert_eq!(given(state, "one", 5, 10, 10).await, 10);
    assert_eq!(given(state, "two", 4, 30, 100).await, 50);
    assert_eq!(given(state, "two", 5, 50, 20).await, 35);

    // A member that says farewell leaves all it has.
    let mut last = wanting("two", 6, want(60, 35, 20));
    last.ttl = Duration::ZERO;
    let view = sync(state, last).await;
    assert_eq!(view.members.as_ref().ok(), Some(&1));
    assert_eq!(given(state, "one", 6, 10, 10).await, 60);

    // Of what the members hold for the limit, the least counts.
    let view = sync(state, wanting("one", 7, want(40, 60, 10))).await;
    assert_eq!(view.share().given, requests(40));
    let unlimited = Want { limits: [None; 4], ..want(60, 0, 0) };
    let view = sync(state, wanting("other", 1, Want { limit: "free".into(), ..unlimited })).await;
    assert_eq!((view.share().given, view.members.as_ref().ok()), ([None; 4], Some(&2)));
}

/// A backend that has forgotten the members of a limit gives each no more than it goes by, until it would have heard
/// of all of them.
pub(super) async fn forgotten(state: &dyn SharedState) {
    assert_eq!(given(state, "one", 7, 20, 50).await, 20, "the others may go by 40");
    assert_eq!(given(state, "two", 5, 30, 50).await, 30);
    assert_eq!(given(state, "new", 1, 0, 50).await, 0);
    assert_eq!(given(state, "one", 8, 20, 5).await, 5, "it shrinks");
    assert_eq!(given(state, "one", 9, 5, 50).await, 5, "and nobody has more yet");
    assert_eq!(given(state, "new", 2, 0, 50).await, 0);

    // Once the time of the first one is over, there is nobody else.
    let brief = |seq| {
        let mut brief = wanting("one", seq, Want { limit: "brief".into(), ..want(60, 20, 50) });
        brief.ttl = Duration::from_nanos(1);
        brief
    };
    assert_eq!(sync(state, brief(10)).await.share().given, requests(20));
    let new = wanting("new", 3, Want { limit: "brief".into(), ..want(60, 0, 50) });
    assert_eq!(sync(state, new).await.share().given, requests(60));
}

/// A report that was overtaken changes nothing.
pub(super) async fn late_reports(state: &dyn SharedState) {
    assert_eq!(given(state, "one", 1, 0, 50).await, 60);
    assert_eq!(given(state, "one", 3, 60, 50).await, 60);
    let _ = given(state, "one", 2, 0, 50).await;
    assert_eq!(given(state, "two", 1, 0, 50).await, 0, "the first may use 60");

    // A member whose time is over uses nothing more, and is none.
    let mut brief = wanting("three", 1, Want { limit: "brief".into(), ..want(60, 0, 50) });
    brief.ttl = Duration::from_nanos(1);
    assert_eq!(sync(state, brief).await.share().given, requests(60));
    let next = wanting("two", 2, Want { limit: "brief".into(), ..want(60, 0, 50) });
    let view = sync(state, next).await;
    assert_eq!((view.share().given, view.members.as_ref().ok()), (requests(60), Some(&2)));
}

/// Pauses of limits and of routes reach all, and are never shortened.
pub(super) async fn pauses(state: &dyn SharedState) {
    let mut following = wanting("one", 1, want(60, 0, 1));
    following.pauses = vec!["route".into()];
    let view = sync(state, following.clone()).await;
    assert_eq!((view.share().paused, *view.pauses[0].as_ref().unwrap()), (None, None));

    for name in ["api", "route"] {
        state.pause(name, HOUR).await.unwrap();
        state.pause(name, Duration::from_secs(1)).await.unwrap();
    }
    following.seq = 2;
    let view = sync(state, following).await;
    let is_long = |left: Option<Duration>| left.is_some_and(|left| left > HOUR / 2 && left <= HOUR);
    assert!(is_long(view.share().paused) && is_long(*view.pauses[0].as_ref().unwrap()), "{view:?}");
}
