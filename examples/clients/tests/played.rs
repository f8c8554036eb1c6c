//! Runs of `async-openai` and `rig` that were recorded, and are played with the server gone.

use std::path::Path;
use std::time::Duration;

use async_openai::middleware::ReqwestService;
use clients::{QUESTION, Result, provider};
use futures_util::StreamExt;
use reqwest_middleware::ClientBuilder;
use rig_reqwest::ReqwestMiddlewareClient;
use serde_json::json;
use techrevati_runtime::http_layer::{HttpTape, Turns};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Backoff, JitterMode};
use techrevati_runtime::testing::RecordingEventSink;
use techrevati_runtime::testing::cassette::{Cassette, Tape};

/// The models of the provider: answers, failures, and a stream that is cut.
const MODELS: [&str; 4] = ["fine", "limited", "overloaded", "cut"];

/// What both clients say, and the events of their session.
async fn run(tape: &Tape, url: &str) -> (Vec<String>, Vec<String>) {
    let sink = RecordingEventSink::new();
    // The recorded run waits in earnest.
    let soon = Backoff::new(Duration::from_nanos(1), 1.0).expect("valid").jitter(JitterMode::None);
    let session = Orchestrator::new("guide", "answer")
        .time(tape.clock())
        .ids(tape.ids())
        .recovery(RecoveryConfig::default().backoff(soon))
        .event_sink(sink.clone())
        .session()
        .expect("the settings are valid");
    let mut said = Vec::new();
    for model in MODELS {
        for answer in [
            openai(tape, &session, url, model).await,
            openai_stream(tape, &session, url, model).await,
            rig(tape, &session, url, model).await,
            rig_stream(tape, &session, url, model).await,
        ] {
            said.push(answer.unwrap_or_else(|error| format!("error: {error}")));
        }
    }
    session.complete().expect("no turn is under way");
    let events = sink.events();
    let told = |event: &techrevati_runtime::events::AgentEvent| {
        format!("{} {:?} {:?}", event.event, event.span, event.failure_class)
    };
    (said, events.iter().map(|event| told(event)).collect())
}

fn openai_client(
    tape: &Tape,
    session: &OrchestrationSession,
    url: &str,
) -> async_openai::Client<async_openai::config::OpenAIConfig> {
    let config = async_openai::config::OpenAIConfig::new().with_api_base(url).with_api_key("sk-1");
    let service = HttpTape::of(tape).layer(ReqwestService::default());
    async_openai::Client::with_config(config).with_http_service(Turns::of(session).layer(service))
}

async fn openai(
    tape: &Tape,
    session: &OrchestrationSession,
    url: &str,
    model: &str,
) -> Result<String> {
    let messages = json!([{ "role": "user", "content": QUESTION }]);
    let request = serde_json::from_value(json!({ "model": model, "messages": messages }))?;
    let request: async_openai::types::chat::CreateChatCompletionRequest = request;
    Ok(format!("{:?}", openai_client(tape, session, url).chat().create(request).await?))
}

async fn openai_stream(
    tape: &Tape,
    session: &OrchestrationSession,
    url: &str,
    model: &str,
) -> Result<String> {
    let messages = json!([{ "role": "user", "content": QUESTION }]);
    let request = serde_json::from_value(json!({ "model": model, "messages": messages }))?;
    let request: async_openai::types::chat::CreateChatCompletionRequest = request;
    let mut chunks = openai_client(tape, session, url).chat().create_stream(request).await?;
    let mut said = Vec::new();
    while let Some(chunk) = chunks.next().await {
        said.push(format!("{:?}", chunk.map_err(|error| error.to_string())));
    }
    Ok(said.concat())
}

fn rig_client(tape: &Tape, session: &OrchestrationSession) -> ReqwestMiddlewareClient {
    let client = ClientBuilder::new(reqwest::Client::new());
    client.with(Turns::of(session)).with(HttpTape::of(tape)).build().into()
}

async fn rig(
    tape: &Tape,
    session: &OrchestrationSession,
    url: &str,
    model: &str,
) -> Result<String> {
    let mut config = rig_core::providers::openai::OpenAIConfig::new("sk-1");
    url.clone_into(&mut config.base_url);
    let model = config.connect(rig_client(tape, session)).chat(model);
    Ok(format!("{:?}", model.call(QUESTION).await?))
}

async fn rig_stream(
    tape: &Tape,
    session: &OrchestrationSession,
    url: &str,
    model: &str,
) -> Result<String> {
    let mut config = rig_core::providers::openai::OpenAIConfig::new("sk-1");
    url.clone_into(&mut config.base_url);
    let model = config.connect(rig_client(tape, session)).chat(model);
    let mut items = model.stream(QUESTION)?;
    let mut said = Vec::new();
    while let Some(item) = items.next().await {
        said.push(format!("{:?}", item.map_err(|error| error.to_string())));
    }
    Ok(said.concat())
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime").block_on(future)
}

#[test]
fn clients_read_a_played_run_as_the_recorded_one() {
    let name = format!("clients-{}.jsonl", std::process::id());
    let case = std::env::temp_dir().join(name);
    let record = |case: &Path| {
        block_on(async {
            let url = provider::start().await.expect("a free port");
            let tape = Cassette::at(case).record().expect("writable");
            (run(&tape, &url).await, url)
        })
    };
    let (recorded, url) = record(&case);
    // The server has ended with its runtime.
    let tape = Cassette::at(&case).play().expect("a cassette");
    let (said, events) = block_on(run(&tape, &url));
    tape.finish().expect("each recording is called for");
    assert_eq!((said, events), recorded);
    assert!(recorded.0.iter().any(|said| said.contains("Hello, world")), "{:?}", recorded.0);
    std::fs::remove_file(case).expect("it is there");
}
