//! The code of `docs/tools.md`.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use techrevati_runtime::durable::DurableSession;
use techrevati_runtime::orchestrator::{Attempt, Effect};
use techrevati_runtime::prelude::*;
use techrevati_runtime::tools::{
    Agent, Chat, Dialect, InvalidAnswerError, Media, Said, Tool, ToolOutcome, ToolOutput,
    ToolResult, ToolRunner, Toolbox,
};
use techrevati_runtime::usage::UsageFormat;

// What the guide does not show.
use techrevati_runtime::durable::Durable;
use techrevati_runtime::store::MemoryStore;
use techrevati_runtime::tools::ToolUse;

#[derive(Deserialize, JsonSchema)]
struct Refund {
    /// The order, as `A-1234`.
    order: String,
    /// In cents.
    amount: u64,
}

fn refund() -> Tool {
    Tool::new("refund", "Refunds a part of an order.", async |refund: Refund| {
        Ok::<_, BoxError>(format!("refunded {} cents of {}", refund.amount, refund.order))
    })
    .effect(Effect::Keyed)
    .requires(PermissionMode::WorkspaceWrite)
    .timeout(Duration::from_secs(10))
}

fn plot() -> Tool {
    Tool::new("plot", "Draws the sales of the week.", async |(): ()| {
        let picture = Media::base64("image/png", "iVBORw0KGgo=");
        Ok::<_, BoxError>(ToolOutput::text("a plot of seven days").media(picture))
    })
    .effect(Effect::Read)
}

fn stock(shelf: Arc<Shelf>) -> Tool {
    Tool::new("stock", "Counts the pieces of an article.", move |article: Article| {
        let shelf = Arc::clone(&shelf);
        async move { shelf.count(&article.name).await }
    })
    .effect(Effect::Read)
}

async fn a_reply(session: &OrchestrationSession) -> Result<(), BoxError> {
    let toolbox = Toolbox::new().with(refund())?;
    let tools = toolbox.offer(Dialect::Anthropic, session);
    assert_eq!(tools[0]["input_schema"]["required"], json!(["order", "amount"]));

    let reply = json!({ "role": "assistant", "content": [
        { "type": "tool_use", "id": "1", "name": "refund", "input": { "order": "A-7", "amount": 250 } },
        { "type": "tool_use", "id": "2", "name": "refund", "input": { "order": "A-7" } },
    ] });
    let mut runner = ToolRunner::new(session, &toolbox);
    let results = runner.run(Dialect::Anthropic.uses(&reply)).await?;
    assert_eq!(results[0].content, "refunded 250 cents of A-7");
    assert_eq!(results[1].outcome, ToolOutcome::InvalidArguments);
    assert_eq!(results[1].content, "invalid arguments of tool `refund`: missing field `amount`");
    let messages = Dialect::Anthropic.results(&results);
    assert_eq!(messages[0]["content"][1]["is_error"], true);
    Ok(())
}

struct Shop {
    tools: Value,
}

impl Chat for Shop {
    type Message = Value;
    type Reply = Value;
    type Error = BoxError;

    fn turn(&self, messages: &[Value]) -> Turn<Value> {
        Turn::model("gpt-5")
            .guarded(messages)
            .usage_from(|reply: &Value| UsageFormat::OpenAiChat.read(&reply["usage"]))
    }

    async fn ask(&self, messages: &[Value], attempt: &Attempt) -> Result<Value, BoxError> {
        let model = attempt.model();
        post(json!({ "model": model, "messages": messages, "tools": self.tools })).await
    }

    fn read(&self, reply: &Value) -> Said {
        let text = reply["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        Said::new(text, Dialect::OpenAi.uses(reply))
    }

    fn reply(&self, mut reply: Value) -> Value {
        reply["choices"][0]["message"].take()
    }

    fn results(&self, results: Vec<ToolResult>) -> Vec<Value> {
        Dialect::OpenAi.results(&results)
    }

    fn correction(&self, invalid: &InvalidAnswerError) -> Value {
        json!({ "role": "user", "content": invalid.to_string() })
    }
}

async fn an_agent(session: &OrchestrationSession) -> Result<(), BoxError> {
    let toolbox = Toolbox::new().with(refund())?;
    let chat = Shop { tools: toolbox.offer(Dialect::OpenAi, session) };
    let mut messages = vec![json!({ "role": "user", "content": "Refund 250 cents of A-7." })];

    let answer = Agent::new(session, &toolbox).run(&chat, &mut messages).await?;
    assert_eq!(answer, "Done.");
    assert_eq!(messages.len(), 4, "question, call, result, answer");
    Ok(())
}

fn pay() -> Tool {
    Tool::keyed("pay", "Pays an order.", async |pay: Refund, key: String| {
        BANK.pay(&pay.order, pay.amount, &key).await
    })
    .approval("payments", Duration::from_secs(24 * 3600))
}

async fn an_order(session: &DurableSession) -> Result<String, BoxError> {
    let toolbox = Toolbox::new().with(pay())?;
    let chat = Shop { tools: toolbox.offer(Dialect::OpenAi, session.session()) };
    let mut messages = vec![json!({ "role": "user", "content": "Pay 250 cents for A-7." })];
    Ok(Agent::new(session, &toolbox).run(&chat, &mut messages).await?)
}

struct Bank;

static BANK: Bank = Bank;

impl Bank {
    #[expect(clippy::unused_async, reason = "a bank that is elsewhere")]
    async fn pay(&self, order: &str, amount: u64, _key: &str) -> Result<String, BoxError> {
        Ok(format!("paid {amount} cents for {order}"))
    }
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let durable = Durable::new(Orchestrator::new("clerk", "order"), MemoryStore::new());
    assert!(durable.run("A-7", an_order).await?.done().is_none(), "somebody has to approve");
    for asked in durable.store().pending(None, 1).await? {
        durable.store().decide(&asked.deny("ann@example.org")).await?;
    }
    assert_eq!(durable.run("A-7", an_order).await?.done().as_deref(), Some("Done."));

    let session = Orchestrator::new("clerk", "refund").session()?;
    a_reply(&session).await?;
    let toolbox = Toolbox::new().with(stock(Arc::new(Shelf)))?.with(plot())?;
    let asks = ToolUse::new("1", "stock", json!({ "name": "pen" }));
    let looks = ToolUse::new("2", "plot", json!({}));
    let results = ToolRunner::new(&session, &toolbox).run(vec![asks, looks]).await?;
    assert_eq!((&*results[0].content, results[1].media.len()), ("3", 1));
    an_agent(&session).await
}

/// What a tool uses.
struct Shelf;

impl Shelf {
    async fn count(&self, article: &str) -> Result<usize, BoxError> {
        tokio::task::yield_now().await;
        Ok(article.len())
    }
}

#[derive(Deserialize, JsonSchema)]
struct Article {
    name: String,
}

/// The provider.
async fn post(request: Value) -> Result<Value, BoxError> {
    tokio::task::yield_now().await;
    let last = request["messages"].as_array().and_then(|messages| messages.last());
    let message = if last.is_some_and(|last| last["role"] == "tool") {
        json!({ "role": "assistant", "content": "Done." })
    } else {
        json!({ "role": "assistant", "content": null, "tool_calls": [{
            "id": "1", "type": "function",
            "function": { "name": request["tools"][0]["function"]["name"], "arguments": "{\"order\":\"A-7\",\"amount\":250}" },
        }] })
    };
    let usage = json!({ "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25 });
    Ok(json!({ "choices": [{ "message": message }], "usage": usage }))
}
