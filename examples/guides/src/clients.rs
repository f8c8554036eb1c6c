//! The code of `docs/clients.md`.

use techrevati_runtime::http_layer::{Place, Turns, turn_error};
use techrevati_runtime::orchestrator::TurnError;
use techrevati_runtime::prelude::*;

use async_openai::Client as OpenAi;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;

use reqwest_0_13 as reqwest;

use reqwest::Client as Reqwest;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use techrevati_runtime::durable::DurableSession;

// What the guide does not show.
use std::net::Ipv4Addr;

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use techrevati_runtime::durable::Durable;
use techrevati_runtime::store::MemoryStore;
use tokio::net::TcpListener;

/// Version 0.43, with its feature `middleware`.
fn openai(session: &OrchestrationSession, config: OpenAIConfig) -> OpenAi<OpenAIConfig> {
    let turns = Turns::of(session);
    OpenAi::with_config(config).with_http_service(turns.layer(ReqwestService::default()))
}

/// `reqwest` 0.13 by `reqwest-middleware` 0.5.
fn reqwest(session: &OrchestrationSession, client: Reqwest) -> ClientWithMiddleware {
    ClientBuilder::new(client).with(Turns::of(session)).build()
}

/// The client of a thread's code.
fn recorded(session: &DurableSession, client: Reqwest) -> ClientWithMiddleware {
    ClientBuilder::new(client).with(Turns::of(session)).build()
}

async fn a_turn_that_is_refused(url: &str) -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").max_iterations(0).session()?;
    let client = reqwest(&session, Reqwest::new());

    let call = client.post(format!("{url}/chat/completions")).body(r#"{"model":"gpt-5"}"#);
    let refused = call.send().await.expect_err("no turn is left");
    assert!(matches!(turn_error(&refused), Some(TurnError::MaxIterations(_))));
    Ok(())
}

async fn the_second_place_answers(url: &str) -> Result<(), BoxError> {
    let [first, second] = [Route::new("openai", "down"), Route::new("groq", "llama-3.3-70b")];
    let groq = Place::of(&second, format!("{url}/groq"))?.key("gsk-…")?;
    let recovery = RecoveryConfig::default().routes(Routes::ordered([first, second]));
    let session = Orchestrator::new("writer", "draft").recovery(recovery).session()?;

    let turns = Turns::of(&session).place(groq);
    let client = ClientBuilder::new(Reqwest::new()).with(turns).build();
    let call = client.post(format!("{url}/chat/completions")).body(r#"{"model":"gpt-5"}"#);
    let answer = call.send().await?.text().await?;

    assert!(answer.contains("llama-3.3-70b"), "{answer}");
    assert_eq!(session.tracker().totals().turns, 1);
    Ok(())
}

async fn a_client_that_is_shared(url: &str) -> Result<(), BoxError> {
    let client = ClientBuilder::new(Reqwest::new()).with(Turns::of_current()).build();
    let call =
        || client.post(format!("{url}/chat/completions")).body(r#"{"model":"gpt-5"}"#).send();

    let session = Orchestrator::new("writer", "draft").session()?;
    session.scope(call()).await?;
    assert_eq!(session.tracker().totals().turns, 1);
    assert!(call().await.is_err(), "no session is current");
    Ok(())
}

async fn an_agent_with_openai(url: &str) -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("sk-…");
    let body = json!({"model": "gpt-5", "messages": []});
    let answer = openai(&session, config).chat().create_byot::<_, Value>(body).await?;
    assert_eq!(answer["usage"]["completion_tokens"], 2);
    assert_eq!(session.tracker().totals().tokens.output_tokens, 2);
    Ok(())
}

/// The second life fails before its first request: its provider is away.
async fn a_call_that_is_recorded(url: &str) -> Result<(), BoxError> {
    let durable = Durable::new(Orchestrator::new("writer", "draft"), MemoryStore::new());
    let mut answers = Vec::new();
    for (url, fails) in [(url, true), ("http://127.0.0.1:1", false)] {
        let run = durable.run("draft-1", async |session| {
            let client = recorded(session, Reqwest::new());
            let call = client.post(format!("{url}/chat/completions")).body(r#"{"model":"gpt-5"}"#);
            answers.push(call.send().await?.text().await?);
            if fails { Err("the process is lost".into()) } else { Ok(()) }
        });
        assert_eq!(run.await.is_err(), fails);
    }
    assert_eq!(answers[0], answers[1]);
    Ok(())
}

/// A provider whose model `down` is down.
pub(crate) async fn provider() -> Result<String, BoxError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let answer = |body: String| async move {
        let request: Value = serde_json::from_str(&body).unwrap_or_default();
        if request["model"] == "down" {
            return (StatusCode::SERVICE_UNAVAILABLE, String::new());
        }
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11});
        let message = json!({"role": "assistant", "content": "Leave it alone."});
        let choice = json!({"index": 0, "finish_reason": "stop", "message": message});
        let answer = json!({
            "id": "1", "object": "chat.completion", "created": 1, "model": request["model"],
            "choices": [choice], "usage": usage,
        });
        (StatusCode::OK, answer.to_string())
    };
    let app = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(url)
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let url = provider().await?;
    an_agent_with_openai(&url).await?;
    a_turn_that_is_refused(&url).await?;
    the_second_place_answers(&url).await?;
    a_client_that_is_shared(&url).await?;
    a_call_that_is_recorded(&url).await?;
    Ok(())
}
