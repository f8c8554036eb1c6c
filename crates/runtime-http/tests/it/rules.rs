//! Failures are read by the rules of whoever has the session and the layer.

use std::error::Error;
use std::future::{Ready, ready};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use runtime_events::{AgentEventName, AgentFailureClass, Clock, ManualClock};
use runtime_http::Turns;
use runtime_orchestrator::{Orchestrator, RecoveryConfig};
use runtime_resilience::{
    Classifier, Fault, FaultKind, FaultRule, FaultRules, Provider, ReplyField, Route, Routes,
};
use serde_json::json;
use tower_service::Service;

use crate::support::{Fixture, Said, Script, answer};

/// An error of a client, whose text says nothing.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the parrot is resting")]
struct RestingError;

fn resting(error: &(dyn Error + 'static)) -> Option<Fault> {
    error.is::<RestingError>().then(|| Fault::of(FaultKind::ContentPolicy))
}

/// A client that fails, or whose stream breaks behind these events.
#[derive(Clone)]
struct Parrot(Option<&'static str>);

type Pieces = futures_util::stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, RestingError>>>;

impl Service<Request<Full<Bytes>>> for Parrot {
    type Response = Response<StreamBody<Pieces>>;
    type Error = RestingError;
    type Future = Ready<Result<Self::Response, RestingError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RestingError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let Some(said) = self.0 else { return ready(Err(RestingError)) };
        let pieces = vec![Ok(Frame::data(Bytes::from(said))), Err(RestingError)];
        ready(Ok(Response::new(StreamBody::new(futures_util::stream::iter(pieces)))))
    }
}

/// A client that fails once, in these words.
#[derive(Clone)]
struct Once(Arc<Mutex<Option<String>>>);

impl Service<Request<Full<Bytes>>> for Once {
    type Response = Response<Full<Bytes>>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        let answered = || Response::new(Full::from(answer("two").to_string()));
        let words = self.0.lock().expect("no call panics").take();
        ready(words.map_or_else(|| Ok(answered()), |words| Err(io::Error::other(words))))
    }
}

fn request() -> Request<Full<Bytes>> {
    Request::post("https://inference.example/v1/chat/completions")
        .body(Full::from(r#"{"model":"one","stream":true}"#))
        .expect("it is a request")
}

/// What is said of each failed attempt.
fn failures(fixture: &Fixture) -> Vec<AgentFailureClass> {
    let failed = fixture.events.all(AgentEventName::AttemptFailed);
    failed.iter().filter_map(|event| event.failure_class).collect()
}

#[tokio::test]
async fn errors_of_the_client_are_read_by_the_classifier_of_the_session() {
    for said in [None, Some(""), Some("data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n")]
    {
        let fixture = Fixture::with(&["one"], |orchestrator| {
            let routes = Routes::ordered([Route::new("one", "one")]);
            let classifier = Classifier::default().fault_rule(|error, _| resting(error));
            orchestrator.recovery(RecoveryConfig::default().routes(routes).classifier(classifier))
        })
        .await;
        let reply = Turns::of(&fixture.session).layer(Parrot(said)).call(request()).await;
        if let Ok(reply) = reply {
            reply.into_body().collect().await.unwrap_err();
        }
        // By its text it would be tried again.
        assert_eq!(failures(&fixture), [AgentFailureClass::PromptRejection], "{said:?}");
    }
}

#[tokio::test]
async fn a_moment_in_an_error_of_the_client_is_a_wait() {
    let clock = ManualClock::new();
    let later = clock.utc_now() + Duration::from_mins(30);
    let words = format!("Rate limit reached, resets at {}", later.to_rfc3339());
    let routes = Routes::ordered(["one", "two"].map(|name| Route::new(name, name)));
    let routes = routes.with_clock(Arc::new(clock.clone()));
    let recovery = RecoveryConfig::default().routes(routes.clone());
    let change = |orchestrator: Orchestrator| orchestrator.time(clock).recovery(recovery);
    let fixture = Fixture::with(&["one", "two"], change).await;
    Turns::of(&fixture.session)
        .layer(Once(Arc::new(Mutex::new(Some(words)))))
        .call(request())
        .await
        .unwrap();
    assert_eq!(routes.snapshot()[0].rests, Some(Duration::from_mins(30)));
}

#[tokio::test]
async fn replies_are_read_by_rows_of_your_own() {
    let busy = json!({ "error": { "message": "no", "code": "all_gpus_busy" } });
    let event = format!("data: {busy}\n\n");
    for said in [Said::json(400, &busy), Said::json(200, &busy), Said::events(&[&event])] {
        let row = FaultRule::new(Provider::Other, FaultKind::Overload)
            .says(ReplyField::Code, &["all_gpus_busy"]);
        let fixture = Fixture::new(&["one", "two"]).await;
        let turns = Turns::of(&fixture.session).fault_rules(FaultRules::default().row(row));
        let client = Script::of([said, Said::json(200, &answer("two"))]);
        turns.layer(client).call(request()).await.unwrap();
        let story = ["turn", "one failed", "two answered", "answered"];
        assert_eq!(fixture.story(), story);
    }
}

#[tokio::test]
async fn moment_in_an_event_is_a_wait() {
    let clock = ManualClock::new();
    let reset = (clock.utc_now() + Duration::from_hours(3)).to_rfc3339();
    let message = format!("Your limit will reset at {reset}");
    let event = json!({ "error": { "message": message, "code": "usage_limit_reached" } });
    let routes = ["one", "two"].map(|name| Route::new(name, name));
    let routes = Routes::ordered(routes).with_clock(Arc::new(clock.clone()));
    let recovery = RecoveryConfig::default().routes(routes.clone());
    let change = |orchestrator: Orchestrator| orchestrator.time(clock).recovery(recovery);
    let fixture = Fixture::with(&["one", "two"], change).await;
    let said = Said::events(&[&format!("data: {event}\n\n")]);
    let client = Script::of([said, Said::json(200, &answer("two"))]);
    Turns::of(&fixture.session).layer(client).call(request()).await.unwrap();
    assert_eq!(routes.snapshot()[0].rests, Some(Duration::from_hours(3)));
}
