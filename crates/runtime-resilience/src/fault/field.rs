//! The fields of a reply that rows read.

use super::body;
use super::headers::Headers;
use super::json::Json;
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
    /// `error.code` or `error.type`, whichever says it.
    Name,
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
pub(super) type Fields = u16;

/// A reply as the rows see it.
pub(super) struct Reply<'a, N> {
    pub(super) provider: Provider,
    pub(super) status: u16,
    pub(super) body: N,
    pub(super) error: N,
    pub(super) message: Option<&'a str>,
    /// A message beside it.
    pub(super) more: Option<&'a str>,
    /// The fields that rows read, looked up once, in the order of [`ReplyField::LOOKED_UP`].
    texts: [Option<&'a str>; ReplyField::LOOKED_UP.len()],
    /// The fields it may have.
    pub(super) has: Fields,
}

impl<'a, N: Json<'a>> Reply<'a, N> {
    pub(super) fn new<H>(provider: Provider, status: u16, headers: &'a H, body: N) -> Self
    where
        H: Headers + ?Sized,
    {
        let (error, message) = body::worded(body);
        let status =
            if status < 400 { body::status(body, error).unwrap_or(status) } else { status };
        let more = if error.is_at(body) { body::second_message(body) } else { None };
        let typed = match provider {
            Provider::OpenRouter | Provider::Other => body::typed(body, error),
            _ => None,
        };
        let exception = headers
            .header("x-amzn-errortype")
            .or_else(|| body::exception(body, error))
            .map(body::exception_name);
        let texts = [
            message,
            typed.or_else(|| body::code(error)),
            body::kind(body, error),
            body::text(error, "status"),
            body::reason(error),
            exception,
            body::stop_reason(body),
            body::block_reason(body),
        ];
        let has = fields(&texts);
        Self { provider, status, body, error, message, more, texts, has }
    }

    /// The reply that a text stands for: its message, and a name in it. `nothing` is its body.
    pub(super) fn said(
        (provider, status): (Provider, u16),
        name: Option<&'a str>,
        message: &'a str,
        nothing: N,
    ) -> Self {
        let texts = [Some(message), name, name, name, None, name, None, None];
        let (body, error, message, more) = (nothing, nothing, Some(message), None);
        Self { provider, status, body, error, message, more, texts, has: fields(&texts) }
    }

    /// Whether the error has Google's form, which gateways and imitations of other APIs keep.
    #[inline]
    pub(super) fn is_googles(&self) -> bool {
        ReplyField::Status.of(self).is_some() && self.error.get("details").is_some()
    }

    /// The texts of the fields that are looked up.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'a str> {
        self.texts.into_iter().flatten()
    }
}

/// The fields that a reply with these texts may have.
#[inline]
fn fields(texts: &[Option<&str>; ReplyField::LOOKED_UP.len()]) -> Fields {
    let bits = ReplyField::LOOKED_UP.into_iter().zip(texts);
    bits.fold(
        ReplyField::OTHERS,
        |has, (field, text)| {
            if text.is_some() { has | field.bit() } else { has }
        },
    )
}

impl ReplyField {
    /// The fields that are looked up for each reply.
    const LOOKED_UP: [Self; 8] = [
        Self::Message,
        Self::Code,
        Self::Type,
        Self::Status,
        Self::Reason,
        Self::Exception,
        Self::StopReason,
        Self::BlockReason,
    ];
    /// The bit of every field that is looked up only if a row reads it.
    const OTHERS: Fields = 1 << Self::LOOKED_UP.len();

    const fn place(self) -> Option<usize> {
        Some(match self {
            Self::Message => 0,
            Self::Code => 1,
            Self::Type => 2,
            Self::Status => 3,
            Self::Reason => 4,
            Self::Exception => 5,
            Self::StopReason => 6,
            Self::BlockReason => 7,
            Self::Name | Self::QuotaId | Self::Metadata(_) => return None,
        })
    }

    /// Whether it is looked up for each reply.
    pub(super) const fn is_looked_up(self) -> bool {
        self.place().is_some()
    }

    pub(super) const fn bit(self) -> Fields {
        match self.place() {
            Some(place) => 1 << place,
            None => Self::OTHERS,
        }
    }

    #[inline]
    pub(super) fn of<'a, N: Json<'a>>(self, reply: &Reply<'a, N>) -> Option<&'a str> {
        match self {
            Self::Name => Self::Code.of(reply).or_else(|| Self::Type.of(reply)),
            Self::QuotaId => body::quota_ids(reply.error).next(),
            Self::Metadata(name) => {
                let value = reply.error.get("metadata")?.get(name)?;
                (!value.is_null()).then(|| value.text().unwrap_or(""))
            }
            looked_up => reply.texts[looked_up.place()?],
        }
    }

    /// Its name in the guide.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Type => "type",
            Self::Name => "code or type",
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
