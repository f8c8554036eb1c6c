//! The replies of a scripted provider.

use serde_json::Value;

use super::http::Headers;

/// One reply of the script.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, headers and body.
    Whole { status: u16, headers: Headers, body: String },
    /// The same, but the connection is closed in the middle of the body.
    Cut { status: u16, headers: Headers, body: String },
    /// Status 200 and a stream, complete or cut off.
    Stream { form: Form, parts: Vec<Value>, whole: bool },
    /// The connection is closed before any header.
    Closed,
    /// No reply while the server lives.
    Hang,
}

/// The framing of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Server-sent events, `data: …`.
    Events,
    /// JSON, one value per line.
    Lines,
}

#[expect(clippy::needless_pass_by_value, reason = "a script reads better without `&`")]
impl Reply {
    /// An answer.
    pub(crate) fn ok(body: impl ToString) -> Self {
        Self::status(200, &[], body)
    }

    /// A status with headers and a body. The server adds type and length.
    pub(crate) fn status(status: u16, headers: &[(&str, &str)], body: impl ToString) -> Self {
        Self::Whole { status, headers: owned(headers), body: body.to_string() }
    }

    /// Half of an answer.
    pub(crate) fn cut(body: impl ToString) -> Self {
        Self::Cut { status: 200, headers: Headers::new(), body: body.to_string() }
    }

    /// Server-sent events under status 200.
    pub(crate) fn events(parts: impl IntoIterator<Item = Value>) -> Self {
        Self::Stream { form: Form::Events, parts: parts.into_iter().collect(), whole: true }
    }

    /// Lines of JSON under status 200.
    pub(crate) fn lines(parts: impl IntoIterator<Item = Value>) -> Self {
        Self::Stream { form: Form::Lines, parts: parts.into_iter().collect(), whole: true }
    }

    /// Server-sent events, cut off by the end of the connection.
    pub(crate) fn events_cut(parts: impl IntoIterator<Item = Value>) -> Self {
        Self::Stream { form: Form::Events, parts: parts.into_iter().collect(), whole: false }
    }
}

impl Form {
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// A part in its framing.
    pub(crate) fn write(self, part: &Value) -> String {
        match (self, part["type"].as_str()) {
            (Self::Events, Some(name)) => format!("event: {name}\ndata: {part}\n\n"),
            (Self::Events, None) => format!("data: {part}\n\n"),
            (Self::Lines, _) => format!("{part}\n"),
        }
    }
}

fn owned(headers: &[(&str, &str)]) -> Headers {
    headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
