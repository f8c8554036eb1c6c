//! The words of a failure, for people and logs.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_events::without_secrets;
use serde_json::Value;

use super::body::{self, Nested};
use super::flat::Flat;
use super::headers::Headers;
use super::json::{Json, Parsed};
use super::kind::FaultKind;
use super::provider::Provider;
use super::{Fault, FaultRules};
use crate::chain::BoxError;

/// The words of a reply: the provider's names for the error, and the name of the request.
///
/// Nothing else of the reply is kept. Long texts are cut, and [secrets are removed](without_secrets):
/// some providers repeat the key that they refuse.
///
/// ```
/// use runtime_resilience::FaultDetails;
///
/// let body = br#"{"error":{"message":"Incorrect API key provided: sk-abc123.","code":"invalid_api_key"}}"#;
/// let details = FaultDetails::from_response(&[("X-Request-Id", "req_1")], body);
/// assert_eq!(details.message.as_deref(), Some("Incorrect API key provided: [redacted]."));
/// assert_eq!(details.request_id.as_deref(), Some("req_1"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultDetails {
    /// `error.code`; a number, as text.
    pub code: Option<String>,
    /// `error.type`, Google's `error.status`, or the name of an AWS exception.
    pub error_type: Option<String>,
    /// The error's message for people.
    pub message: Option<String>,
    /// The provider's name for the request, for its support.
    pub request_id: Option<String>,
}

impl FaultDetails {
    /// The words of a reply.
    pub fn from_response<H: Headers + ?Sized>(headers: &H, body: &[u8]) -> Self {
        Self::read(headers, Flat::of(body).root())
    }

    /// The words of a reply with a parsed body, or of an event in a stream.
    pub fn from_json<H: Headers + ?Sized>(headers: &H, body: &Value) -> Self {
        Self::read(headers, Parsed::of(body))
    }

    /// The words of a reply, whatever form its body has.
    pub(super) fn read<'a, H: Headers + ?Sized, N: Json<'a>>(headers: &H, body: N) -> Self {
        let error = body::error(body);
        let nested = body::nested(error, body::message(error));
        let mut details = Self::of(body);
        // Of its upstream, the gateway's own message says only that it failed.
        let behind = nested.as_ref().map(|nested| match nested {
            Nested::Object(body) => Self::of(*body),
            Nested::Text(body) => Self::of(body.root()),
        });
        if let Some(behind) = behind {
            details.code = behind.code.or(details.code);
            details.error_type = behind.error_type.or(details.error_type);
            details.message = behind.message.or(details.message);
        } else if let Some(text) = body::raw(error).and_then(N::text) {
            details.message = Some(tidy(text, LONGEST_MESSAGE));
        }
        if let Some(exception) = headers.header("x-amzn-errortype") {
            let exception = || tidy_name(body::exception_name(exception));
            details.error_type = details.error_type.or_else(|| Some(exception()));
        }
        let request_id = REQUEST_IDS.iter().find_map(|name| headers.header(name)).map(tidy_name);
        details.request_id = request_id.or(details.request_id);
        details
    }

    /// A message of the caller, cut and without keys.
    pub(crate) fn saying(message: &str) -> Self {
        Self { message: Some(tidy(message, LONGEST_MESSAGE)), ..Self::default() }
    }

    /// The words of the body alone.
    fn of<'a, N: Json<'a>>(body: N) -> Self {
        let (error, message) = body::worded(body);
        let number = || Some(error.get("code")?.number()?.as_u64()?.to_string());
        let exception = || body::exception(body, error).map(body::exception_name);
        let error_type = body::text(error, "type").or_else(|| body::text(error, "status"));
        Self {
            code: body::code(error).map(tidy_name).or_else(number),
            error_type: error_type.or_else(exception).map(tidy_name),
            message: message.map(|text| tidy(text, LONGEST_MESSAGE)),
            request_id: body::text(body, "request_id").map(tidy_name),
        }
    }
}

const REQUEST_IDS: [&str; 4] =
    ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"];

