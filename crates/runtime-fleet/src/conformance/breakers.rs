//! Breakers: openings, generations, and the one probe of a cool-down.

use std::time::Duration;

use super::{HOUR, all, member, report, sync};
use crate::probe::{BreakerView, Probe, ProbeLease, Probed};
use crate::state::SharedState;

const ZERO: Duration = Duration::ZERO;

/// What the heartbeat of another member sees.
async fn seen(state: &dyn SharedState, breaker: &str) -> BreakerView {
    let mut report = report("observer", 1);
    report.breakers = vec!["none".into(), breaker.into()];
    let view = sync(state, report).await;
    assert_eq!(
        *view.breakers[0].as_ref().unwrap(),
        BreakerView::default(),
        "there is no breaker `none`"
    );
    *view.breakers[1].as_ref().unwrap()
}

async fn lease(state: &dyn SharedState, id: &str, ttl: Duration, wait: Duration) -> ProbeLease {
    match state.probe("a", &member(id), ttl, wait).await.unwrap() {
        Probe::Granted(lease) => lease,
        Probe::Refused(view) => panic!("the probe was to be granted: {view:?}"),
    }
}

async fn refused(state: &dyn SharedState, id: &str) -> BreakerView {
    match state.probe("a", &member(id), HOUR, HOUR).await.unwrap() {
        Probe::Granted(lease) => panic!("the probe was to be refused: {lease:?}"),
        Probe::Refused(view) => view,
    }
}

fn waits_about(view: BreakerView, wait: Duration) -> bool {
    view.open.is_some_and(|open| open <= wait && open > wait / 2)
}

/// Whoever opens it, all see it; the longer wait counts; failures of an earlier generation open nothing.
pub(super) async fn opening(state: &dyn SharedState) {
    assert_eq!(seen(state, "a").await, BreakerView::default());
    assert_eq!(refused(state, "one").await, BreakerView::default(), "a closed one needs no probe");

    let opened = state.open("a", 0, HOUR).await.unwrap();
    assert!(opened.generation == 1 && waits_about(opened, HOUR) && !opened.probing);
    assert!(waits_about(seen(state, "a").await, HOUR));
    assert_eq!(seen(state, "b").await, BreakerView::default());

    let shorter = state.open("a", 0, Duration::from_secs(1)).await.unwrap();
    assert!(waits_about(shorter, HOUR), "a shorter wait changes nothing");
    let longer = state.open("a", 1, HOUR * 2).await.unwrap();
    assert!(longer.generation == 1 && waits_about(longer, HOUR * 2), "the longer wait counts");
    assert!(waits_about(refused(state, "one").await, HOUR * 2), "no probe before the wait is over");

    let forgotten = state.open("c", 7, HOUR).await.unwrap();
    assert_eq!(forgotten.generation, 8, "generations go on where the members are");
}

/// A probe goes to one member; what it finds out counts for all.
pub(super) async fn probing(state: &dyn SharedState) {
    let opened = state.open("a", 0, ZERO).await.unwrap();
    assert_eq!((opened.generation, opened.open), (1, Some(ZERO)), "its wait is over");

    let first = lease(state, "one", HOUR, HOUR).await;
    assert_eq!((first.generation, &*first.breaker), (2, "a"));
    let other = refused(state, "two").await;
    assert!(other.probing && other.generation == 2 && waits_about(other, HOUR * 2));
    assert_eq!(lease(state, "one", HOUR, HOUR).await.generation, 2, "asked again, it is the same");

    let unused = state.probed(&first, Probed::Unused).await.unwrap();
    assert_eq!((unused.open, unused.probing), (Some(ZERO), false));
    let next = lease(state, "one", HOUR, HOUR).await;
    let late = state.probed(&first, Probed::Closed).await.unwrap();
    assert!(late.probing, "the member has another lease by now: {late:?}");
    state.probed(&next, Probed::Unused).await.unwrap();
    let second = lease(state, "two", HOUR, HOUR).await;

    let late = state.probed(&first, Probed::Closed).await.unwrap();
    assert!(late.probing, "the first lease is over: {late:?}");
    let failed = state.probed(&second, Probed::Failed { wait: HOUR }).await.unwrap();
    assert!(waits_about(failed, HOUR) && !failed.probing);
    let again = state.probed(&second, Probed::Closed).await.unwrap();
    assert_eq!(again.generation, failed.generation, "a probe ends once");

    let state_of_b = state.open("b", 0, ZERO).await.unwrap();
    let Probe::Granted(third) = state.probe("b", &member("one"), HOUR, HOUR).await.unwrap() else {
        panic!("the probe was to be granted: {state_of_b:?}")
    };
    let closed = state.probed(&third, Probed::Closed).await.unwrap();
    assert_eq!((closed.open, closed.probing), (None, false));
    let late = state.open("b", state_of_b.generation, HOUR).await.unwrap();
    assert_eq!(late, closed, "these failures are from before it closed");
    let news = state.open("b", closed.generation, HOUR).await.unwrap();
    assert!(waits_about(news, HOUR) && news.generation > closed.generation);
}

/// A probe of which nothing is heard has failed.
pub(super) async fn lost_probes(state: &dyn SharedState) {
    state.open("a", 0, ZERO).await.unwrap();
    let lost = lease(state, "one", ZERO, ZERO).await;
    let late = state.probed(&lost, Probed::Closed).await.unwrap();
    assert_eq!(late.open, Some(ZERO), "its time is over, and with it its word");
    let lost = lease(state, "two", ZERO, HOUR).await;
    assert!(lost.generation > late.generation);
    let view = refused(state, "three").await;
    assert!(!view.probing && waits_about(view, HOUR), "one more wait: {view:?}");
}

/// A longer wait that somebody asks for while a member probes is kept, however the probe ends.
pub(super) async fn longer_waits(state: &dyn SharedState) {
    let ends = [Probed::Closed, Probed::Failed { wait: ZERO }, Probed::Unused];
    for (name, ends) in ["a", "b", "c"].into_iter().zip(ends) {
        let opened = state.open(name, 0, ZERO).await.unwrap();
        let Probe::Granted(probe) = state.probe(name, &member("one"), HOUR, ZERO).await.unwrap()
        else {
            panic!("the probe was to be granted: {opened:?}")
        };
        let longer = state.open(name, opened.generation, HOUR * 3).await.unwrap();
        assert_eq!(longer.generation, probe.generation);
        let ended = state.probed(&probe, ends).await.unwrap();
        assert!(waits_about(ended, HOUR * 3) && !ended.probing, "{ends:?}: {ended:?}");
    }
}

/// Of many members that ask at once, one gets the probe.
pub(super) async fn one_probe_of_many(state: &dyn SharedState) {
    state.open("a", 0, ZERO).await.unwrap();
    let members: Vec<_> = (0..16).map(|n| member(&format!("m{n}"))).collect();
    let asked = members.iter().map(|member| state.probe("a", member, HOUR, HOUR)).collect();
    let granted =
        all(asked).await.into_iter().filter(|probe| matches!(probe, Ok(Probe::Granted(_))));
    assert_eq!(granted.count(), 1);
}
