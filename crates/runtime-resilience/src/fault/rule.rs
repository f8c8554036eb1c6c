//! One row of the tables by which replies are read.

use std::fmt;

use serde_json::Value;

use super::body;
use super::headers::Headers;
use super::kind::{FaultKind, Scope};
use super::provider::Provider;
use super::{Fault, usual};

/// One row: whose reply, with which status, saying what, means which fault.
///
/// ```
/// use runtime_resilience::fault::{FaultKind, Field, Provider, Rule, Scope};
///
/// const DAILY: Rule = Rule::new(Provider::Other, FaultKind::Quota)
///     .status(429, 429)
///     .says(Field::Code, &["daily_limit"])
///     .cools(Scope::Model);
/// assert_eq!(
///     DAILY.to_string(),
///     "| other | 429 | `code` is `daily_limit` | quota | no | yes | model | no |"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    provider: Option<Provider>,
    /// The lowest and the highest.
    status: Option<(u16, u16)>,
    conditions: [Option<Condition>; 2],
    /// The fields of the conditions: a row is passed over at once if the reply lacks one.
    needs: Fields,
    fault: Fault,
}

/// A set of fields, as bits.
type Fields = u8;

/// Where in a reply something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// `error.code`, if it is text. A number counts as the status.
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
    /// A text of that name in `error.metadata`, or anything else there, taken for an empty text.
    Metadata(&'static str),
    /// `stop_reason`, or `choices[0].finish_reason`, of an answer.
    StopReason,
    /// What the error says to people.
    Message,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Condition {
    field: Field,
    matcher: Matcher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Matcher {
    /// The whole field is one of these.
    Is(&'static [&'static str]),
    /// The field begins with one of these.
    Begins(&'static [&'static str]),
    /// One of these stands in the field.
    Has(&'static [&'static str]),
    /// The field is there.
    Exists,
}

/// A reply as the rows see it.
pub(super) struct Reply<'a, H: ?Sized> {
    pub(super) provider: Provider,
    pub(super) status: u16,
    pub(super) headers: &'a H,
    pub(super) body: &'a Value,
    pub(super) error: &'a Value,
    /// What most rows ask for, looked up once.
    code: Option<&'a str>,
    kind: Option<&'a str>,
    message: Option<&'a str>,
    /// The fields it may have.
    has: Fields,
}

impl<'a, H: Headers + ?Sized> Reply<'a, H> {
    pub(super) fn new(provider: Provider, status: u16, headers: &'a H, body: &'a Value) -> Self {
        let error = body::error(body);
        let status = if status < 400 { body::status(error).unwrap_or(status) } else { status };
        let (code, kind) = (body::text(error, "code"), body::text(error, "type"));
        let message = body::message(error);
        let bit = |text: Option<_>, field: Field| if text.is_some() { field.bit() } else { 0 };
        let has = Field::OTHERS
            | bit(code, Field::Code)
            | bit(kind, Field::Type)
            | bit(message, Field::Message);
        Self { provider, status, headers, body, error, code, kind, message, has }
    }
}

impl Rule {
    /// A row for replies of `provider` with any status, that means what is usual for `kind`.
    pub const fn new(provider: Provider, kind: FaultKind) -> Self {
        Self { provider: Some(provider), ..Self::any(kind) }
    }

    /// A row for the replies of every provider.
    pub const fn any(kind: FaultKind) -> Self {
        Self {
            provider: None,
            status: None,
            conditions: [None; 2],
            needs: 0,
            fault: usual::fault(kind),
        }
    }

    /// Only for statuses from `lowest` to `highest`.
    #[must_use]
    pub const fn status(mut self, lowest: u16, highest: u16) -> Self {
        self.status = Some((lowest, highest));
        self
    }

    /// Only if `field` is one of `values`, in any case. With two conditions, both must hold; a
    /// third takes the place of the second.
    #[must_use]
    pub const fn says(self, field: Field, values: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Is(values) })
    }

    /// Only if one of `parts` stands in `field`, in any case.
    #[must_use]
    pub const fn mentions(self, field: Field, parts: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Has(parts) })
    }

    /// Only if `field` begins with one of `parts`, in any case.
    #[must_use]
    pub const fn begins(self, field: Field, parts: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Begins(parts) })
    }

    /// Only if `field` is there.
    #[must_use]
    pub const fn has(self, field: Field) -> Self {
        self.when(Condition { field, matcher: Matcher::Exists })
    }

    /// Is not tried again here.
    #[must_use]
    pub const fn never_here(mut self) -> Self {
        self.fault.retry = false;
        self
    }

    /// May be tried again here, if the kind [may pass](FaultKind::may_pass).
    #[must_use]
    pub const fn again_here(mut self) -> Self {
        self.fault.retry = self.fault.kind.may_pass();
        self
    }

    /// May be tried at another place, or not.
    #[must_use]
    pub const fn elsewhere(mut self, elsewhere: bool) -> Self {
        self.fault.elsewhere = elsewhere;
        self
    }

    /// Lets this rest.
    #[must_use]
    pub const fn cools(mut self, scope: Scope) -> Self {
        self.fault.cools = scope;
        self
    }

    /// Counts against the provider's health, or not.
    #[must_use]
    pub const fn counts(mut self, counts: bool) -> Self {
        self.fault.counts = counts;
        self
    }

    /// What the row means.
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    #[inline]
    pub(super) fn matches<H: Headers + ?Sized>(&self, reply: &Reply<'_, H>) -> bool {
        self.needs & !reply.has == 0
            && self.provider.is_none_or(|provider| provider == reply.provider)
            && self.status.is_none_or(|(low, high)| low <= reply.status && reply.status <= high)
            && (self.needs == 0 || self.conditions_hold(reply))
    }

    #[inline(never)]
    fn conditions_hold<H: Headers + ?Sized>(&self, reply: &Reply<'_, H>) -> bool {
        self.conditions.iter().flatten().all(|condition| condition.holds(reply))
    }

    const fn when(mut self, condition: Condition) -> Self {
        let place = if self.conditions[0].is_none() { 0 } else { 1 };
        self.conditions[place] = Some(condition);
        self.needs = match self.conditions {
            [Some(first), Some(second)] => first.field.bit() | second.field.bit(),
            _ => condition.field.bit(),
        };
        self
    }
}