/// In characters.
const LONGEST_MESSAGE: usize = 500;
const LONGEST_NAME: usize = 100;

/// A fault as an error, for adapters of providers to return.
///
/// [`Fault::from_error`] and [`classify_error`](crate::classify_error) find it.
///
/// ```
/// use runtime_resilience::{FaultError, FaultKind};
///
/// let cut = FaultError::of(FaultKind::Network, "the connection broke after 12 chunks");
/// assert_eq!(cut.to_string(), "network: the connection broke after 12 chunks");
/// assert!(cut.fault.retry && cut.fault.elsewhere);
/// ```
///
/// It may keep the client's error as its [`source`](Error::source), so that the facts and the error are
/// both there: see [`around`](Self::around) and [`caused_by`](Self::caused_by). Two errors are equal if
/// their faults and details are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FaultError {
    /// The fault.
    pub fault: Fault,
    /// The provider's words. Boxed, so that results with this error stay small.
    pub details: Box<FaultDetails>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl FaultError {
    /// A fault and its words.
    pub fn new(fault: Fault, details: FaultDetails) -> Self {
        Self { fault, details: Box::new(details), source: None }
    }

    /// With the error that it was read from as its source.
    #[must_use]
    pub fn caused_by(mut self, error: impl Into<BoxError>) -> Self {
        self.source = Some(error.into().into());
        self
    }

    /// The usual fault of a kind, with words of your own, where there is no reply: for example when a
    /// stream breaks.
    pub fn of(kind: FaultKind, message: impl AsRef<str>) -> Self {
        Self::new(Fault::of(kind), FaultDetails::saying(message.as_ref()))
    }

    /// The fault and the words of a provider's reply: [`Fault::from_response`] and
    /// [`FaultDetails::from_response`].
    pub fn from_response<H: Headers + ?Sized>(
        provider: Provider,
        status: u16,
        headers: &H,
        body: &[u8],
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        FaultRules::BUILT_IN.error_of_response(provider, status, headers, body, now)
    }

    /// The fault and the words of an error inside a stream, or in an answer with status 200:
    /// [`Fault::from_stream_error`] and [`FaultDetails::from_json`].
    pub fn from_stream_error(
        provider: Provider,
        event: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        FaultRules::BUILT_IN.error_of_stream(provider, event, now)
    }
}

/// The same with the words of the reply.
impl FaultRules {
    /// As [`FaultError::from_response`], by these rows.
    pub fn error_of_response<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &[u8],
        now: impl Into<DateTime<Utc>>,
    ) -> FaultError {
        let body = Flat::of(body);
        let fault = self.read((provider, status), headers, body.root(), now.into());
        FaultError::new(fault, FaultDetails::read(headers, body.root()))
    }

    /// As [`FaultError::from_stream_error`], by these rows.
    pub fn error_of_stream(
        &self,
        provider: Provider,
        event: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> FaultError {
        let details = FaultDetails::from_json(&(), event);
        FaultError::new(self.of_stream_error(provider, event, now), details)
    }
}

impl fmt::Display for FaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.kind.fmt(f)?;
        if let Some(status) = self.fault.status {
            write!(f, ", status {status}")?;
        }
        if let Some(name) = self.details.code.as_ref().or(self.details.error_type.as_ref()) {
            write!(f, ", {name}")?;
        }
        self.details.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl Error for FaultError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl PartialEq for FaultError {
    fn eq(&self, other: &Self) -> bool {
        self.fault == other.fault && self.details == other.details
    }
}

impl Eq for FaultError {}

fn tidy_name(text: &str) -> String {
    tidy(text, LONGEST_NAME)
}

/// At most this many characters, without secrets.
fn tidy(text: &str, longest: usize) -> String {
    // Cut before it is read, which bounds the cost of any text; no word is cut in half.
    let text = match text.char_indices().nth(longest) {
        Some((end, _)) => text[..end].rsplit_once(char::is_whitespace).map_or("", |(head, _)| head),
        None => text,
    };
    without_secrets(text).into_owned()
}
