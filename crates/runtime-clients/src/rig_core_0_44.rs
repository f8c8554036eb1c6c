//! The errors of `rig`.

use std::error::Error;

use chrono::{DateTime, Utc};
use rig_core::ProviderResponseError;
use rig_core::error::{ErrorKind, ErrorReport, ProviderError};
use rig_core::http_client;
use runtime_resilience::{Fault, FaultKind, Headers, Provider, Reach, TimeoutPhase};
use serde_json::Value;

use crate::speaker::speaker;

/// The fault of an error of `rig`; `None` if the error's source or its text decides.
///
/// It is a rule of a [`Classifier`](runtime_resilience::Classifier).
///
/// | the error | its fault |
/// |---|---|
/// | a reply with an error | by its status, headers and body |
/// | a refusal | content policy |
/// | a failure of the connection | by the type of the transport's error |
/// | an answer that ended early | network |
/// | an answer that is not as expected | malformed |
/// | a request that could not be built, an option that is not supported | request, not sent |
///
/// `rig` does not say which provider replied. It is known here by the headers and the form of the reply, where they
/// tell; [`rig_at`] knows.
pub fn rig(error: &(dyn Error + 'static), now: DateTime<Utc>) -> Option<Fault> {
    read(At { provider: None, now }, error)
}

/// As [`rig`], for errors of a client of this provider.
///
/// ```
/// use runtime_clients::rig_at;
/// use runtime_resilience::{Classifier, Provider};
///
/// let classifier = Classifier::default().fault_rule(|error, now| rig_at(Provider::Groq, error, now));
/// # drop(classifier);
/// ```
pub fn rig_at(
    provider: Provider,
    error: &(dyn Error + 'static),
    now: DateTime<Utc>,
) -> Option<Fault> {
    read(At { provider: Some(provider), now }, error)
}

/// Where the error is from, if that is known, and when it came.
#[derive(Clone, Copy)]
struct At {
    provider: Option<Provider>,
    now: DateTime<Utc>,
}

fn read(at: At, error: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<http_client::Error>() {
        return Some(of_transport(at, error));
    }
    if let Some(report) = error.downcast_ref::<ErrorReport>() {
        return of_report(at, report);
    }
    let error = error.downcast_ref::<ProviderError>()?;
    if let Some(reply) = error.provider_response() {
        return Some(of_reply(at, reply));
    }
    match error {
        ProviderError::Http(error) => Some(of_transport(at, error)),
        ProviderError::Url(_) | ProviderError::Request(_) | ProviderError::UnsupportedOption(_) => {
            Some(unsent(FaultKind::Request))
        }
        ProviderError::Response(_) | ProviderError::MismatchedDimensions { .. } => {
            Some(Fault::of(FaultKind::Malformed))
        }
        ProviderError::Truncated => Some(Fault::of(FaultKind::Network)),
        ProviderError::Relayed(report) => of_report(at, report),
        // Its source, or its text.
        _ => None,
    }
}

fn of_reply(at: At, reply: &ProviderResponseError) -> Fault {
    if reply.refusal {
        return Fault::of(FaultKind::ContentPolicy);
    }
    match (reply.status, &reply.headers) {
        (Some(status), Some(headers)) => of_parts(at, status.as_u16(), headers, &reply.body),
        (Some(status), None) => of_parts(at, status.as_u16(), &(), &reply.body),
        (None, _) => {
            let body = serde_json::from_str(&reply.body);
            let body = body.unwrap_or_else(|_| Value::String(reply.body.clone()));
            let provider = at.provider.unwrap_or_else(|| speaker(&(), &reply.body));
            Fault::from_stream_error(provider, &body, at.now)
        }
    }
}

fn of_parts<H: Headers + ?Sized>(
    at: At,
    status: u16,
    headers: &H,
    body: &str,
) -> Fault {
    let provider = at.provider.unwrap_or_else(|| speaker(headers, body));
    Fault::from_response(provider, status, headers, body.as_bytes(), at.now)
}

fn of_transport(at: At, error: &http_client::Error) -> Fault {
    use http_client::Error as Http;
    match error {
        Http::InvalidStatusCodeWithDetails { status, body, headers } => {
            of_parts(at, status.as_u16(), headers, body)
        }
        // It is no source of the error.
        Http::Instance(error) => {
            Fault::from_type(&**error).unwrap_or(Fault::of(FaultKind::Network))
        }
        Http::StreamEnded => Fault::of(FaultKind::Network),
        Http::InvalidContentType(_) => Fault::of(FaultKind::Malformed),
        Http::Protocol(_) | Http::InvalidHeaderValue(_) | Http::NoHeaders => {
            unsent(FaultKind::Local)
        }
    }
}

/// A report that another process or task made of such an error.
fn of_report(at: At, report: &ErrorReport) -> Option<Fault> {
    if report.refusal {
        return Some(Fault::of(FaultKind::ContentPolicy));
    }
    if let Some(reply) = &report.provider_response {
        return Some(of_reply(at, reply));
    }
    if let Some(status) = report.http_status {
        return Some(of_parts(at, status, &(), ""));
    }
    Some(match report.kind {
        ErrorKind::Http => Fault::of(FaultKind::Network),
        ErrorKind::Timeout => Fault::of(FaultKind::Timeout(TimeoutPhase::Unknown)),
        ErrorKind::Cancelled => Fault::of(FaultKind::Cancelled),
        ErrorKind::Url | ErrorKind::Request => unsent(FaultKind::Request),
        ErrorKind::Json | ErrorKind::Response => Fault::of(FaultKind::Malformed),
        ErrorKind::Tool(_) => Fault::of(FaultKind::Tool),
        ErrorKind::Denied | ErrorKind::BusClosed | ErrorKind::HandlerUnavailable => {
            unsent(FaultKind::Local)
        }
        _ => return None,
    })
}

fn unsent(kind: FaultKind) -> Fault {
    let mut fault = Fault::of(kind);
    fault.reach = Reach::NotSent;
    fault
}
