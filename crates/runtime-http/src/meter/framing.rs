//! How the parts of a reply are told apart.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

/// How the parts of a reply are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// One JSON value. The elements of Gemini's list are read as they come.
    Whole,
    /// Server-sent events.
    Events,
    /// A JSON value on each line.
    Lines,
    /// Amazon's binary event stream, as Bedrock streams answers.
    #[cfg(feature = "bedrock")]
    Messages,
    /// A form that is not read: the call is billed by its reservation.
    Opaque,
}

impl Framing {
    /// The framing of a successful reply, by its headers. A [`Meter`](super::Meter) also looks at the first bytes: text that is
    /// plainly of another framing is read as what it is.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if text(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Self::Opaque;
        }
        let kind = text(CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            "text/event-stream" => Self::Events,
            "application/x-ndjson" | "application/jsonl" | "application/stream+json" => Self::Lines,
            #[cfg(feature = "bedrock")]
            "application/vnd.amazon.eventstream" => Self::Messages,
            #[cfg(not(feature = "bedrock"))]
            "application/vnd.amazon.eventstream" => Self::Opaque,
            _ => Self::Whole,
        }
    }
}
