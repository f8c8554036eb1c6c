//! The failures that people met have the same faults behind the layer.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use runtime_events::{Clock, ManualClock};
use runtime_http::Turns;
use runtime_orchestrator::{Orchestrator, RecoveryConfig};
use runtime_resilience::{Fault, Provider, RetryBudget};
use serde::Deserialize;
use serde_json::Value;
use tower_service::Service;

/// A reply that somebody met.
#[derive(Clone, Debug, Deserialize)]
struct Case {
    id: String,
    provider: Provider,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: String,
    stream: bool,
}

impl Case {
    fn all() -> Vec<Self> {
        let files =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../techrevati-runtime/tests/cases/files");
        let mut all = Vec::new();
        for file in std::fs::read_dir(files).expect("the cases are there") {
            let path = file.expect("it is a file").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("faults")) {
                let text = std::fs::read(&path).expect("it is readable");
                all.extend(serde_json::from_slice::<Vec<Self>>(&text).expect("these are cases"));
            }
        }
        all
    }

    fn is_streamed(&self) -> bool {
        self.stream || self.status.is_none()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| Value::String(self.body.clone()))
    }

    fn fault(&self) -> Fault {
        match self.status {
            Some(status) if !self.is_streamed() => {
                let (body, now) = (self.body.as_bytes(), ManualClock::new().utc_now());
                Fault::from_response(self.provider, status, &self.headers, body, now)
            }
            _ => Fault::from_stream_error(self.provider, &self.event(), UNIX_EPOCH),
        }
    }

    fn reply(&self) -> Response<Full<Bytes>> {
        let status = self.status.filter(|_| !self.is_streamed()).unwrap_or(200);
        let mut reply = Response::builder().status(status);
        for (name, value) in &self.headers {
            reply = reply.header(name, value);
        }
        let body = if self.is_streamed() {
            reply = reply.header("content-type", "text/event-stream");
            format!("data: {}\n\n", self.body.replace('\n', "\ndata: "))
        } else {
            self.body.clone()
        };
        reply.body(Full::from(body)).expect("the headers are valid")
    }

    /// The path of a call of its provider.
    fn path(&self) -> &'static str {
        match self.provider {
            Provider::Anthropic => "/v1/messages",
            Provider::Gemini => "/v1beta/models/m:generateContent",
            Provider::Bedrock => "/model/m/converse",
            Provider::Ollama => "/api/chat",
            _ if self.body.contains("\"response.") => "/v1/responses",
            _ => "/v1/chat/completions",
        }
    }
}

/// Replies with the case.
#[derive(Clone)]
struct Client(Case);

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Ok(self.0.reply()))
    }
}

/// The last fault of the turn behind the layer, and the bytes that the client saw.
async fn behind_the_layer(case: &Case) -> (Option<Fault>, u16, Bytes) {
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let recovery = RecoveryConfig::default().retry_budget(RetryBudget::percent(100)).on_escalation(
        move |escalation| {
            *tell.lock().expect("nobody panics") = escalation.error.fault();
        },
    );
    let writer = Orchestrator::new("writer", "draft").time(ManualClock::skipping());
    let session = writer.recovery(recovery).session().expect("it is open");
    let turns = Turns::of(&session).provider(case.provider);
    let body: Full<Bytes> = Full::from(r#"{"model":"m","stream":true}"#);
    let request = Request::post(format!("http://a.test{}", case.path())).body(body);
    let reply = turns.layer(Client(case.clone())).call(request.expect("it is a request")).await;
    let (parts, body) = reply.expect("it replied").into_parts();
    let seen = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let fault = *told.lock().expect("nobody panics");
    (fault, parts.status.as_u16(), seen)
}

#[tokio::test]
async fn faults_behind_the_layer_are_those_of_the_replies() {
    let (mut faults, mut answers, mut differ) = (0, 0, Vec::new());
    for case in Case::all() {
        let (fault, status, seen) = behind_the_layer(&case).await;
        let reply = case.reply();
        assert_eq!(status, reply.status().as_u16(), "{}", case.id);
        let sent = reply.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        assert_eq!(seen, sent.expect("it is whole"), "{}: the client sees each byte", case.id);
        let expected = case.fault();
        let basis = expected.basis.to_string();
        // An answer that stopped for a reason, of which the case has one event only.
        let reasons = ["`stop reason`", "blockReason"].map(|reason| basis.contains(reason));
        let stopped = status < 400 && reasons.contains(&true);
        if stopped {
            answers += 1;
            continue;
        }
        let Some(mut fault) = fault else {
            differ.push(format!("{}: it is no error: {expected:?}\n  {}", case.id, case.body));
            continue;
        };
        // The date of a reply and the time of this test are years apart, and an error before any part
        // of an answer was not billed.
        fault.asked = expected.asked;
        if status < 400 {
            fault.reach = expected.reach;
        }
        if fault != expected {
            differ.push(format!("{}: {fault:?}\n  and not {expected:?}\n  {}", case.id, case.body));
        }
        faults += 1;
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(faults > 400 && answers > 20, "{faults} faults, {answers} answers");
}
