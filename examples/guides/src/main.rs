//! The code of the guides in `docs/`, compiled, linted and run.
//!
//! Each guide has a module of the same name here, and so has the README. A check of the workspace
//! compares them: every Rust block of a guide is in its module, word for word.

mod budgets;
mod circuit_breaker;
mod clients;
mod durable;
mod faults;
mod fleet;
mod fleet_backends;
mod getting_started;
mod observability;
mod opentelemetry;
mod permissions_and_policy;
mod postgres;
mod prices;
mod rate_limits;
mod readme;
mod recovery;
mod routes;
mod sessions;
mod simulation;
mod sinks;
mod sqlite;
mod testing;
mod tools;
mod usage;

use techrevati_runtime::BoxError;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    budgets::run().await?;
    circuit_breaker::run();
    clients::run().await?;
    durable::run().await?;
    fleet_backends::run().await?;
    getting_started::run().await?;
    observability::run().await?;
    opentelemetry::run().await?;
    permissions_and_policy::run().await?;
    postgres::run().await?;
    prices::run()?;
    faults::run().await?;
    fleet::run().await?;
    rate_limits::run().await?;
    readme::run().await?;
    recovery::run().await?;
    routes::run().await?;
    sessions::run().await?;
    simulation::run()?;
    sinks::run().await?;
    sqlite::run().await?;
    testing::run().await?;
    tools::run().await?;
    usage::run()?;
    Ok(())
}

#[test]
fn code_of_the_guides_runs() {
    main().unwrap();
}
