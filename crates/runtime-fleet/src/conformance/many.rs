//! Members that ask at the same time, over connections of their own.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runtime_usage::Usd;

use super::{HOUR, Owner, all, cents, enforced, member, path, report};
use crate::BoxFuture;
use crate::error::StateError;
use crate::money::{Booked, Booking};
use crate::pace::Want;
use crate::probe::{Probe, Probed};
use crate::state::{Accounts, SharedState};

/// Makes a call again until the backend is there.
async fn patiently<T, F: Future<Output = Result<T, StateError>>>(mut call: impl FnMut() -> F) -> T {
    loop {
        match call().await {
            Ok(value) => return value,
            Err(error) if error.is_unavailable() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Of members that ask for a probe in each of twenty cool-downs, one gets it each time.
///
/// # Panics
///
/// If another number of them gets it.
pub async fn one_probe_each_time<S: SharedState>(states: &[S]) {
    let mut generation = 0;
    for round in 0..20 {
        let opened = patiently(|| states[0].open("raced", generation, Duration::ZERO)).await;
        assert_eq!(opened.open, Some(Duration::ZERO), "round {round}");
        let members: Vec<_> = (0..states.len()).map(|n| member(&format!("m{n}"))).collect();
        let asked = states.iter().zip(&members).map(|(state, member)| {
            let asked = async || state.probe("raced", member, HOUR, HOUR).await;
            Box::pin(patiently(asked)) as BoxFuture<'_, _>
        });
        let granted: Vec<_> = all(asked.collect())
            .await
            .into_iter()
            .filter_map(|probe| match probe {
                Probe::Granted(lease) => Some(lease),
                Probe::Refused(_) => None,
            })
            .collect();
        assert_eq!(granted.len(), 1, "round {round}");
        let ended = Probed::Failed { wait: Duration::ZERO };
        let view = patiently(|| states[0].probed(&granted[0], ended)).await;
        generation = view.generation;
    }
}

/// Ten members report side by side, of two limits and two accounts, each in an order of its own. What they go by is
/// never more than the limit, and none waits for another for ever.
///
/// # Panics
///
/// If it is.
pub async fn parts_of_a_whole<S: Accounts>(states: &[S]) {
    for account in ["whole", "whole/a", "other"] {
        let (account, rules) = (path(account), enforced(100));
        patiently(|| states[0].set(&account, &rules)).await;
    }
    let applied = Mutex::new([[0_u64; 2]; 10]);
    let members = (0..10).map(|number| {
        let state = &states[number % states.len()];
        Box::pin(report_often(state, number, &applied)) as BoxFuture<'_, _>
    });
    all(members.collect()).await;
}

/// What all members may use of each of the two limits.
const WHOLE: u64 = 1_000;

/// A member goes by these parts from now on. Returns what all members may use.
fn go_by(applied: &Mutex<[[u64; 2]; 10]>, number: usize, own: [u64; 2]) -> [u64; 2] {
    let mut all = applied.lock().unwrap_or_else(PoisonError::into_inner);
    all[number] = own;
    let parts = *all;
    drop(all);
    [0, 1].map(|limit| parts.iter().map(|own| own[limit]).sum())
}

async fn report_often(state: &dyn SharedState, number: usize, applied: &Mutex<[[u64; 2]; 10]>) {
    let id = format!("m{number}");
    let mut owners = ["whole/a", "other"].map(|account| Owner::new(state, account, &id).next);
    let mut own = [0; 2];
    let reverses = number.is_multiple_of(2);
    for round in 1..=40 {
        let mut report = report(&id, round);
        let requests = |count| [Some(count), None, None, None];
        // The second half is of money alone, so that no lock of a limit puts them in a row.
        let limits = if round > 20 { &[][..] } else { &["x", "y"] };
        for (&limit, own) in limits.iter().zip(own) {
            // Some want much, some little, and it changes.
            let demand = (u64::try_from(number).unwrap() * 37 + round * 101) % 500;
            let (limits, demand) = (requests(WHOLE), requests(demand));
            report.wants.push(Want { limit: limit.into(), limits, applied: requests(own), demand });
        }
        for owner in &mut owners {
            (owner.seq, owner.least, owner.most) = (round, cents(1), cents(1));
            owner.returned = owner.granted;
            report.bookings.push(owner.clone());
        }
        if reverses {
            report.wants.reverse();
            report.bookings.reverse();
        }
        // Not patiently: reports that wait for each other in a circle would be an error.
        let mut view = state.sync(&report).await.unwrap();
        if reverses {
            view.shares.reverse();
            view.booked.reverse();
        }
        for (owner, booked) in owners.iter_mut().zip(view.booked) {
            (owner.granted, owner.heard) = (booked.unwrap().granted, round);
        }
        if view.shares.is_empty() {
            continue;
        }
        own = [0, 1].map(|limit| view.shares[limit].as_ref().unwrap().given[0].unwrap());
        let used = go_by(applied, number, own);
        assert!(used.iter().all(|used| *used <= WHOLE), "more than the limit: {used:?}");
    }
}

/// What a worker came to.
struct Worked<'a> {
    owner: Owner<'a>,
    died: bool,
}

impl Worked<'_> {
    fn spent(&self) -> Usd {
        self.owner.next.spent
    }

    /// What it held when it died.
    fn lost(&self) -> Usd {
        if self.died { self.owner.next.granted.saturating_sub(self.spent()) } else { Usd::ZERO }
    }
}

/// Books until it is answered.
async fn book(owner: &mut Owner<'_>, told: &(impl Fn() + Sync)) -> Booked {
    owner.next.seq += 1;
    let (state, next) = (owner.state, owner.next.clone());
    let booked = patiently(|| state.book(&next)).await;
    told();
    for level in &booked.path {
        let used = level.state.spent.saturating_add(level.state.granted);
        assert!(used <= level.state.rules.amount, "more than there is: {level:?}");
    }
    owner.next.granted = booked.granted;
    owner.next.heard = owner.next.seq;
    (owner.next.least, owner.next.most) = (Usd::ZERO, Usd::ZERO);
    booked
}

/// Spends chunk after chunk until there are no more, or until it dies with a part of one.
async fn work<'a>(
    state: &'a dyn SharedState,
    (account, number): (&str, u64),
    told: &(impl Fn() + Sync),
) -> Worked<'a> {
    let mut owner = Owner::new(state, account, &format!("w{number}"));
    // Odd sums, so that what is lost anywhere is seen.
    let cost = Usd::from_nanos(1_100_003 + 10_007 * number);
    for chunk in 1.. {
        (owner.next.least, owner.next.most) = (cost, cost.saturating_add(cost));
        let Booking { granted: before, .. } = owner.next;
        let dies = number.is_multiple_of(3) && chunk == 3;
        if dies {
            // It is not heard of any more.
            owner.next.ttl = Duration::ZERO;
        }
        let booked = book(&mut owner, told).await;
        let gained = booked.granted.saturating_sub(before);
        if gained.is_zero() || dies {
            break;
        }
        owner.next.spent = owner.next.spent.saturating_add(cost);
    }
    let died = owner.next.ttl.is_zero();
    if !died {
        let Booking { granted, spent, .. } = owner.next;
        owner.next.returned = granted.saturating_sub(spent);
        let _ = book(&mut owner, told).await;
    }
    Worked { owner, died }
}

