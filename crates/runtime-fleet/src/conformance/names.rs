//! Things with names that look alike, and fleets that look alike.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::connections::Heard;
use super::{HOUR, cents, enforced, path, report, sync};
use crate::money::AccountPath;
use crate::pace::Want;
use crate::state::{Accounts, Change, MemberReport, View};

/// What a backend may take for a part of its own.
const PARTS: [&str; 24] = [
    "a", "b", ":", "/", "{", "}", "{}", " ", "\n", "\t", "%", "*", "?", "\\", "'", "\"", ".", "é",
    "日本", "breaker", "limit", "accounts", "route ", "members:",
];

/// Names that differ, in an order that follows from `seed`.
fn names(seed: u64) -> BTreeSet<Arc<str>> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut name = || (0..dice.u8(1..6)).map(|_| PARTS[dice.usize(0..PARTS.len())]).collect();
    let drawn: Vec<String> = (0..24).map(|_| name()).collect();
    drawn.iter().map(|name| Arc::from(name.as_str())).chain(PARTS.map(Arc::from)).collect()
}

/// Things with odd names that differ are different things.
pub(super) async fn differ<S: Accounts>(state: &S, seed: u64) {
    let names = names(seed);
    let paths = || names.iter().filter_map(|name| AccountPath::new(name.clone()).ok());
    let hours = || (1..).map(|hours| HOUR * hours);
    // Those above first.
    for path in paths().flat_map(|path| path.path().collect::<Vec<_>>().into_iter().rev()) {
        state.set(&path, &enforced(1)).await.unwrap();
    }
    for (path, number) in paths().zip(1..) {
        state.set(&path, &enforced(number)).await.unwrap();
    }
    let mut asked = report("one", 1);
    for (name, wait) in names.iter().zip(hours()) {
        state.open(name, 0, wait).await.unwrap();
        state.pause(name, wait).await.unwrap();
        asked.breakers.push(name.clone());
        asked.pauses.push(name.clone());
    }
    for (name, number) in names.iter().zip(1..) {
        let limits = [Some(number), None, None, None];
        let (applied, demand) = ([Some(0), None, None, None], limits);
        asked.wants.push(Want { limit: name.clone(), limits, applied, demand });
    }

    let view = sync(state, asked).await;
    let about = |left: Duration, wait: Duration| left <= wait && wait.abs_diff(left) < HOUR / 2;
    for (((name, wait), open), paused) in
        names.iter().zip(hours()).zip(&view.breakers).zip(&view.pauses)
    {
        let open = open.as_ref().unwrap().open.unwrap();
        assert!(about(open, wait), "seed {seed}: breaker {name:?} is open for {open:?}");
        let paused = paused.as_ref().unwrap().unwrap();
        assert!(about(paused, wait), "seed {seed}: limit {name:?} is paused for {paused:?}");
    }
    for ((name, number), share) in names.iter().zip(1..).zip(&view.shares) {
        assert_eq!(share.as_ref().unwrap().given[0], Some(number), "seed {seed}: {name:?}");
    }
    for (path, number) in paths().zip(1..) {
        let amount = state.account(&path).await.unwrap().unwrap().rules.amount;
        assert_eq!(amount, cents(number), "seed {seed}: {path:?}");
    }
}

/// Two fleets in one database, with places of their own, do not see each other and hear nothing of each other. Names are
/// those that would be another fleet's if its place were put in front of them.
///
/// # Panics
///
/// If the test fails.
pub async fn apart<S: Accounts>(one: &S, other: &S, names: &[&str]) {
    let heard = Heard::of(other);
    for name in names {
        one.open(name, 0, HOUR).await.unwrap();
        one.pause(name, HOUR).await.unwrap();
        one.set(&path(name), &enforced(100)).await.unwrap();
    }
    let seen = sync(one, all_of("one", names)).await;
    assert!(seen.breakers.iter().all(|it| it.as_ref().unwrap().open.is_some()), "{seen:?}");

    let View { members, breakers, pauses, .. } = sync(other, all_of("other", names)).await;
    assert_eq!(members.ok(), Some(1));
    assert!(breakers.iter().all(|it| it.as_ref().unwrap().open.is_none()), "{breakers:?}");
    assert!(pauses.iter().all(|it| it.as_ref().unwrap().is_none()), "{pauses:?}");
    assert!(other.accounts().await.unwrap().is_empty());

    // What it hears first is of its own, though it is the last.
    other.pause("own", HOUR).await.unwrap();
    let told = loop {
        match heard.next().await {
            Change::Connected => {}
            told => break told,
        }
    };
    assert!(matches!(&told, Change::Pause { name, .. } if **name == *"own"), "{told:?}");
}

fn all_of(id: &str, names: &[&str]) -> MemberReport {
    let mut all = report(id, 1);
    all.breakers = names.iter().map(|name| Arc::from(*name)).collect();
    all.pauses.clone_from(&all.breakers);
    all
}
