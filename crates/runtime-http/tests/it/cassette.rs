//! Recorded below a real client, and played with the server gone: the same bytes in the same pieces.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::path::PathBuf;
use std::pin::Pin;
use std::time::UNIX_EPOCH;

use async_openai::Client as OpenAi;
use async_openai::config::OpenAIConfig;
use async_openai::middleware::ReqwestService;
use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use http_body_util::BodyStream;
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use reqwest_0_13::Client as Reqwest;
use reqwest_middleware::ClientBuilder;
use runtime_http::{HttpTape, Turns};
use runtime_orchestrator::{Orchestrator, RecoveryConfig};
use runtime_resilience::{Fault, FaultError};
use runtime_sinks::testing::RecordingEventSink;
use runtime_testkit::cassette::{Cassette, Tape};
use serde_json::{Value, json};
use tower_service::Service as _;

use crate::support::Provider;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a client saw: a status and headers, the pieces of the body, and the fault behind them.
#[derive(Debug, PartialEq)]
struct Seen {
    status: Option<(u16, Option<String>)>,
    pieces: Vec<Bytes>,
    fault: Option<Fault>,
}

/// A file that is removed at the end of a test.
struct Case(PathBuf);

impl Case {
    fn new(name: &str) -> Self {
        let name = format!("http-{name}-{}.jsonl", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The behaviours of the provider, each by the name of its model.
const WHOLE: [&str; 6] = ["fine", "down", "bad", "bytes", "early", "sorry"];
const STREAMED: [&str; 6] = ["fine", "cut", "bytes", "done", "late", "sorry"];

#[derive(Clone, Copy)]
enum Door {
    Tower,
    Reqwest,
}

impl Door {
    async fn post(self, tape: &Tape, url: &str, body: &Value) -> Seen {
        let seen = match self {
            Self::Tower => tower(tape, url, body).await,
            Self::Reqwest => reqwest(tape, url, body).await,
        };
        seen.unwrap_or_else(|error| Seen {
            status: None,
            pieces: Vec::new(),
            fault: Some(fault(&error)),
        })
    }

    async fn all(self, tape: &Tape, base: &str) -> Vec<Seen> {
        let mut all = Vec::new();
        let asked = WHOLE.map(|model| (model, false)).into_iter();
        for (model, stream) in asked.chain(STREAMED.map(|model| (model, true))) {
            let body = json!({ "model": model, "stream": stream, "messages": [] });
            all.push(self.post(tape, &format!("{base}/chat/completions?v=1"), &body).await);
        }
        all
    }
}

async fn tower(tape: &Tape, url: &str, body: &Value) -> Result<Seen, Failure> {
    let client: Hyper<_, http_body_util::Full<Bytes>> =
        Hyper::builder(TokioExecutor::new()).build_http();
    let request = http::Request::post(url)
        .header("authorization", "Bearer sk-secret-of-the-user")
        .body(Body::from(body.to_string()))?;
    let reply = HttpTape::of(tape).layer(client).call(request).await?;
    let kind = reply.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let status = Some((reply.status().as_u16(), kind));
    let frames = BodyStream::new(reply.into_body());
    let pieces = frames.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()));
    Ok(read(status, Box::pin(pieces)).await)
}

async fn reqwest(tape: &Tape, url: &str, body: &Value) -> Result<Seen, Failure> {
    let client = Reqwest::builder().no_proxy().build()?;
    let client = ClientBuilder::new(client).with(HttpTape::of(tape)).build();
    let request = client.post(url).bearer_auth("sk-secret-of-the-user").body(body.to_string());
    let reply = request.send().await?;
    assert_eq!(reply.url().as_str(), url);
    let kind = reply.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    let status = Some((reply.status().as_u16(), kind));
    let pieces = reply.bytes_stream().map(|piece| piece.map_err(Failure::from));
    Ok(read(status, Box::pin(pieces)).await)
}

async fn read(
    status: Option<(u16, Option<String>)>,
    mut pieces: Pin<Box<dyn Stream<Item = Result<Bytes, Failure>> + Send>>,
) -> Seen {
    let mut seen = Seen { status, pieces: Vec::new(), fault: None };
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => {
                let is_last = piece.ends_with(b"data: [DONE]\n\n");
                seen.pieces.push(piece);
                // As clients do: some servers keep the connection open.
                if is_last {
                    break;
                }
            }
            Err(error) => {
                seen.fault = Some(fault(&error));
                break;
            }
        }
    }
    seen
}

fn fault(error: &Failure) -> Fault {
    FaultError::from_error(&**error, UNIX_EPOCH).fault
}

