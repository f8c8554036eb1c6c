//! The code of `docs/durable.md`.
#![expect(clippy::print_stdout, reason = "what a reader of the guide sees")]
#![expect(clippy::unused_async, reason = "a bank and a model that are elsewhere")]

use std::time::Duration;

use serde_json::json;
use techrevati_runtime::durable::{DurableSession, DurableTool, Reconciled, Run};
use techrevati_runtime::orchestrator::{Effect, ToolCall};
use techrevati_runtime::prelude::*;
use techrevati_runtime::store::{Retention, sweep};

// What the guide does not show.
use std::sync::Arc;
use techrevati_runtime::durable::{Durable, StepError};
use techrevati_runtime::store::MemoryStore;

async fn chat(prompt: &str) -> Result<String, BoxError> {
    Ok(format!("the plan for {prompt}"))
}

struct Bank;

impl Bank {
    async fn pay(&self, amount: u64, _key: &str) -> Result<u64, BoxError> {
        Ok(amount)
    }

    async fn find(&self, _key: &str) -> Result<Option<u64>, BoxError> {
        Ok(None)
    }
}

static BANK: Bank = Bank;

async fn order(session: &DurableSession) -> Result<String, BoxError> {
    let plan = session.run_turn(Turn::model("gpt-5"), || chat("order 4711")).await?;

    let pay = ToolCall::new("pay").call_id("call_1").args(json!({ "amount": 12 }));
    let yes = session.approval(&pay, "payments", Duration::from_secs(24 * 3600)).await?;

    let pay = DurableTool::from(pay.effect(Effect::Keyed)).approved(yes);
    let paid = session.run_tool(pay, async |attempt| BANK.pay(12, attempt.key()).await).await?;
    Ok(format!("{}: paid {paid}", plan.value))
}

async fn first_process(durable: &Durable) -> Result<(), BoxError> {
    match durable.run("order-4711", order).await? {
        Run::Done(done) => println!("{}", done.value),
        Run::Parked(parked) => println!("waits for {}", parked.waits_for),
    }
    Ok(())
}

async fn another_process(durable: &Durable) -> Result<(), BoxError> {
    for asked in durable.store().pending(None, 100).await? {
        println!("{}: {} {}", asked.thread, asked.tool, asked.shown);
        durable.store().decide(&asked.approve("ann@example.org")).await?;
    }
    for (thread, run) in durable.resume_runnable(8, order).await? {
        println!("{thread}: {:?}", run?.done());
    }
    Ok(())
}

async fn reconciled(session: &DurableSession) -> Result<u64, StepError> {
    let pay = ToolCall::new("pay").call_id("call_2").args(json!({ "amount": 12 }));
    let pay = DurableTool::from(pay).reconcile(async |key: String| {
        Ok(match BANK.find(&key).await? {
            Some(paid) => Reconciled::Done(paid),
            None => Reconciled::NotDone,
        })
    });
    session.run_tool(pay, async |attempt| BANK.pay(12, attempt.key()).await).await
}

async fn waiting(session: &DurableSession) -> Result<String, StepError> {
    let address: Vec<String> = session.wait_for("address").await?;
    session.sleep(Duration::from_secs(3600)).await?;
    Ok(address.join(", "))
}

async fn reading(session: &DurableSession) -> Result<String, StepError> {
    let (mut page, mut notes) = session.resume_point().await?.unwrap_or((0, String::new()));
    while page < 300 {
        let (turn, prompt) = (Turn::model("gpt-5"), format!("page {page}"));
        notes = session.run_turn(turn, || chat(&prompt)).await?.value;
        page += 1;
        session.checkpoint(&(page, &notes)).await?;
    }
    Ok(notes)
}

async fn write(session: &DurableSession) -> Result<String, BoxError> {
    let draft = session.run_turn(Turn::model("gpt-5"), || chat("an essay")).await?.value;
    Ok(session.hand_over("editor", &draft).await?)
}

async fn edit(session: &DurableSession) -> Result<String, BoxError> {
    let draft: String = session.resume_point().await?.ok_or("nobody handed over")?;
    Ok(session.run_turn(Turn::model("gpt-5"), || chat(&draft)).await?.value)
}

async fn two_agents() -> Result<(), BoxError> {
    let store = Arc::new(MemoryStore::new());
    let writer = Durable::shared(Orchestrator::new("writer", "draft"), store.clone());
    let editor = Durable::shared(Orchestrator::new("editor", "draft"), store);
    assert!(writer.run("essay", write).await?.done().is_none());
    let edited = editor.run("essay", edit).await?.done();
    assert_eq!(edited.as_deref(), Some("the plan for the plan for an essay"));
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    two_agents().await?;
    let clerk = Orchestrator::new("clerk", "orders").max_iterations(1_000);
    let durable = Durable::new(clerk, MemoryStore::new()).code_version(env!("CARGO_PKG_VERSION"));
    first_process(&durable).await?;
    another_process(&durable).await?;
    first_process(&durable).await?;

    let answer = json!(["1 Main St", "Springfield"]);
    assert!(matches!(durable.run("order-9", waits).await?, Run::Parked(_)));
    durable.store().deliver(&"order-9".try_into()?, "address", &answer).await?;
    assert!(
        durable.run("book", async |session| Ok(reading(session).await?)).await?.done().is_some()
    );
    assert!(
        durable.run("pays", async |session| Ok(reconciled(session).await?)).await?.done()
            == Some(12)
    );

    let retention = Retention::default().ended_after(Some(Duration::from_secs(7 * 24 * 3600)));
    let forgotten = sweep(durable.store(), retention, 100).await?;
    println!("{forgotten} threads were forgotten");
    Ok(())
}

async fn waits(session: &DurableSession) -> Result<String, BoxError> {
    Ok(waiting(session).await?)
}
