//! Members that do what comes to their mind, over connections that may fail, and the history of it.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runtime_usage::Usd;

use super::history::{Answer, Asked, Found, HELD, History};
use super::{HOUR, Owner, all, cents, enforced, path, report, yield_now};
use crate::BoxFuture;
use crate::error::StateError;
use crate::pace::Want;
use crate::probe::{Probe, ProbeLease, Probed};
use crate::state::{Accounts, SharedState};

/// What a game is played for.
const AMOUNT: u64 = 100;
const WHOLE: u64 = 1_000;
const RACED: &str = "raced";

/// What may happen to the backend in a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a test says which it is")]
pub enum Outage {
    /// Connections are cut, and answers are lost. The backend knows all that it was told.
    Lines,
    /// The backend is killed, and may forget what it has not written to a disk: all but money.
    Server,
}

/// Members, one for each connection, take, spend and give back money, open and probe breakers, and ask for parts of a
/// limit, in an order that follows from `seed`. A call that fails is not made again. In the end the history has to
/// be one of a backend that keeps its promises.
///
/// `told` is called after each answer. Each game needs an empty place.
///
/// # Panics
///
/// If a promise was broken: no more is granted than there is, what was booked is in the books, a breaker stays open
/// for its wait, one member probes at a time, the parts of a limit are within it.
pub async fn a_history<S: Accounts>(
    states: &[S],
    seed: u64,
    trouble: Outage,
    told: impl Fn() + Sync,
) {
    let found = play(states, seed, trouble, told).await;
    assert!(found.is_empty(), "seed {seed}: {found:#?}");
}

/// [`a_history`], with a trouble each time that so many answers have come. `cause` is told its number, from 1.
///
/// # Panics
///
/// As `a_history`.
pub async fn a_troubled_history<S: Accounts>(
    states: &[S],
    seed: u64,
    trouble: Outage,
    (answers, mut cause): (u64, impl AsyncFnMut(u64)),
) {
    let count = AtomicU64::new(0);
    // Relaxed: a count.
    let told = || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let mut game = pin!(a_history(states, seed, trouble, told));
    let mut troubles = pin!(async {
        for number in 1.. {
            while count.load(Ordering::Relaxed) < answers * number {
                yield_now().await;
            }
            cause(number).await;
        }
    });
    poll_fn(|cx| {
        let played = game.as_mut().poll(cx);
        if played.is_pending() {
            let _ = troubles.as_mut().poll(cx);
        }
        played
    })
    .await;
}

async fn play<S: Accounts>(
    states: &[S],
    seed: u64,
    trouble: Outage,
    told: impl Fn() + Sync,
) -> Found {
    let (account, rules) = (path("history"), enforced(AMOUNT));
    while states[0].set(&account, &rules).await.is_err() {
        yield_now().await;
    }
    let history = Mutex::new(History::default());
    let members = states.iter().enumerate().map(|(number, state)| {
        let player = Player {
            number,
            state,
            dice: fastrand::Rng::with_seed(seed.wrapping_mul(31) + number as u64),
            owner: Owner::new(state, "history", &format!("m{number}")),
            lease: None,
            seen: 0,
            reports: 0,
            part: 0,
            history: &history,
            told: &told,
        };
        Box::pin(player.play()) as BoxFuture<'_, _>
    });
    all(members.collect()).await;

    let history = history.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut found = history.money(cents(AMOUNT));
    if trouble == Outage::Lines {
        found.extend(history.rest(WHOLE));
    }
    found
}

/// A member.
struct Player<'s> {
    number: usize,
    state: &'s dyn SharedState,
    dice: fastrand::Rng,
    owner: Owner<'s>,
    lease: Option<ProbeLease>,
    /// The generation of the breaker that is probed, as far as it has heard.
    seen: u64,
    reports: u64,
    /// The part of the limit that it goes by.
    part: u64,
    history: &'s Mutex<History>,
    told: &'s (dyn Fn() + Sync),
}

