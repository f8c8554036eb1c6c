//! `async-openai`.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequestArgs,
};
use runtime_clients::async_openai;
use runtime_resilience::{Failure, FaultError, FaultKind, Reach};

use crate::read;

/// The failure of a call that is answered like this.
async fn answered(status: &str, body: &str) -> Failure {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        // A client that asks again is answered again.
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut vec![0; 65_536]);
            let _ = stream.write_all(reply.as_bytes());
        }
    });
    read(async_openai, call(&url).await)
}

async fn call(url: &str) -> OpenAIError {
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("none");
    let message = ChatCompletionRequestUserMessageArgs::default().content("hello").build().unwrap();
    let request = CreateChatCompletionRequestArgs::default()
        .model("gpt-5")
        .messages([message.into()])
        .build()
        .unwrap();
    Client::with_config(config).chat().create(request).await.unwrap_err()
}

#[tokio::test]
async fn reply_is_read_by_its_status_code_and_type() {
    let error = r#"{"error":{"message":"bad temperature","type":"invalid_request_error","param":"temperature","code":"unsupported_value"}}"#;
    let failure = answered("400 Bad Request", error).await;
    let fault = failure.fault();
    assert_eq!((fault.kind, fault.status, fault.retry), (FaultKind::Request, Some(400), false));
    assert!(!failure.counts() && !fault.may_be_billed());

    let long = r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#;
    assert_eq!(answered("400 Bad Request", long).await.fault().kind, FaultKind::ContextLength);

    let key = r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#;
    assert_eq!(answered("401 Unauthorized", key).await.fault().kind, FaultKind::Auth);
}

/// [`read`] reads it at the beginning of 1970.
#[tokio::test]
async fn a_moment_is_a_wait_from_the_time_that_is_told() {
    let busy = r#"{"error":{"message":"Rate limit reached, resets at 3pm UTC","type":"requests","code":"usage_limit"}}"#;
    let fault = answered("403 Forbidden", busy).await.fault();
    assert_eq!(fault.asked, Some(Duration::from_hours(15)), "{fault:?}");
}

#[tokio::test]
async fn error_of_another_form_is_read_from_its_body() {
    let detail = r#"{"detail":"This model's maximum context length is 8192 tokens"}"#;
    assert_eq!(answered("400 Bad Request", detail).await.fault().kind, FaultKind::ContextLength);
    let page = answered("200 OK", "<html>").await;
    assert_eq!((page.fault().kind, page.counts()), (FaultKind::Malformed, false));
}

#[tokio::test]
async fn refused_connection_is_not_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let fault = read(async_openai, call(&url).await).fault();
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::NotSent));
}

#[test]
fn error_of_a_layer_is_found_in_the_transparent_variant() {
    let layer = FaultError::of(FaultKind::Quota, "the tenant's allowance is used up");
    let fault = read(async_openai, OpenAIError::Boxed(Box::new(layer))).fault();
    assert_eq!(fault.kind, FaultKind::Quota);
    let unknown = OpenAIError::Boxed("a layer's own words".into());
    assert_eq!(read(async_openai, unknown).fault().kind, FaultKind::Unknown);
}

#[test]
fn refused_argument_is_not_sent() {
    let failure = read(async_openai, OpenAIError::InvalidArgument("messages".to_owned()));
    let fault = failure.fault();
    assert_eq!((fault.kind, fault.reach), (FaultKind::Request, Reach::NotSent));
    assert!(!failure.counts());
}
