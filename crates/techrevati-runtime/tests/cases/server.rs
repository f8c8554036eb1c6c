//! A provider on a real socket of this machine, and a client of it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, Uri};
use reqwest_0_12::Client;
use serde_json::Value;
use techrevati_runtime::events::{Clock, ManualClock};
use techrevati_runtime::resilience::{FaultError, Provider};
use tokio::net::TcpListener;

use super::faults::Reply;

/// The place that has the reply of the case, and the one that answers.
pub(crate) const FIRST: &str = "first";
pub(crate) const SECOND: &str = "second";

const ANSWER: &str = r#"{"answer": 42}"#;

pub(crate) struct Server {
    client: Client,
    url: String,
    reply: Shared,
}

type Shared = Arc<Mutex<Option<Reply>>>;

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let reply = Shared::default();
        let app = Router::new().fallback(answer).with_state(Arc::clone(&reply));
        tokio::spawn(async move { axum::serve(listener, app).await });
        let client = Client::builder().no_proxy().build().expect("it needs no TLS");
        Self { client, url, reply }
    }

    /// Calls one of the places and reads its reply, as an adapter of a provider does.
    pub(crate) async fn call(&self, place: &str, reply: Reply) -> Result<&'static str, FaultError> {
        let provider = if place == FIRST { reply.provider } else { Provider::Other };
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = Some(reply);
        let now = ManualClock::new().utc_now();
        let request = self.client.post(format!("{}/{place}", self.url)).body("{}");
        let reply = request.send().await.map_err(|error| FaultError::around(error, now))?;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = reply.bytes().await.map_err(|error| FaultError::around(error, now))?;
        let streamed = headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        if body == ANSWER {
            return Ok(SECOND);
        }
        if !streamed {
            return Err(FaultError::from_response(provider, status, &headers, &body, now));
        }
        let text = String::from_utf8_lossy(&body);
        let data: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let data = data.join("\n");
        let event = serde_json::from_str(&data).unwrap_or(Value::String(data));
        Err(FaultError::from_stream_error(provider, &event, now))
    }
}

async fn answer(State(reply): State<Shared>, place: Uri) -> Response<Body> {
    let reply = reply.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(reply) = reply.filter(|_| place.path().ends_with(FIRST)) else {
        return Response::new(Body::from(ANSWER));
    };
    let streamed = reply.is_streamed();
    let body = if streamed {
        format!("data: {}\n\n", reply.body.replace('\n', "\ndata: "))
    } else {
        reply.body
    };
    let mut response =
        Response::builder().status(reply.status.filter(|_| !streamed).unwrap_or(200));
    if streamed {
        response = response.header("content-type", "text/event-stream");
    }
    if !reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
        // The server goes by the clock of the cases.
        let now = ManualClock::new().utc_now().format("%a, %d %b %Y %H:%M:%S GMT");
        response = response.header("date", now.to_string());
    }
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(body.into()).expect("the headers of a case are valid")
}
