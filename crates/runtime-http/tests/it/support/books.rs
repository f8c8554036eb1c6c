//! A session whose events and costs are known.

use std::sync::Arc;

use runtime_events::AgentEventName;
use runtime_orchestrator::{OrchestrationSession, Orchestrator, RecoveryConfig};
use runtime_resilience::{Backoff, JitterMode, Route, Routes};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::Value;

use super::provider::Provider;

/// A session with a budget, whose models cost one dollar a million tokens in, and two out.
pub(crate) struct Fixture {
    pub(crate) events: RecordingEventSink,
    pub(crate) session: OrchestrationSession,
    pub(crate) provider: Provider,
}

/// What is in the books of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) tokens: UsageSnapshot,
    pub(crate) estimated: bool,
    pub(crate) cost: Usd,
    /// The names of the events of turns and attempts, with the models of the attempts.
    pub(crate) story: Vec<String>,
}

impl Fixture {
    /// With a route for each model.
    pub(crate) async fn new(models: &[&str]) -> Self {
        Self::with(models, |o| o).await
    }

    pub(crate) async fn with(
        models: &[&str],
        change: impl FnOnce(Orchestrator) -> Orchestrator,
    ) -> Self {
        let prices = PricingTable::new();
        let price = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(2));
        for model in models.iter().chain(&["embed"]) {
            prices.register(model, price).unwrap();
        }
        let events = RecordingEventSink::new();
        let routes = models.iter().map(|model| Route::new(*model, *model));
        let recovery = RecoveryConfig::default().routes(Routes::ordered(routes)).backoff(
            Backoff::new(std::time::Duration::from_nanos(1), 1.0).unwrap().jitter(JitterMode::None),
        );
        let orchestrator = Orchestrator::new("writer", "draft")
            .event_sink(events.clone())
            .pricing(prices)
            .budget(Limit::enforced(Usd::from_dollars(100)))
            .recovery(recovery);
        let session = change(orchestrator).session().unwrap();
        Self { events, session, provider: Provider::start().await }
    }

    pub(crate) fn books(&self) -> Books {
        assert_eq!(self.session.account().unwrap().balance().reserved, Usd::ZERO);
        let (mut story, mut estimated, mut tokens) = (Vec::new(), false, UsageSnapshot::default());
        for event in self.events.events() {
            use AgentEventName as Name;
            let data = serde_json::to_value(&event.data).unwrap();
            let count = |name: &str| data[name].as_u64().unwrap_or(0);
            match event.event {
                Name::TurnStarted => story.push("turn".to_owned()),
                Name::AttemptCompleted => story.push(format!("{} answered", text(&data, "model"))),
                Name::AttemptFailed => {
                    story.push(format!("{} {}", text(&data, "model"), event.outcome.unwrap()));
                }
                Name::TurnCompleted | Name::TurnFailed => {
                    let ended =
                        if event.event == Name::TurnCompleted { "answered" } else { "ended" };
                    story.push(ended.to_owned());
                    estimated |= data["estimated"] == true;
                    let turn = UsageSnapshot::new(count("input_tokens"), count("output_tokens"));
                    tokens.input_tokens += turn.input_tokens;
                    tokens.output_tokens += turn.output_tokens;
                }
                _ => {}
            }
        }
        let cost = self.session.tracker().total_cost();
        assert_eq!(cost, self.session.account().unwrap().balance().spent);
        Books { tokens, estimated, cost, story }
    }

    pub(crate) fn story(&self) -> Vec<String> {
        self.books().story
    }

    pub(crate) fn only(&self, name: AgentEventName) -> Arc<runtime_events::AgentEvent> {
        let all = self.events.all(name);
        assert_eq!(all.len(), 1, "{name}: {all:#?}");
        Arc::clone(&all[0])
    }
}

fn text(data: &Value, name: &str) -> String {
    data[name].as_str().unwrap_or_default().to_owned()
}
