//! `rig-core`.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use rig_core::error::ProviderError;
use rig_core::http_client;
use runtime_clients::{rig, rig_at};
use runtime_resilience::{Fault, FaultKind, Provider, Reach};

use crate::read;

fn fault(error: ProviderError) -> Fault {
    read(rig, error).fault()
}

#[test]
fn reply_is_read_by_its_status_headers_and_body() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", "20".parse().unwrap());
    let body = r#"{"error":{"type":"requests","code":"rate_limit_exceeded"}}"#;
    let limited = ProviderError::from_http_response(StatusCode::TOO_MANY_REQUESTS, body)
        .with_response_headers(Some(headers.clone()));
    let limited = fault(limited);
    assert_eq!(
        (limited.kind, limited.asked),
        (FaultKind::RateLimit, Some(Duration::from_secs(20)))
    );

    let quota = r#"{"error":{"code":"insufficient_quota"}}"#;
    let quota = ProviderError::from_http_response(StatusCode::TOO_MANY_REQUESTS, quota);
    assert_eq!(fault(quota).kind, FaultKind::Quota);

    let long = r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens"}}"#;
    let long = ProviderError::from_http_response(StatusCode::BAD_REQUEST, long);
    assert_eq!(fault(long).kind, FaultKind::ContextLength);

    let key = ProviderError::from_http_response(StatusCode::UNAUTHORIZED, "");
    assert_eq!(fault(key).kind, FaultKind::Auth);
}

/// Azure bills input that is too long, and others do not.
#[test]
fn provider_is_known_by_the_reply_or_by_whoever_has_the_client() {
    let long = |headers| {
        let body = r#"{"error":{"message":"too long","code":"context_length_exceeded"}}"#;
        ProviderError::from_http_response(StatusCode::BAD_REQUEST, body)
            .with_response_headers(headers)
    };
    let signed = http::HeaderName::from_static("apim-request-id");
    let signed = HeaderMap::from_iter([(signed, http::HeaderValue::from_static("1"))]);
    for (fault, is_billed) in [
        (read(|error, now| rig_at(Provider::Azure, error, now), long(None)).fault(), true),
        (fault(long(Some(signed))), true),
        (fault(long(None)), false),
    ] {
        assert_eq!((fault.kind, fault.may_be_billed()), (FaultKind::ContextLength, is_billed));
    }
}

/// [`read`] reads it at the beginning of 1970.
#[test]
fn a_moment_is_a_wait_from_the_time_that_is_told() {
    let reply = |header: Option<&str>, message: &str| {
        let header = header.map(|date| (http::header::RETRY_AFTER, date.parse().unwrap()));
        let body = format!(r#"{{"error":{{"code":"rate_limit_exceeded","message":"{message}"}}}}"#);
        ProviderError::from_http_response(StatusCode::TOO_MANY_REQUESTS, body)
            .with_response_headers(Some(HeaderMap::from_iter(header)))
    };
    let wait = Some(Duration::from_secs(30));
    assert_eq!(fault(reply(Some("Thu, 01 Jan 1970 00:00:30 GMT"), "no")).asked, wait);
    assert_eq!(fault(reply(None, "try again at 00:00:30 UTC")).asked, wait);
    let body = r#"{"error":{"code":"rate_limit_exceeded","message":"try again at 00:00:30 UTC"}}"#;
    assert_eq!(fault(ProviderError::from_provider_body(body)).asked, wait);
}

#[test]
fn reply_without_a_status_is_read_by_its_body() {
    let body = r#"{"error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    assert_eq!(fault(ProviderError::from_provider_body(body)).kind, FaultKind::Overload);
}

#[test]
fn transport_error_is_read_by_its_type() {
    let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    let error = http_client::Error::Instance(Box::new(refused));
    let refused = fault(ProviderError::from_transport_error(error));
    assert_eq!((refused.kind, refused.reach), (FaultKind::Network, Reach::NotSent));
    let unknown = http_client::Error::Instance("gone".into());
    assert_eq!(fault(ProviderError::from_transport_error(unknown)).kind, FaultKind::Network);
    let ended = ProviderError::from_transport_error(http_client::Error::StreamEnded);
    assert_eq!(fault(ended).kind, FaultKind::Network);
    assert_eq!(fault(ProviderError::Truncated).kind, FaultKind::Network);
}

#[test]
fn bad_request_says_nothing_of_the_providers_health() {
    let failure = read(rig, ProviderError::request("a bad temperature"));
    assert_eq!((failure.fault().kind, failure.counts()), (FaultKind::Request, false));
    let refused = ProviderError::from_http_response(StatusCode::BAD_REQUEST, "bad temperature");
    assert!(!read(rig, refused).counts());
}

#[test]
fn refusal_is_content_policy() {
    let reply = rig_core::ProviderResponseError::without_status("no").with_refusal(true);
    assert_eq!(fault(ProviderError::ProviderResponse(reply)).kind, FaultKind::ContentPolicy);
}

#[test]
fn relayed_report_is_read_as_the_error_it_was_made_of() {
    let error = ProviderError::from_http_response(StatusCode::TOO_MANY_REQUESTS, "slow down");
    let report = error.report();
    assert_eq!(read(rig, report).fault().kind, FaultKind::RateLimit);
}
