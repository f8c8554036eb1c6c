//! Turns that are paid from an account of a fleet: what a lost call counts there.

use std::future::{Future, pending, ready};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run, RunError};
use runtime_fleet::{AccountPath, Accounts, Fleet, FleetConfig, FleetDriver, MemoryState, OnLoss};
use runtime_orchestrator::{BoxError, Orchestrator, Turn};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use tokio::sync::oneshot;

use crate::world::{World, error};

const fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

/// What a dead member's money is, and the thread's own budget, if it has one.
type Paid = (OnLoss, Option<Limit>);

/// A process: a member of the fleet, and an agent whose turns its account pays.
struct Process {
    durable: Durable,
    driver: FleetDriver,
    _fleet: Fleet,
}

impl Process {
    fn begin(world: &World, backend: &MemoryState, (on_loss, budget): Paid) -> Self {
        let config = FleetConfig::default().time(world.clock.clone());
        let (fleet, mut driver) = Fleet::driven(backend.clone(), config).unwrap();
        // Strict money comes by the call: what a process holds is what its calls have reserved.
        let limit = Limit::strict(Usd::from_dollars(1));
        let opened = fleet.account_on_loss("company", limit, on_loss);
        let account = drive(&mut driver, &mut Box::pin(opened)).unwrap().unwrap();
        let pricing = PricingTable::new();
        let dollar = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(1));
        pricing.register("m", dollar).unwrap();
        let agent = Orchestrator::new("clerk", "orders").pricing(pricing).account(&account);
        let agent = match budget {
            Some(budget) => agent.budget(budget),
            None => agent,
        };
        let durable = world.durable(agent);
        Self { durable, driver, _fleet: fleet }
    }
}

/// Heartbeats, for so long.
fn beat(driver: &mut FleetDriver, world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.clock.advance(Duration::from_secs(1));
        for _ in 0..3 {
            let _ = driver.drive();
        }
    }
}

/// Drives the member until a future is ready, or waits for something else.
fn drive<F: Future + Unpin>(driver: &mut FleetDriver, future: &mut F) -> Option<F::Output> {
    (0..10).find_map(|_| {
        let _ = driver.drive();
        future.now_or_never()
    })
}

/// A life of the thread: one call for a cent.
async fn live(
    durable: &Durable,
    world: &World,
    answered: impl Future<Output = ()>,
) -> Result<Run<String>, RunError> {
    let body = async move |session: &DurableSession| {
        let usage = UsageSnapshot::new(10_000, 0);
        let turn = Turn::model("m").usage(usage).estimate(usage).max_output(0);
        let call = move || async move {
            let answer = world.ask("").await?;
            answered.await;
            Ok::<_, BoxError>(answer)
        };
        Ok(session.run_turn(turn, call).await?.value)
    };
    durable.run("order-4711", body).await
}

/// What the fleet has spent, and how much of it by estimates.
fn books(backend: &MemoryState) -> [Usd; 2] {
    let account = AccountPath::new("company").unwrap();
    let state = backend.account(&account).now_or_never().unwrap().unwrap().unwrap();
    [state.spent, state.estimated]
}

/// The next life makes the call again. Its thread has paid two calls.
fn make_again(process: &mut Process, world: &World) {
    let mut second = Box::pin(live(&process.durable, world, ready(())));
    let second = drive(&mut process.driver, &mut second);
    let Some(Ok(Run::Done(done))) = second else { panic!("it is done") };
    assert_eq!((done.totals.cost(), done.totals.models["m"].lost), (cents(2), cents(1)));
    assert_eq!(world.calls(), 2);
}

#[test]
fn a_call_of_a_dead_process_counts_once_in_its_fleet() {
    for (on_loss, lost) in [(OnLoss::Spend, 1), (OnLoss::Return, 0)] {
        for budget in [None, Some(Limit::enforced(cents(50)))] {
            let world = World::new();
            let backend = MemoryState::on(world.clock.clone());
            let mut first = Process::begin(&world, &backend, (on_loss, budget.clone()));
            let mut life = Box::pin(live(&first.durable, &world, pending()));
            assert!(drive(&mut first.driver, &mut life).is_none(), "it dies in its call");
            assert_eq!((world.calls(), books(&backend)), (1, [Usd::ZERO; 2]));
            drop(life);
            drop(first);

            world.reborn();
            assert_eq!(books(&backend), [cents(lost), cents(lost)], "by the member's time");
            let mut second = Process::begin(&world, &backend, (on_loss, budget));
            make_again(&mut second, &world);
            beat(&mut second.driver, &world, 2);
            assert_eq!(books(&backend), [cents(lost + 1), cents(lost)], "{on_loss:?}");
        }
    }
}

#[test]
fn a_call_of_a_life_that_was_replaced_counts_once_in_its_fleet() {
    for answers in [true, false] {
        let world = World::new();
        let backend = MemoryState::on(world.clock.clone());
        let mut first = Process::begin(&world, &backend, (OnLoss::Spend, None));
        let (answer, answered) = oneshot::channel::<()>();
        let answered = async { answered.await.unwrap() };
        let mut life = Box::pin(live(&first.durable, &world, answered));
        assert!(drive(&mut first.driver, &mut life).is_none());

        // Its lease runs out, while its process is a member as before.
        beat(&mut first.driver, &world, 31);
        let mut second = Process::begin(&world, &backend, (OnLoss::Spend, None));
        make_again(&mut second, &world);
        beat(&mut second.driver, &world, 2);
        assert_eq!(books(&backend), [cents(1), Usd::ZERO], "the first call is still reserved");

        let estimated = if answers {
            answer.send(()).unwrap();
            let fenced = error(life.as_mut().now_or_never());
            assert!(matches!(fenced, RunError::Journal(_)), "{fenced}");
            0
        } else {
            1
        };
        drop(life);
        beat(&mut first.driver, &world, 2);
        assert_eq!(books(&backend), [cents(2), cents(estimated)]);
    }
}