/// 96 workers spend one dollar, in three accounts of a tree; a third of them dies with money. Whatever happens to
/// the backend meanwhile, no more is granted than there is, and all of it is accounted for in the end.
///
/// `told` is called after each answer.
///
/// # Panics
///
/// If the books do not agree.
pub async fn one_dollar<S: Accounts>(states: &[S], told: impl Fn() + Sync) {
    one_dollar_while(states, told, async {}).await;
}

/// [`one_dollar`], while something happens to the backend.
pub(super) async fn one_dollar_while<S: Accounts>(
    states: &[S],
    told: impl Fn() + Sync,
    meanwhile: impl Future<Output = ()> + Send,
) {
    for (account, amount) in [("dollar", 100), ("dollar/a", 100), ("dollar/b", 60)] {
        let (account, rules) = (path(account), enforced(amount));
        patiently(|| states[0].set(&account, &rules)).await;
    }
    let accounts = ["dollar", "dollar/a", "dollar/b"];
    let workers = (0_u64..96).map(|number| {
        let state = &states[usize::try_from(number).unwrap() % states.len()];
        let account = accounts[usize::try_from(number / 3 % 3).unwrap()];
        let worker = work(state, (account, number), &told);
        Box::pin(async { Some(worker.await) }) as BoxFuture<'_, _>
    });
    let meanwhile = async {
        meanwhile.await;
        None
    };
    let happened = workers.chain([Box::pin(meanwhile) as BoxFuture<'_, _>]);
    let mut worked: Vec<Worked<'_>> = all(happened.collect()).await.into_iter().flatten().collect();
    // Only grants wait for the disk. Members tell all else again.
    for Worked { owner, .. } in worked.iter_mut().filter(|it| !it.died) {
        let _ = book(owner, &told).await;
    }

    let lost = worked.iter().map(Worked::lost).sum::<Usd>();
    let spent = worked.iter().map(Worked::spent).sum::<Usd>();
    let account = path("dollar");
    let state = patiently(|| states[0].account(&account)).await.unwrap();
    assert_eq!(state.granted, Usd::ZERO, "all was given back");
    assert_eq!(state.estimated, lost, "what the dead held is an estimate");
    assert_eq!(state.spent, spent.saturating_add(lost), "all is accounted for");
    // Who is refused stops, though others may give something back.
    assert!(state.spent > cents(60), "most of it was spent: {state:?}");
    assert!(worked.iter().any(|it| it.died) && !lost.is_zero());
}