impl Condition {
    #[inline]
    fn holds<H: Headers + ?Sized>(&self, reply: &Reply<'_, H>) -> bool {
        if matches!(self.field, Field::QuotaId) {
            return body::quota_ids(reply.error).any(|id| self.matcher.matches(id));
        }
        self.field.of(reply).is_some_and(|text| self.matcher.matches(text))
    }
}

impl Field {
    /// The bit of every field that is looked up only when a row asks for it.
    const OTHERS: Fields = 1;

    const fn bit(self) -> Fields {
        match self {
            Self::Code => 2,
            Self::Type => 4,
            Self::Message => 8,
            _ => Self::OTHERS,
        }
    }

    #[inline]
    fn of<'a, H: Headers + ?Sized>(self, reply: &Reply<'a, H>) -> Option<&'a str> {
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
            Self::Message => reply.message,
        }
    }
}

impl Matcher {
    #[inline]
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(values) => values
                .iter()
                .any(|value| text.len() == value.len() && text.eq_ignore_ascii_case(value)),
            Self::Begins(parts) => parts.iter().any(|part| {
                let start = text.as_bytes().get(..part.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
            }),
            Self::Has(parts) => parts.iter().any(|part| contains(text, part)),
            Self::Exists => true,
        }
    }
}

/// Whether `part` stands in what `text` begins with, in any case. The rest of a long text is what
/// it quotes.
fn contains(text: &str, part: &str) -> bool {
    const LONGEST: usize = 1024;
    let (text, part) = (&text.as_bytes()[..text.len().min(LONGEST)], part.as_bytes());
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return true };
    // Only letters have a second form. What else the bit brings together, the comparison parts.
    let alike = |a: u8, b: u8| a | 0x20 == b | 0x20;
    text.windows(part.len()).any(|here| {
        alike(here[0], *first)
            && alike(here[part.len() - 1], *last)
            && here.eq_ignore_ascii_case(part)
    })
}

/// A line of a Markdown table: provider, status, says, kind, retried here, elsewhere, cooled down,
/// counts against health.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | ", self.provider.map_or("any", Provider::as_str))?;
        match self.status {
            None => f.write_str("any")?,
            Some((low, high)) if low == high => write!(f, "{low}")?,
            Some((low, high)) => write!(f, "{low} to {high}")?,
        }
        f.write_str(" |")?;
        for (place, condition) in self.conditions.iter().flatten().enumerate() {
            f.write_str(if place == 0 { " " } else { " and " })?;
            condition.fmt(f)?;
        }
        let yes = |yes| if yes { "yes" } else { "no" };
        let Fault { kind, retry, elsewhere, cools, counts, .. } = self.fault;
        let (retry, elsewhere, counts) = (yes(retry), yes(elsewhere), yes(counts));
        write!(f, " | {kind} | {retry} | {elsewhere} | {cools} | {counts} |")
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Field::Metadata(name) => write!(f, "`metadata.{name}`")?,
            field => write!(f, "`{}`", field.name())?,
        }
        let (verb, values) = match self.matcher {
            Matcher::Exists => return f.write_str(" is there"),
            Matcher::Is(values) => (" is", values),
            Matcher::Begins(values) => (" begins with", values),
            Matcher::Has(values) => (" has", values),
        };
        f.write_str(verb)?;
        for (place, value) in values.iter().enumerate() {
            f.write_str(if place == 0 { " " } else { ", " })?;
            write!(f, "`{value}`")?;
        }
        Ok(())
    }
}

impl Field {
    const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Type => "type",
            Self::Status => "status",
            Self::Reason => "details[].reason",
            Self::QuotaId => "quotaId",
            Self::Exception => "exception",
            Self::Metadata(_) => "metadata",
            Self::StopReason => "stop reason",
            Self::Message => "message",
        }
    }
}
