//! The agent. It knows nothing of Restate: the same function runs on a store of ours.

use std::path::{Path, PathBuf};

use runtime_durable::{DurableSession, DurableTool, Reconciled};
use runtime_orchestrator::{BoxError, Effect, ToolCall, Turn};
use serde_json::json;
use tokio::fs;

/// Plans, pays, and says thanks.
pub async fn order(
    session: &DurableSession,
    order: &str,
    books: &Path,
) -> Result<String, BoxError> {
    let plan = session.run_turn(Turn::model("gpt-5"), || chat(books, order)).await?;
    let call = ToolCall::new("pay").call_id("call_1").args(json!({ "amount": 12 }));
    let other_side = books.to_owned();
    let pay = DurableTool::from(call.effect(Effect::Irreversible)).reconcile(async move |key| {
        let paid = lines(&other_side).await?.contains(&format!("paid {key}"));
        Ok(if paid { Reconciled::Done(12) } else { Reconciled::NotDone })
    });
    let paid: u32 =
        session.run_tool(pay, async |attempt| pay_at(books, attempt.key()).await).await?;
    let thanks = session.run_turn(Turn::model("gpt-5"), || chat(books, "thanks")).await?;
    Ok(format!("{}: paid {paid}, {}", plan.value, thanks.value))
}

/// A model that repeats.
async fn chat(books: &Path, prompt: &str) -> Result<String, BoxError> {
    write(books, &format!("asked {prompt}")).await?;
    Ok(prompt.to_owned())
}

/// Pays. While there is a file `late` beside the books, it has not paid yet; while there is a file `hold`, the answer
/// does not come.
async fn pay_at(books: &Path, key: &str) -> Result<u32, BoxError> {
    write(books, &format!("pays {key}")).await?;
    while fs::try_exists(books.with_file_name("late")).await? {
        tokio::task::yield_now().await;
    }
    write(books, &format!("paid {key}")).await?;
    while fs::try_exists(books.with_file_name("hold")).await? {
        tokio::task::yield_now().await;
    }
    Ok(12)
}

async fn write(books: &Path, line: &str) -> Result<(), BoxError> {
    let books: PathBuf = books.to_owned();
    let line = format!("{line}\n");
    Ok(tokio::task::spawn_blocking(move || {
        use std::io::Write;
        let mut file = std::fs::File::options().append(true).create(true).open(books)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    })
    .await??)
}

async fn lines(books: &Path) -> Result<Vec<String>, BoxError> {
    Ok(fs::read_to_string(books).await?.lines().map(str::to_owned).collect())
}
