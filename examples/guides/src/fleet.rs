//! The code of `docs/fleet.md`.

use techrevati_runtime::Orchestrator;
use techrevati_runtime::fleet::{Fleet, FleetConfig, OnLoss, Policy, SharedKind};
use techrevati_runtime::resilience::{CircuitBreakerConfig, Demand, Route, Routes};
use techrevati_runtime::usage::{Limit, Usd};

// What the guide does not show.
use std::num::NonZeroU32;
use techrevati_runtime::fleet::MemoryState;
use techrevati_runtime::resilience::{ManualClock, RateLimits};
use techrevati_runtime::testing::RecordingEventSink;
use techrevati_runtime::usage::{Account, ModelPricing, PricingTable};
use techrevati_runtime::{BoxError, Turn};

const RPM: NonZeroU32 = NonZeroU32::new(600).unwrap();

async fn a_process(backend: MemoryState) -> Result<(), BoxError> {
    let limits = RateLimits::default().requests_per_minute(RPM);
    let fleet = Fleet::new(backend)?;
    let company = fleet.account("company", Limit::enforced(Usd::from_dollars(500))).await?;
    let writer = Orchestrator::new("writer", "draft")
        .account(&company)
        .circuit_breaker(fleet.breaker("openai", CircuitBreakerConfig::default())?)
        .rate_limiter(fleet.limiter("openai/gpt-5", limits)?);

    let turn = Turn::model("gpt-5").reserve(Usd::from_cents(2));
    let prices = PricingTable::new();
    prices.register("gpt-5", ModelPricing::per_million("1.25".parse()?, "10".parse()?))?;
    let writer = writer.pricing(prices);
    let run = writer.run(async |session| Ok(session.run_turn(turn, draft).await?.value)).await;
    assert_eq!(run.result?, "a draft");
    assert!(company.balance().spent > Usd::ZERO);
    let routes = fleet
        .routes(Routes::ordered([Route::new("openai", "gpt-5"), Route::new("azure", "gpt-5")]))?;
    assert_eq!(routes.iter().count(), 2);
    let scratch = fleet
        .account_on_loss("scratch", Limit::enforced(Usd::from_dollars(5)), OnLoss::Return)
        .await?;
    reserve(&scratch, Usd::from_cents(3)).await?;
    fleet.shutdown().await?;
    Ok(())
}

async fn draft() -> Result<&'static str, BoxError> {
    Ok("a draft")
}

async fn reserve(company: &Account, amount: Usd) -> Result<(), BoxError> {
    if let Err(refused) = company.reserve(amount)
        && !company.fund(refused.asked).await
    {
        return Err(refused.into());
    }
    Ok(())
}

async fn policies(backend: MemoryState) -> Result<(), BoxError> {
    let sink = RecordingEventSink::new();
    let config = FleetConfig::default()
        .name("agents")
        .policy(SharedKind::Limits, Policy::FailClosed)
        .event_sink(sink);
    let fleet = Fleet::with_config(backend, config)?;
    fleet.shutdown().await?;
    Ok(())
}

fn simulation() -> Result<(), BoxError> {
    let (clock, limits) = (ManualClock::new(), RateLimits::default().requests_per_minute(RPM));
    let backend = MemoryState::on(clock.clone());
    let config = FleetConfig::default().time(clock);
    let (fleet, mut driver) = Fleet::driven(backend, config)?;
    let limiter = fleet.limiter("openai", limits)?;
    driver.drive();
    assert!(limiter.try_reserve(Demand::request()).is_ok());
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let backend = MemoryState::new();
    a_process(backend.clone()).await?;
    policies(backend).await?;
    simulation()
}
