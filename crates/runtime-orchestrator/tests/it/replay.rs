//! Failing providers on a real socket: a scripted server, a client, and all known shapes of
//! failure.

mod client;
mod http;
mod recovering;
mod reply;
mod server;
mod shapes;

use std::collections::BTreeSet;

use runtime_resilience::{FaultKind, Provider};
use serde_json::json;

use self::client::call;
use self::reply::Reply;
use self::server::Server;
use self::shapes::{Expected, NETWORK, Shape};

#[tokio::test]
async fn each_shape_of_failure_has_its_fault() {
    let shapes = shapes::all();
    let server = Server::start(shapes.iter().map(|shape| shape.reply.clone())).await;
    for Shape { name, provider, fault, .. } in &shapes {
        let error = call(server.addr(), *provider, name).await.expect_err(name);
        assert_eq!(Expected::of(&error.fault), *fault, "{name}: {error}");
    }
    let names: Vec<_> = shapes.iter().map(|shape| shape.name.clone()).collect();
    assert_eq!(server.paths(), names);
    assert_eq!(server.left(), 0);
}

#[test]
fn each_shape_has_a_unique_name() {
    let shapes = shapes::all();
    let names: BTreeSet<_> = shapes.iter().map(|shape| &shape.name).collect();
    assert_eq!(names.len(), shapes.len());
}

#[tokio::test]
async fn answer_is_no_fault_whole_or_in_parts() {
    let paused = json!({"type": "message", "content": [], "stop_reason": "pause_turn"});
    let server = Server::start([
        Reply::ok("42"),
        Reply::events([json!({"type": "message_start"}), json!({"type": "message_stop"})]),
        Reply::lines([json!({"message": "4", "done": false}), json!({"done": true})]),
        Reply::ok(&paused),
    ])
    .await;
    let ask = async |path| call(server.addr(), Provider::Anthropic, path).await.unwrap();
    assert_eq!(ask("/whole").await, "42");
    assert_eq!(ask("/events").await, "{\"type\":\"message_start\"}\n{\"type\":\"message_stop\"}");
    assert_eq!(ask("/lines").await.lines().count(), 2);
    // The reply is to be continued by the caller, who asks again: nothing failed.
    assert_eq!(ask("/paused").await, paused.to_string());
    assert_eq!(server.paths(), ["/whole", "/events", "/lines", "/paused"]);
}

#[tokio::test]
async fn broken_connection_is_a_network_fault_at_any_point() {
    let delta = json!({"type": "content_block_delta", "delta": {"text": "4"}});
    let server = Server::start([
        Reply::Closed,
        Reply::cut("the half of it"),
        Reply::events_cut([delta.clone(), delta]),
    ])
    .await;
    for path in ["/before", "/in-body", "/in-stream", "/after-the-script"] {
        let error = call(server.addr(), Provider::Anthropic, path).await.unwrap_err();
        assert_eq!(Expected::of(&error.fault), NETWORK, "{path}: {error}");
        assert_eq!(error.fault.status, None);
    }
    assert_eq!(server.requests().len(), 4);

    let gone = server.addr();
    drop(server);
    // The port is closed once the server's task has ended.
    let error = loop {
        match call(gone, Provider::Anthropic, "/gone").await {
            Err(error) if error.details.message.as_deref().is_some_and(is_refusal) => break error,
            _ => tokio::task::yield_now().await,
        }
    };
    assert_eq!(Expected::of(&error.fault), NETWORK);
}

fn is_refusal(message: &str) -> bool {
    message.contains("refused")
}

#[tokio::test]
async fn hanging_server_is_reached_and_does_not_answer() {
    let server = Server::start([Reply::Hang, Reply::ok("42")]).await;
    let hung = tokio::spawn(call(server.addr(), Provider::OpenAi, "/hang"));
    server.received(1).await;
    // Other clients are served meanwhile.
    assert_eq!(call(server.addr(), Provider::OpenAi, "/next").await.unwrap(), "42");
    assert!(!hung.is_finished());
    // The connection ends with the server.
    drop(server);
    let error = hung.await.unwrap().unwrap_err();
    assert_eq!(error.fault.kind, FaultKind::Network);
}

#[tokio::test]
async fn server_records_its_requests() {
    let server = Server::start([Reply::ok("")]).await;
    call(server.addr(), Provider::OpenAi, "/v1/responses").await.unwrap();
    let [request] = &server.requests()[..] else { panic!("the server got one request") };
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/v1/responses"));
    assert_eq!(request.body, "{}");
    assert!(request.headers.contains(&("host".to_owned(), server.addr().to_string())));
    assert_eq!(server.url("/v1"), format!("http://{}/v1", server.addr()));
}
