//! Turns of an account whose money comes in parts from elsewhere.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_orchestrator::{Orchestrator, Turn, TurnError};
use runtime_usage::{FundFuture, Funding, Lack, Limit, Purse, UnknownPrice, Usd};

const CENT: Usd = Usd::from_cents(1);

/// A source that grants a cent each time it is asked, as often as it has one.
#[derive(Debug, Default)]
struct Source {
    purse: Mutex<Weak<Purse>>,
    cents: AtomicUsize,
    asked: AtomicUsize,
    hangs: bool,
    promises: bool,
}

impl Funding for Source {
    fn lacks(&self, _: Usd) -> Lack {
        Lack::Away
    }

    fn fund(&self, _: Usd) -> FundFuture {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.hangs {
            return Box::pin(std::future::pending());
        }
        if self.promises {
            return Box::pin(std::future::ready(true));
        }
        let some = |cents: usize| cents.checked_sub(1);
        let came = self.cents.fetch_update(Ordering::Relaxed, Ordering::Relaxed, some).is_ok();
        let purse = self.purse.lock().unwrap().upgrade();
        if let Some(purse) = purse.filter(|_| came) {
            let granted = purse.account().balance().limit;
            purse.set_granted(granted.saturating_add(CENT), Usd::ZERO);
        }
        Box::pin(std::future::ready(came))
    }
}

fn funded(source: Source, cents: usize) -> (Arc<Purse>, Arc<Source>) {
    let source = Arc::new(Source { cents: cents.into(), ..source });
    let limit =
        Limit::enforced(Usd::from_dollars(5)).per_turn(CENT).unknown_price(UnknownPrice::Free);
    let purse = Arc::new(Purse::new(limit, source.clone()));
    *source.purse.lock().unwrap() = Arc::downgrade(&purse);
    (purse, source)
}

#[test]
fn a_turn_gets_what_it_lacks_before_it_is_refused() {
    let (purse, source) = funded(Source::default(), 2);
    let session = Orchestrator::new("writer", "draft").account(purse.account()).session().unwrap();
    let turn = || session.blocking().run_turn(Turn::model("m"), || Ok::<_, String>(()));
    for _ in 0..2 {
        turn().unwrap();
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 2, "once for each");
    let Err(TurnError::Budget(refused)) = turn() else { panic!("there is no more") };
    assert!(refused.away);
    assert_eq!(source.asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_turn_believes_four_promises_of_money() {
    let (purse, source) = funded(Source { promises: true, ..Source::default() }, 0);
    let session = Orchestrator::new("writer", "draft").account(purse.account()).session().unwrap();
    let turn = session.blocking().run_turn(Turn::model("m"), || Ok::<_, String>(()));
    assert!(matches!(turn, Err(TurnError::Budget(_))), "{turn:?}");
    assert_eq!(source.asked.load(Ordering::Relaxed), 4);
}

#[test]
fn a_turn_with_money_asks_for_none() {
    let (purse, source) = funded(Source::default(), 0);
    purse.set_granted(Usd::from_cents(10), Usd::ZERO);
    let session = Orchestrator::new("writer", "draft").account(purse.account()).session().unwrap();
    for _ in 0..10 {
        session.blocking().run_turn(Turn::model("m"), || Ok::<_, String>(())).unwrap();
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_turn_does_not_wait_for_money_beyond_its_time() {
    let (purse, _) = funded(Source { hangs: true, ..Source::default() }, 0);
    let clock = ManualClock::skipping();
    let session = Orchestrator::new("writer", "draft")
        .account(purse.account())
        .time(clock)
        .deadline(Duration::from_secs(9))
        .session()
        .unwrap();
    let turn = session.blocking().run_turn(Turn::model("m"), || Ok::<_, String>(()));
    assert!(matches!(turn, Err(TurnError::Deadline(_))), "{turn:?}");
}

#[tokio::test]
async fn a_turn_whose_money_does_not_come_within_its_timeout_is_refused_by_the_budget() {
    let (purse, _) = funded(Source { hangs: true, ..Source::default() }, 0);
    let session = Orchestrator::new("writer", "draft")
        .account(purse.account())
        .time(ManualClock::skipping())
        .session()
        .unwrap();
    let turn = Turn::model("m").timeout(Duration::from_secs(9));
    let refused = session.run_turn(turn, async || Ok::<_, String>(())).await.unwrap_err();
    assert!(matches!(refused, TurnError::Budget(_)), "{refused:?}");
    assert!(refused.is_refusal() && refused.scenario().is_none(), "no call was made");
}
