//! The fields of a reply that rows read.

use serde_json::Value;

use super::body;
use super::headers::Headers;
use super::provider::Provider;

/// A field of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplyField {
    /// `error.code`, or else `error_code`, `errorCode` or `reason`, if it is text. A number counts as the
    /// status.
    Code,
    /// `error.type`.
    Type,
    /// `error.status`: Google's name of the error.
    Status,
    /// `error.details[].reason`: Google's `ErrorInfo`.
    Reason,
    /// `error.details[].violations[].quotaId`: Google's `QuotaFailure`, any of them.
    QuotaId,
    /// The name of an AWS exception: from the header `x-amzn-errortype`, or the body.
    Exception,
    /// The text of this name in `error.metadata`. A value that is not text counts as an empty text.
    Metadata(&'static str),
    /// `stop_reason`, or `choices[0].finish_reason`, of an answer.
    StopReason,
    /// `promptFeedback.blockReason` of an answer: why Gemini blocked the prompt.
    BlockReason,
    /// The error's message for people.
    Message,
}

/// A set of fields, as bits.
pub(super) type Fields = u8;

/// A reply as the rows see it.
pub(super) struct Reply<'a, H: ?Sized> {
    pub(super) provider: Provider,
    pub(super) status: u16,
    pub(super) headers: &'a H,
    pub(super) body: &'a Value,
    pub(super) error: &'a Value,
    /// The fields that most rows read, looked up once.
    code: Option<&'a str>,
    kind: Option<&'a str>,
    pub(super) message: Option<&'a str>,
    /// The fields it may have.
    pub(super) has: Fields,
}

impl<'a, H: Headers + ?Sized> Reply<'a, H> {
    pub(super) fn new(provider: Provider, status: u16, headers: &'a H, body: &'a Value) -> Self {
        let error = body::error(body);
        let status = if status < 400 { body::status(error).unwrap_or(status) } else { status };
        let (code, kind) = (body::code(error), body::kind(body, error));
        let message = body::message(error);
        let bit = |text: Option<_>, field: ReplyField| if text.is_some() { field.bit() } else { 0 };
        let has = ReplyField::OTHERS
            | bit(code, ReplyField::Code)
            | bit(kind, ReplyField::Type)
            | bit(message, ReplyField::Message);
        Self { provider, status, headers, body, error, code, kind, message, has }
    }
}

impl ReplyField {
    /// The bit of every field that is looked up only if a row reads it.
    const OTHERS: Fields = 1;

    pub(super) const fn bit(self) -> Fields {
        match self {
            Self::Code => 2,
            Self::Type => 4,
            Self::Message => 8,
            _ => Self::OTHERS,
        }
    }

    #[inline]
    pub(super) fn of<'a, H: Headers + ?Sized>(self, reply: &Reply<'a, H>) -> Option<&'a str> {
        match self {
            Self::Code => reply.code,
            Self::Type => reply.kind,
            Self::Status => body::text(reply.error, "status"),
            Self::Reason => body::reason(reply.error),
            Self::QuotaId => body::quota_ids(reply.error).next(),
            Self::Exception => reply
                .headers
                .header("x-amzn-errortype")
                .or_else(|| body::exception(reply.body, reply.error))
                .map(body::exception_name),
            Self::Metadata(name) => {
                let value = reply.error.get("metadata")?.get(name)?;
                (!value.is_null()).then(|| value.as_str().unwrap_or(""))
            }
            Self::StopReason => body::stop_reason(reply.body),
            Self::BlockReason => body::block_reason(reply.body),
            Self::Message => reply.message,
        }
    }

    /// Its name in the guide.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Type => "type",
            Self::Status => "status",
            Self::Reason => "details[].reason",
            Self::QuotaId => "quotaId",
            Self::Exception => "exception",
            Self::Metadata(_) => "metadata",
            Self::StopReason => "stop reason",
            Self::BlockReason => "promptFeedback.blockReason",
            Self::Message => "message",
        }
    }
}