impl Player<'_> {
    async fn play(mut self) {
        for _ in 0..40 {
            match self.dice.u8(0..9) {
                0..=2 => self.take().await,
                3 => self.spend().await,
                4 => self.give_back().await,
                5 => self.hold().await,
                6 | 7 => self.race().await,
                _ => self.share().await,
            }
            // Others play, too.
            yield_now().await;
        }
    }

    fn begin(&self, asked: Asked) -> usize {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).begin(self.number, asked)
    }

    fn end(&self, call: usize, answer: Answer) {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).end(call, answer);
        (self.told)();
    }

    async fn take(&mut self) {
        let least = cents(self.dice.u64(1..4));
        (self.owner.next.least, self.owner.next.most) = (least, least.saturating_add(cents(3)));
        self.book().await;
    }

    /// All sums are odd, so that what is lost anywhere is seen.
    async fn spend(&mut self) {
        let part = Usd::from_nanos(self.holds().nanos() / 3);
        self.owner.next.spent = self.owner.next.spent.saturating_add(part);
        self.book().await;
    }

    async fn give_back(&mut self) {
        let part = Usd::from_nanos(self.holds().nanos() / 2);
        self.owner.next.returned = self.owner.next.returned.saturating_add(part);
        self.book().await;
    }

    const fn holds(&self) -> Usd {
        let next = &self.owner.next;
        next.granted.saturating_sub(next.spent).saturating_sub(next.returned)
    }

    async fn book(&mut self) {
        self.owner.next.seq += 1;
        let next = self.owner.next.clone();
        let call = self.begin(Asked::Book(next.clone()));
        if let Some(booked) = heard(self.state.book(&next).await) {
            self.owner.next.granted = self.owner.next.granted.max(booked.granted);
            self.owner.next.heard = next.seq;
            self.end(call, Answer::Booked(booked));
        }
        (self.owner.next.least, self.owner.next.most) = (Usd::ZERO, Usd::ZERO);
    }

    /// Opens the breaker that nobody closes, for long or for no time.
    async fn hold(&mut self) {
        let wait = if self.dice.bool() { HOUR } else { Duration::ZERO };
        let call = self.begin(Asked::Open(HELD));
        if let Some(view) = heard(self.state.open(HELD, 0, wait).await) {
            self.end(call, Answer::Opened(view));
        }
    }

    /// Opens the other one, asks for its probe, or tells how its own has ended.
    async fn race(&mut self) {
        if let Some(lease) = self.lease.take() {
            let ended = match self.dice.u8(0..3) {
                0 => Probed::Closed,
                1 => Probed::Failed { wait: Duration::ZERO },
                _ => Probed::Unused,
            };
            let call = self.begin(Asked::Probed(lease.clone()));
            if let Some(view) = heard(self.state.probed(&lease, ended).await) {
                self.seen = view.generation;
                self.end(call, Answer::Probed);
            }
            return;
        }
        if self.dice.u8(0..3) == 0 {
            let call = self.begin(Asked::Open(RACED));
            if let Some(view) = heard(self.state.open(RACED, self.seen, Duration::ZERO).await) {
                self.seen = view.generation;
                self.end(call, Answer::Opened(view));
            }
            return;
        }
        let member = self.owner.next.member.clone();
        let call = self.begin(Asked::Probe);
        if let Some(probe) = heard(self.state.probe(RACED, &member, HOUR, Duration::ZERO).await) {
            match &probe {
                Probe::Granted(lease) => self.lease = Some(lease.clone()),
                Probe::Refused(view) => self.seen = view.generation,
            }
            self.end(call, Answer::Probe(probe));
        }
    }

    async fn share(&mut self) {
        self.reports += 1;
        let mut report = report(self.owner.next.member.as_str(), self.reports);
        let requests = |count| [Some(count), None, None, None];
        report.wants.push(Want {
            limit: "history".into(),
            limits: requests(WHOLE),
            applied: requests(self.part),
            demand: requests(self.dice.u64(0..WHOLE)),
        });
        let call = self.begin(Asked::Part);
        if let Some(view) = heard(self.state.sync(&report).await)
            && let Some(part) = heard(view.shares[0].clone()).and_then(|share| share.given[0])
        {
            self.part = part;
            self.end(call, Answer::Part(part));
        }
    }
}

/// The answer, if there was one.
fn heard<T>(answer: Result<T, StateError>) -> Option<T> {
    match answer {
        Ok(answer) => Some(answer),
        Err(error) if error.is_unavailable() => None,
        Err(error) => panic!("{error:?}"),
    }
}
