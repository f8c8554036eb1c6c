//! A replica for `cargo xtask world fleet-peers`, which compares three of them with three of `LiteLLM`: 32 tasks make
//! calls that take a given time, until the money is gone or their time is over.

use std::time::{Duration, Instant};

use techrevati_runtime::fleet::FleetConfig;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{CircuitBreakerConfig, Demand, RateLimiter, RateLimits};

use crate::{CAP, TASKS};

const COST: Usd = Usd::from_nanos(300_000);

/// What is asked before a call is made.
#[derive(Clone)]
struct Gates {
    account: Account,
    breaker: CircuitBreaker,
    limiter: RateLimiter,
}

/// Prints how many calls were made, and the microseconds that each took beyond those of the call itself.
#[tokio::main]
pub(crate) async fn replica(url: &str, kind: &str, numbers: [u64; 3]) -> Result<(), BoxError> {
    let [per_minute, thought, seconds] = numbers;
    let per_minute = std::num::NonZeroU32::try_from(u32::try_from(per_minute)?)?;
    let limits =
        RateLimits::default().requests_per_minute(per_minute).burst(Duration::from_secs(1));
    let config = CircuitBreakerConfig::default();
    let plan = match kind {
        "recorded" => Limit::recorded(CAP),
        "strict" => Limit::strict(CAP),
        _ => Limit::enforced(CAP),
    };
    let plan = plan.per_turn(COST);
    // Without a fleet, each has its own.
    let (fleet, gates) = if kind == "alone" {
        let (breaker, limiter) =
            (CircuitBreaker::with_config("api", config), RateLimiter::new("model", limits));
        (None, Gates { account: Account::new(plan), breaker, limiter })
    } else {
        let fleet = crate::join(url, FleetConfig::default()).await?;
        let account = fleet.account("trial", plan).await?;
        let breaker = fleet.breaker("api", config)?;
        let limiter = fleet.limiter("model", limits)?;
        (Some(fleet), Gates { account, breaker, limiter })
    };
    // Until each has its part of the limit.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let end = Instant::now() + Duration::from_secs(seconds);
    let thought = Duration::from_millis(thought);
    let tasks: Vec<_> =
        (0..TASKS).map(|_| tokio::spawn(task(gates.clone(), thought, end))).collect();
    let mut late = Vec::new();
    for task in tasks {
        late.extend(task.await?);
    }
    if let Some(fleet) = fleet {
        fleet.shutdown().await?;
    }
    let late: Vec<_> = late.iter().map(ToString::to_string).collect();
    println!("{}", late.join(" "));
    Ok(())
}

async fn task(gates: Gates, thought: Duration, end: Instant) -> Vec<u128> {
    let Gates { account, breaker, limiter } = gates;
    let mut late = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        let reserved = match account.reserve(COST) {
            Ok(reserved) => reserved,
            Err(_) if account.fund(COST).await => continue,
            Err(_) => return late,
        };
        let Ok(place) = limiter.try_borrow(Demand::request()) else {
            reserved.release();
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = breaker.try_acquire() else { return late };
        tokio::time::sleep(thought).await;
        permit.success();
        place.adjust(Demand::request());
        reserved.settle(COST);
        late.push(begun.elapsed().saturating_sub(thought).as_micros());
    }
    late
}
