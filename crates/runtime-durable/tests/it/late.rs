//! A store that is slow: the time of a turn ends while its intent is written.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Begin, DurableSession, Run};
use runtime_orchestrator::{BoxError, Orchestrator, RecoveryConfig, Turn};
use runtime_resilience::{Backoff, CircuitBreaker, CircuitBreakerConfig, JitterMode};
use runtime_store::{Fold, Store, Totals};
use runtime_usage::{Limit, ReportedUsage, UnknownPrice, UsageSnapshot, Usd};
use serde_json::Value;

use crate::world::{World, thread};

/// The ways to make a turn.
const WAYS: [Way; 4] = [Way::Plain, Way::Recovering, Way::Begun, Way::Layer];

#[derive(Clone, Copy, Debug)]
enum Way {
    Plain,
    Recovering,
    Begun,
    Layer,
}

fn turn<T>() -> Turn<T> {
    Turn::model("any").reserve(Usd::from_cents(5)).timeout(Duration::from_secs(5))
}

fn bill() -> ReportedUsage {
    ReportedUsage::from(UsageSnapshot::new(10, 1)).cost(Usd::from_cents(2))
}

/// The call is answered at once.
async fn ask(session: &DurableSession, way: Way, calls: &Cell<u64>) -> Result<String, BoxError> {
    let call = async || {
        calls.set(calls.get() + 1);
        Ok::<_, BoxError>("yes".to_owned())
    };
    let metered = || turn().usage_from(|_: &String| bill());
    Ok(match way {
        Way::Plain => session.run_turn(metered(), call).await?.value,
        Way::Recovering => session.run_turn_recovering(metered(), |_| call()).await?.value,
        Way::Begun => match session.begin_turn::<String>(turn()).await? {
            Ok(answer) => answer.value,
            Err(mut turn) => match turn.active().run(call()).await {
                Ok(value) => turn.settle(value?, bill()).await?.value,
                Err(late) => return Err(turn.fail(late).await.into()),
            },
        },
        Way::Layer => {
            let begun = session.handle().begin_turn_recovering(turn(), &Value::Null).await?;
            let (mut attempt, record) = match begun {
                Begin::Answered(answer) => return Ok(answer.value),
                Begin::Failed(failure, _) => return Err(failure.into()),
                Begin::Active(attempt, record) => (attempt, record),
            };
            match attempt.run(call()).await {
                Ok(value) => {
                    record.settle(&value, &attempt.settle(bill())).await?;
                    value
                }
                Err(late) => {
                    return Err(record.fail::<()>(attempt.give_up(late), None).await.into());
                }
            }
        }
    })
}

fn totals(world: &World) -> Totals {
    let mut fold = Fold::new();
    let entries = world.store.read(&thread(), 0, usize::MAX).now_or_never().unwrap();
    entries.unwrap().into_iter().for_each(|stored| fold.apply(stored).unwrap());
    fold.totals()
}

#[test]
fn a_call_that_is_late_before_it_began_costs_nothing() {
    for way in WAYS {
        let mut late = 0;
        for points in 0.. {
            let (world, calls, mut left) = (World::new(), Cell::new(0), points);
            let clock = world.clock.clone();
            // It takes ten seconds once, at this point.
            world.at_points(move || {
                if left == 0 {
                    clock.advance(Duration::from_secs(10));
                }
                left -= 1;
            });
            let one = CircuitBreakerConfig::default().failure_threshold(NonZeroU32::MIN);
            let breaker = CircuitBreaker::with_config("provider", one);
            let at_once =
                Backoff::new(Duration::from_nanos(1), 1.0).unwrap().jitter(JitterMode::None);
            let orchestrator = Orchestrator::new("clerk", "orders")
                .recovery(RecoveryConfig::default().backoff(at_once))
                .budget(Limit::enforced(Usd::from_dollars(1)).unknown_price(UnknownPrice::Free))
                .circuit_breaker(breaker.clone());
            let durable = world.durable(orchestrator);
            let mut run =
                pin!(durable.run(thread(), async |session| ask(session, way, &calls).await));
            let run = loop {
                match (&mut run).now_or_never() {
                    Some(run) => break run,
                    None => world.clock.advance(Duration::from_secs(1)),
                }
            };
            let (paid, called) = (totals(&world).cost(), calls.get());
            assert_eq!(
                paid,
                Usd::from_cents(2 * called),
                "{way:?}, point {points}: {called} calls"
            );
            assert!(
                breaker.try_acquire().is_ok(),
                "{way:?}, point {points}: it is not the provider's"
            );
            late += u32::from(run.is_err());
            if matches!(run, Ok(Run::Done(_))) && points > 20 {
                break;
            }
        }
        println!("{way:?}: {late}");
    }
}
