//! A reply as the journal keeps it.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, HeaderName, Response, StatusCode};
use runtime_durable::StepFailure;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::error::NoReplyError;

/// The headers that a client reads a reply by.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, CONTENT_ENCODING, RETRY_AFTER, LOCATION];

/// A reply: its status, the headers that its body is read by, and its bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    body: Said,
    /// The lengths of the pieces in which it came, if there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<usize>,
    /// Whether it broke off, or the client left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Bytes in JSON, in the shortest way that keeps each of them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Json(Box<RawValue>),
    Text(String),
    Hex(String),
}

/// The client had left the stream here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the stream was read no further in an earlier life of the thread")]
struct LeftError;

impl Reply {
    pub(crate) fn of(
        (status, headers): (StatusCode, &HeaderMap),
        pieces: &[Bytes],
        cut: bool,
    ) -> Self {
        let kept = KEPT.iter().filter_map(|name| {
            let value = headers.get(name)?.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let (status, headers) = (status.as_u16(), kept.collect());
        let empty = Self { status, headers, body: Said::of(b""), pieces: Vec::new(), cut };
        empty.with(pieces, cut)
    }

    pub(crate) fn with(self, pieces: &[Bytes], cut: bool) -> Self {
        let mut lengths: Vec<_> = pieces.iter().map(Bytes::len).filter(|len| *len > 0).collect();
        if lengths.len() == 1 {
            lengths.clear();
        }
        Self { body: Said::of(&pieces.concat()), pieces: lengths, cut, ..self }
    }

    /// The head, the pieces of the body, and the error behind them: the failure, where it breaks off.
    pub(crate) fn parts(
        self,
        failure: Option<StepFailure>,
    ) -> (Parts, Vec<Bytes>, Option<NoReplyError>) {
        let mut rest = self.body.into_bytes();
        let mut pieces: Vec<Bytes> = self
            .pieces
            .iter()
            // A length beyond the end is not ours: the bytes are all there.
            .map(|length| rest.split_to((*length).min(rest.len())))
            .collect();
        pieces.extend(Some(rest).filter(|rest| !rest.is_empty()));
        let end = self.cut.then(|| match failure {
            Some(failure) => NoReplyError::step(failure.into()),
            None => NoReplyError::because(LeftError),
        });
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.try_into()) {
                parts.headers.insert(name, value);
            }
        }
        (parts, pieces, end)
    }
}

impl Said {
    fn of(bytes: &[u8]) -> Self {
        match serde_json::from_slice::<&RawValue>(bytes) {
            // Without what stands around it.
            Ok(json) if json.get().len() == bytes.len() => Self::Json(json.to_owned()),
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => Self::Text(text.to_owned()),
                Err(_) => Self::Hex(bytes.iter().fold(String::new(), |mut digits, byte| {
                    // A string takes everything.
                    let _ = write!(digits, "{byte:02x}");
                    digits
                })),
            },
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::Json(json) => Box::<str>::from(json).into_string().into(),
            Self::Text(text) => text.into(),
            Self::Hex(digits) => digits
                .as_bytes()
                .chunks(2)
                .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect(),
        }
    }
}