/// Runs a program with a server, and again without one.
fn both<T>(case: &Case, run: impl AsyncFn(Tape, String) -> T) -> [T; 2] {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap()
    };
    let online = runtime();
    let (recorded, base) = online.block_on(async {
        let provider = Provider::start().await;
        let tape = Cassette::at(&case.0).record().unwrap();
        (run(tape, provider.base()).await, provider.base())
    });
    // The server ends with its runtime.
    drop(online);
    let played = runtime().block_on(async {
        let gone = Reqwest::builder().no_proxy().build().unwrap().get(&base).send().await;
        assert!(gone.unwrap_err().is_connect());
        let tape = Cassette::at(&case.0).play().unwrap();
        let played = run(tape.clone(), base).await;
        tape.finish().unwrap();
        played
    });
    [recorded, played]
}

#[test]
fn a_reply_is_played_byte_for_byte_in_its_pieces() {
    for (door, name) in [(Door::Tower, "tower"), (Door::Reqwest, "reqwest")] {
        let case = Case::new(name);
        let [recorded, played] = both(&case, async |tape, base| door.all(&tape, &base).await);
        assert_eq!(played, recorded);
        let pieces: Vec<_> = recorded.iter().map(|seen| seen.pieces.len()).collect();
        assert!(pieces.iter().any(|pieces| *pieces > 5), "{pieces:?}");
        assert!(recorded.iter().filter(|seen| seen.fault.is_some()).count() >= 2);
        let text = std::fs::read_to_string(&case.0).unwrap();
        assert!(!text.contains("sk-secret"), "the key of the client is not kept");
    }
}

#[test]
fn a_request_that_was_not_recorded_is_a_miss_and_is_not_sent() {
    let case = Case::new("miss");
    drop(Cassette::at(&case.0).record().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (error, hits) = runtime.block_on(async {
        let provider = Provider::start().await;
        let tape = Cassette::at(&case.0).play().unwrap();
        let client = Reqwest::builder().no_proxy().build().unwrap();
        let client = ClientBuilder::new(client).with(HttpTape::of(&tape)).build();
        let error = client.get(provider.base()).send().await.unwrap_err();
        (runtime_resilience::chain_text(&error), provider.hits())
    });
    assert!(error.contains("has no recording for this request over HTTP"), "{error}");
    assert_eq!(hits, []);
}

#[test]
fn async_openai_reads_a_played_reply() {
    let case = Case::new("openai");
    let [recorded, played] = both(&case, async |tape, base| {
        let client = Reqwest::builder().no_proxy().build().unwrap();
        let config = OpenAIConfig::new().with_api_base(base).with_api_key("own");
        let service = HttpTape::of(&tape).layer(ReqwestService::new(client.clone()));
        let client = OpenAi::build(client, config).with_http_service(service);
        let mut seen = Vec::new();
        for model in ["fine", "bad", "sorry"] {
            let body = json!({ "model": model, "messages": [] });
            let reply = client.chat().create_byot::<_, Value>(body).await;
            seen.push(reply.map_err(|error| error.to_string()));
        }
        let body = json!({ "model": "fine", "messages": [], "stream": true });
        let chunks = client.chat().create_stream_byot::<_, Value>(body).await.unwrap();
        let chunks: Vec<_> =
            chunks.map(|chunk| chunk.map_err(|error| error.to_string())).collect().await;
        assert!(chunks.len() > 10);
        seen.extend(chunks);
        seen
    });
    assert_eq!(played, recorded);
}

#[test]
fn a_session_above_has_the_same_events() {
    let case = Case::new("session");
    let [recorded, played] = both(&case, async |tape, base| {
        let sink = RecordingEventSink::new();
        let orchestrator = Orchestrator::new("guide", "answer")
            .time(tape.clock())
            .ids(tape.ids())
            .recovery(RecoveryConfig::default())
            .event_sink(sink.clone());
        tape.seed_thread();
        let session = orchestrator.session().unwrap();
        let client = Reqwest::builder().no_proxy().build().unwrap();
        let client =
            ClientBuilder::new(client).with(Turns::of(&session)).with(HttpTape::of(&tape)).build();
        let mut said = Vec::new();
        for (model, stream) in [("fine", false), ("bad", false), ("fine", true), ("late", true)] {
            let body = json!({ "model": model, "stream": stream, "messages": [] });
            let url = format!("{base}/chat/completions");
            let reply = client.post(url).body(body.to_string()).send().await.unwrap();
            said.push(reply.text().await.map_err(|error| error.to_string()));
        }
        session.complete().unwrap();
        let told =
            sink.events().into_iter().map(|event| (event.event, event.span, event.data.clone()));
        (said, told.collect::<Vec<_>>())
    });
    assert_eq!(played, recorded);
    assert!(recorded.1.len() > 8);
}
