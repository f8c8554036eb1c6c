//! A minimal client, which reads an answer or a fault.

use std::io;
use std::net::SocketAddr;

use chrono::{DateTime, Utc};
use runtime_resilience::{Fault, FaultDetails, FaultError, Provider};
use serde_json::Value;
use tokio::net::TcpStream;

use super::http::{Connection, Message};
use super::reply::Form;

/// Wed, 01 Jul 2026 12:00:00 GMT: the time of every reply.
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_782_907_200, 0).expect("it is a time")
}

/// Calls a provider. The answer is the body of the reply, or the parts of the stream, one per line.
pub(crate) async fn call(
    addr: SocketAddr,
    provider: Provider,
    path: &str,
) -> Result<String, FaultError> {
    let reply = exchange(addr, path).await.map_err(|error| unreached(&error))?;
    let status =
        reply.word(1).parse().map_err(|_| unreached(&io::ErrorKind::InvalidData.into()))?;
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    match form(&reply) {
        Some(form) => {
            let parts = parts(form, &text);
            match parts.iter().find(|part| is_error(part)) {
                Some(event) => Err(FaultError::new(
                    Fault::from_stream_error(provider, event, now()),
                    FaultDetails::from_json(&reply.headers, event),
                )),
                None => Ok(parts.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")),
            }
        }
        None if status < 400 && !is_error(&serde_json::from_str(&text).unwrap_or_default()) => {
            Ok(text)
        }
        None => Err(FaultError::new(
            Fault::from_response(provider, status, &reply.headers, &reply.body, now()),
            FaultDetails::from_response(&reply.headers, &reply.body),
        )),
    }
}

async fn exchange(addr: SocketAddr, path: &str) -> io::Result<Message> {
    let mut connection = Connection::new(TcpStream::connect(addr).await?);
    let body = "{}";
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    connection.write(request.as_bytes()).await?;
    connection.read().await
}

/// The meaning of the error's type, as in any client.
fn unreached(error: &io::Error) -> FaultError {
    let mut details = FaultDetails::default();
    details.message = Some(error.to_string());
    FaultError::new(Fault::from_error(error, now()), details)
}

fn form(reply: &Message) -> Option<Form> {
    let kind = reply.header("content-type")?;
    [Form::Events, Form::Lines].into_iter().find(|form| kind == form.content_type())
}

fn parts(form: Form, text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| match form {
        Form::Events => line.strip_prefix("data: "),
        Form::Lines => Some(line),
    });
    data.filter_map(|data| serde_json::from_str(data).ok()).collect()
}

/// Whether a body or a part of a stream under status 200 is not an answer.
fn is_error(part: &Value) -> bool {
    let part = part.as_array().and_then(|parts| parts.first()).unwrap_or(part);
    let names = part.as_object().into_iter().flatten().map(|(name, _)| name);
    let reasons = [&part["stop_reason"], &part["choices"][0]["finish_reason"]];
    let reason = reasons.into_iter().find_map(Value::as_str);
    !part["error"].is_null()
        || matches!(part["type"].as_str(), Some("error" | "response.failed"))
        || names.into_iter().any(|name| name.ends_with("Exception"))
        || matches!(
            reason,
            Some("model_context_window_exceeded" | "refusal" | "content_filter" | "error")
        )
}
