//! Agents whose calls go well, fail and are made good, so that every metric has something to say.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::Clock;
use runtime_orchestrator::{BoxError, Orchestrator, Turn};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig};
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot};

use crate::metrics::Metrics;

const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Two agents: the provider of one of them is overloaded now and then, the other's is down.
pub(crate) struct Office {
    writer: Orchestrator,
    editor: Orchestrator,
}

impl Office {
    /// `clock` is the breaker's; `with` gives the agents what they need beside.
    pub(crate) fn new(
        metrics: &Metrics,
        clock: Arc<dyn Clock>,
        with: impl Fn(Orchestrator) -> Orchestrator,
    ) -> Result<Self, BoxError> {
        let agent = |role: &str| {
            let agent = Orchestrator::new(role, "work").event_sink(metrics.sink());
            Ok::<_, BoxError>(with(agent.pricing(prices()?)))
        };
        let config = CircuitBreakerConfig::default()
            .failure_threshold(TWO)
            .recovery_timeout(Duration::from_secs(5));
        let breaker = CircuitBreaker::with_clock("anthropic", config, clock);
        Ok(Self { writer: agent("writer")?, editor: agent("editor")?.circuit_breaker(breaker) })
    }

    /// Each of them once.
    pub(crate) async fn work(&self) -> Result<(), BoxError> {
        self.write().await?;
        // It fails, as it should: its provider is down.
        let _ = self.edit().await;
        Ok(())
    }

    async fn write(&self) -> Result<(), BoxError> {
        let report = self
            .writer
            .run(async |session| {
                let tries = Cell::new(0);
                let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(1_200, 300));
                let call = async |_| {
                    tries.set(tries.get() + 1);
                    match tries.get() {
                        1 => Err(BoxError::from("HTTP 503: overloaded")),
                        _ => Ok("a draft"),
                    }
                };
                session.run_turn_recovering(turn, call).await?;
                session.run_tool("search", async || Ok::<_, BoxError>("three pages")).await?;
                let jammed = async || Err::<(), _>(BoxError::from("a paper jam"));
                // The agent can do without a printer.
                let _ = session.run_tool("print", jammed).await;
                Ok(())
            })
            .await;
        report.result
    }

    async fn edit(&self) -> Result<(), BoxError> {
        let report = self
            .editor
            .run(async |session| {
                let turn = Turn::model("claude-sonnet-4-5");
                let down = async || Err::<(), _>(BoxError::from("HTTP 500: internal error"));
                session.run_turn(turn, down).await?;
                Ok(())
            })
            .await;
        report.result
    }
}

fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::new();
    for (model, input, output) in [("gpt-5", "1.25", "10"), ("claude-sonnet-4-5", "3", "15")] {
        prices.register(model, ModelPricing::per_million(input.parse()?, output.parse()?))?;
    }
    Ok(prices)
}
