//! Two runs: one in which things fail and are made good, and one that dies. What a viewer has to show of
//! them is in `xtask/world/viewers.json`.

use std::cell::Cell;
use std::sync::Arc;

use runtime_orchestrator::{BoxError, Capture, Orchestrator, TelemetryConfig, ToolCall, Turn};
use runtime_sinks::EventFanOut;
use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot};
use serde_json::json;

const SYSTEM: &str = "You are a librarian. Answer in one sentence.";
const QUESTION: &str = "Who wrote “Frankenstein”?";
const OVERLOADED: &str = "HTTP 503: the model is overloaded";
const PAGE: &str = "Frankenstein; or, The Modern Prometheus is a novel by Mary Shelley.";
const JAMMED: &str = "the printer has a paper jam";
const DRAFT: &str = "Mary Shelley wrote it, in 1818.";
const ANSWER: &str = "Mary Shelley wrote “Frankenstein” (1818).";
const REVOKED: &str = "HTTP 401 Unauthorized: the API key was revoked";

/// Both runs, into `sink`.
pub(crate) async fn run(sink: &Arc<EventFanOut>) -> Result<(), BoxError> {
    let telemetry = TelemetryConfig::default().capture(Capture::default());
    let orchestrator = |role: &str, conversation: &str| -> Result<Orchestrator, BoxError> {
        Ok(Orchestrator::new(role, "answer")
            .label("user", "ada")
            .label("conversation_id", conversation)
            .pricing(prices()?)
            .telemetry(telemetry.clone())
            .event_sink(Arc::clone(sink)))
    };
    made_good(&orchestrator("librarian", "conversation-1")?).await?;
    let died = died(&orchestrator("cataloguer", "conversation-2")?).await;
    if died.is_ok() {
        return Err("a run with a revoked key does not go well".into());
    }
    Ok(())
}

async fn made_good(orchestrator: &Orchestrator) -> Result<(), BoxError> {
    let report = orchestrator
        .run(async |session| {
            let asked = json!({
                "model": "gpt-5", "system": SYSTEM,
                "messages": [{ "role": "user", "content": QUESTION }]
            });
            let wants = json!({ "choices": [{ "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": null, "tool_calls": [{
                    "id": "call_1", "type": "function",
                    "function": { "name": "search", "arguments": "{\"title\":\"Frankenstein\"}" }
                }]
            } }] });
            let tried = Cell::new(0);
            let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(1_200, 300)).guarded(asked);
            session
                .run_turn_recovering(turn, async |_| {
                    tried.set(tried.get() + 1);
                    if tried.get() == 1 {
                        Err(BoxError::from(OVERLOADED))
                    } else {
                        Ok(wants.clone())
                    }
                })
                .await?;

            let call = ToolCall::new("search").call_id("call_1");
            let call = call.args(json!({ "title": "Frankenstein" }));
            let found = async || Ok::<_, BoxError>(json!({ "pages": [PAGE] }));
            session.run_tool(call, found).await?;

            let writer = session.child("writer")?;
            let turn = Turn::model("claude-sonnet-4-5").usage(UsageSnapshot::new(2_000, 100));
            let asked = json!([{ "role": "user", "content": PAGE }]);
            writer.run_turn(turn.guarded(asked), async || Ok::<_, BoxError>(DRAFT)).await?;
            writer.complete()?;

            let call = ToolCall::new("print").args(json!({ "copies": 2 }));
            let jammed = async || Err::<(), _>(BoxError::from(JAMMED));
            if session.run_tool(call, jammed).await.is_ok() {
                return Err("a jammed printer does not print".into());
            }

            let asked = json!([
                { "role": "user", "content": QUESTION },
                { "role": "assistant", "content": DRAFT },
            ]);
            let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(400, 20)).guarded(asked);
            session.run_turn(turn, async || Ok::<_, BoxError>(ANSWER)).await?;
            Ok(())
        })
        .await;
    report.result
}

async fn died(orchestrator: &Orchestrator) -> Result<(), BoxError> {
    let report = orchestrator
        .run(async |session| {
            let turn = Turn::model("gpt-5").guarded(QUESTION);
            let refused = async |_| Err::<(), _>(BoxError::from(REVOKED));
            session.run_turn_recovering(turn, refused).await?;
            Ok(())
        })
        .await;
    report.result
}

/// Those of the makers' lists: a viewer that has a list of its own comes to the same amounts.
fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::new();
    for (model, input, output) in [("gpt-5", "1.25", "10"), ("claude-sonnet-4-5", "3", "15")] {
        prices.register(model, ModelPricing::per_million(input.parse()?, output.parse()?))?;
    }
    Ok(prices)
}
