//! The code of `docs/testing.md`.
#![expect(clippy::unwrap_used, reason = "as tests do")]

use std::path::Path;
use std::time::Duration;

use reqwest_middleware::ClientBuilder;
use serde_json::{Value, json};
use techrevati_runtime::events::AgentEventName;
use techrevati_runtime::http_layer::HttpTape;
use techrevati_runtime::orchestrator::{Attempt, Capture, TelemetryConfig};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::chain_text;
use techrevati_runtime::testing::cassette::{Cassette, Tape};
use techrevati_runtime::testing::{ManualClock, RecordingEventSink, ScriptedModel};

async fn a_scripted_model() -> Result<(), BoxError> {
    let model = ScriptedModel::new().fails("503 Service Unavailable").replies("Sunny.");
    let events = RecordingEventSink::new();
    let session = Orchestrator::new("guide", "answer")
        .time(ManualClock::skipping())
        .event_sink(events.clone())
        .session()?;

    let call = async |_: Attempt| model.call("Rome?").await;
    let answer = session.run_turn_recovering(Turn::model("m"), call).await?;
    assert_eq!((answer.value, answer.attempts), ("Sunny.", 2));
    assert_eq!(events.all(AgentEventName::AttemptFailed).len(), 1);
    Ok(())
}

async fn agent(tape: &Tape, question: &str) -> Result<String, BoxError> {
    let session =
        Orchestrator::new("guide", "answer").time(tape.clock()).ids(tape.ids()).session()?;
    let request = json!({ "model": "m", "messages": [{ "role": "user", "content": question }] });
    let call = async |_: Attempt| tape.model(&request, || chat(&request)).await;
    let reply = session.run_turn_recovering(Turn::model("m"), call).await?.value;

    let arguments = json!({ "city": reply["city"] });
    let tool = ToolCall::new("weather").args(arguments.clone());
    let look = || tape.tool("weather", &arguments, || weather(&arguments));
    Ok(session.run_tool(tool, look).await?)
}

#[expect(clippy::unused_async, reason = "a real one waits")]
async fn chat(request: &Value) -> Result<Value, BoxError> {
    let question = request["messages"][0]["content"].as_str().unwrap_or_default();
    Ok(json!({ "city": question.trim_end_matches('?') }))
}

#[expect(clippy::unused_async, reason = "a real one waits")]
async fn weather(arguments: &Value) -> Result<String, BoxError> {
    Ok(format!("sunny in {}", arguments["city"].as_str().unwrap_or_default()))
}

async fn a_recorded_run(case: &Path) -> Result<(), BoxError> {
    let tape = Cassette::at(case).auto()?;
    assert_eq!(agent(&tape, "Rome?").await?, "sunny in Rome");
    tape.finish()?;
    Ok(())
}

async fn a_miss(case: &Path) -> Result<(), BoxError> {
    let tape = Cassette::at(case).play()?;
    let miss = agent(&tape, "Oslo?").await.unwrap_err();
    assert!(chain_text(&*miss).contains("has no recording for this call of the model"));
    assert!(tape.finish().is_err());
    Ok(())
}

fn below_a_client(tape: &Tape) -> reqwest_middleware::ClientWithMiddleware {
    ClientBuilder::new(reqwest_0_13::Client::new()).with(HttpTape::of(tape)).build()
}

fn a_log_with_contents() -> TelemetryConfig {
    TelemetryConfig::default().capture(Capture::default())
}

async fn a_timeout(case: &Path) -> Result<(), BoxError> {
    let slow = async |tape: &Tape| {
        let session = Orchestrator::new("guide", "answer").time(tape.clock()).session()?;
        let turn = Turn::model("m").timeout(Duration::from_secs(30));
        let never = std::future::pending::<Result<Value, BoxError>>;
        session.run_turn(turn, || tape.model(&json!("slow"), never)).await?;
        Ok::<_, BoxError>(())
    };
    let recorded = Cassette::at(case).time(ManualClock::skipping()).record()?;
    let error = slow(&recorded).await.unwrap_err();
    // It takes no time.
    let played = slow(&Cassette::at(case).play()?).await.unwrap_err();
    assert_eq!(played.to_string(), error.to_string());
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    a_scripted_model().await?;
    let case = std::env::temp_dir().join(format!("guide-testing-{}.jsonl", std::process::id()));
    // It records, and then it plays.
    a_recorded_run(&case).await?;
    a_recorded_run(&case).await?;
    a_miss(&case).await?;
    drop(below_a_client(&Cassette::at(&case).play()?));
    drop(a_log_with_contents());
    a_timeout(&case).await?;
    std::fs::remove_file(case)?;
    Ok(())
}
