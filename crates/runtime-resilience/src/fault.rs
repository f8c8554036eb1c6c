//! The meaning of a failure.

mod body;
mod condition;
mod details;
mod field;
mod flat;
mod headers;
#[cfg(feature = "http")]
mod http;
mod http_date;
mod index;
mod json;
mod kind;
mod limits;
mod lookup;
mod moment;
mod numbers;
mod phrases;
mod provider;
#[cfg(any(feature = "reqwest-0-12", feature = "reqwest-0-13"))]
pub(crate) mod reqwest;
mod retry_after;
mod rows;
mod rule;
mod rules;
mod said;
mod search;
mod spoken;
mod text;
mod usual;
mod wait;

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_events::{AgentFailureClass, FailureScenario};
use serde_json::Value;

pub use self::details::{FaultDetails, FaultError};
pub use self::field::ReplyField;
pub use self::headers::{Headers, header_lookup};
pub use self::kind::{FaultKind, FaultScope, Reach, TimeoutPhase};
pub(crate) use self::limits::{FULL_AGAIN, LIMITS, LimitHeaders, LimitOf};
pub use self::phrases::classify_text;
pub use self::provider::Provider;
pub use self::retry_after::retry_after;
pub(crate) use self::retry_after::until_reset;
pub use self::rule::FaultRule;
pub use self::rules::FaultRules;
pub(crate) use self::text::of_texts;
pub use self::wait::NoRetry;
pub(crate) use self::wait::wait;

/// The meaning of a failure: its kind, whether and when to try again, and where.
///
/// A fault comes from facts first. Of a provider's reply, these are the status, the headers and the
/// body, read by the rows of a table: [`from_response`](Self::from_response),
/// [`from_json`](Self::from_json), [`from_stream_error`](Self::from_stream_error). [`FaultRules`] puts
/// rows of your own in front. Of a Rust error, it is the type: [`from_error`](Self::from_error). Text
/// is read only where nothing else is known.
///
/// ```
/// use std::time::Duration;
/// use chrono::{TimeZone, Utc};
/// use runtime_resilience::{Fault, FaultKind, FaultScope, NoRetry, Provider};
///
/// let now = Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap();
/// let headers = [("retry-after", "20")];
/// let body = br#"{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}"#;
/// let quota = Fault::from_response(Provider::OpenAi, 429, &headers, body, now);
/// assert_eq!((quota.kind, quota.retry, quota.cools), (FaultKind::Quota, false, FaultScope::Key));
///
/// let body = br#"{"error":{"type":"requests","code":"rate_limit_exceeded"}}"#;
/// let rate = Fault::from_response(Provider::OpenAi, 429, &headers, body, now);
/// let [delay, cap] = [2, 60].map(Duration::from_secs);
/// assert_eq!(rate.wait(delay, cap, None), Ok(Duration::from_secs(22)));
///
/// let left = Some(Duration::from_secs(10));
/// assert!(matches!(rate.wait(delay, cap, left), Err(NoRetry::Deadline { .. })));
/// ```
///
/// Equal faults mean the same, whatever they were read from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Fault {
    /// The kind of failure.
    pub kind: FaultKind,
    /// Whether another attempt at the same place may succeed. [`wait`](Self::wait) says when.
    pub retry: bool,
    /// How long the provider asked to be left alone. Set even if `retry` is false: how long
    /// [`cools`](Self::cools) rests.
    pub asked: Option<Duration>,
    /// Whether an attempt with another provider, model or key may succeed.
    pub elsewhere: bool,
    /// The scope that should rest.
    pub cools: FaultScope,
    /// Whether it counts against the provider's health, so that a circuit breaker should count it.
    pub counts: bool,
    /// How far the request came. See [`may_be_billed`](Self::may_be_billed).
    pub reach: Reach,
    /// The HTTP status, if there was a reply. In a stream, the status that the error names.
    pub status: Option<u16>,
    /// What it was read from.
    pub basis: FaultBasis,
    pub(crate) scenario: FailureScenario,
}

impl Fault {
    /// The usual fault of a kind, for failures that are not in a reply: a timeout of your own, a
    /// cancelled call.
    pub const fn of(kind: FaultKind) -> Self {
        usual::fault(kind)
    }

    /// The usual fault of a scenario, where nothing else is known.
    pub const fn of_scenario(scenario: FailureScenario) -> Self {
        let kind = match scenario {
            FailureScenario::LlmTimeout | FailureScenario::DependencyTimeout => {
                FaultKind::Timeout(TimeoutPhase::Unknown)
            }
            FailureScenario::ToolExecutionError => FaultKind::Tool,
            FailureScenario::ContextOverflow => FaultKind::ContextLength,
            FailureScenario::MemoryCorruption => FaultKind::Malformed,
            FailureScenario::ProviderFailure => FaultKind::Server,
            _ => FaultKind::Unknown,
        };
        Self { scenario, ..Self::of(kind).of_unknown_reach() }
    }

    /// The fault of a provider's reply. `now` is when the reply came: a `SystemTime`, or
    /// a date of `chrono`.
    ///
    /// The call must have failed: an answer is no fault. The body need not be JSON or complete: plain
    /// text is read as the message. A body of more than 64 KiB is not read.
    pub fn from_response<H: Headers + ?Sized>(
        provider: Provider,
        status: u16,
        headers: &H,
        body: &[u8],
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        FaultRules::BUILT_IN.of_response(provider, status, headers, body, now)
    }

    /// As [`from_response`](Self::from_response), for a parsed body.
    ///
    /// Allocates only if the body holds another body as text.
    pub fn from_json<H: Headers + ?Sized>(
        provider: Provider,
        status: u16,
        headers: &H,
        body: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        FaultRules::BUILT_IN.of_json(provider, status, headers, body, now)
    }

    /// The fault of an error inside a stream, or in an answer with status 200.
    ///
    /// `event` is the data of the event, with or without its envelope. `now` is when it came: a moment in its words
    /// is a [wait](Self::asked) from then on.
    ///
    /// ```
    /// use std::time::Duration;
    /// use chrono::{TimeZone, Utc};
    /// use runtime_resilience::{Fault, Provider};
    /// use serde_json::json;
    ///
    /// let now = Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap();
    /// let event = json!({"error": {"code": "1310", "message": "Your limit will reset at 2026-01-01T15:00:00Z"}});
    /// let fault = Fault::from_stream_error(Provider::Zai, &event, now);
    /// assert_eq!(fault.asked, Some(Duration::from_hours(3)));
    /// ```
    pub fn from_stream_error(
        provider: Provider,
        event: &Value,
        now: impl Into<DateTime<Utc>>,
    ) -> Self {
        FaultRules::BUILT_IN.of_stream_error(provider, event, now)
    }

    /// Whether the failed call may be billed. If not, its reservation is free again.
    ///
    /// A provider that was not reached bills nothing, nor does one that refused the request unread or
    /// replied with an error of its own. Every other failure may cost as much as an answer: an answer that
    /// came too late, broke off, or was blocked for what it said.
    pub const fn may_be_billed(&self) -> bool {
        matches!(self.reach, Reach::Unknown)
    }

    /// The scenario, which selects the recipe.
    pub const fn scenario(&self) -> FailureScenario {
        self.scenario
    }

    /// The class under which events report it.
    pub const fn failure_class(&self) -> AgentFailureClass {
        match self.kind {
            FaultKind::RateLimit => AgentFailureClass::RateLimit,
            FaultKind::ContentPolicy => AgentFailureClass::PromptRejection,
            FaultKind::Cancelled => AgentFailureClass::Cancelled,
            _ => self.scenario.failure_class(),
        }
    }

    /// How long to wait before another attempt at the same place.
    ///
    /// `delay` is from the back-off, `cap` the longest wait, and `left` the time until the deadline.
    /// The wait is never longer than `cap`, always shorter than `left`, and never shorter than the
    /// provider [asked for](Self::asked): that wait is kept in full, or refused.
    ///
    /// The delay is added to the requested wait, so that callers with the same answer do not come back
    /// at the same moment. It gives way to the cap, and leaves the attempt at least
    /// half of the time.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_resilience::{Fault, FaultKind, NoRetry};
    ///
    /// let [delay, cap] = [2, 60].map(Duration::from_secs);
    /// let mut fault = Fault::of(FaultKind::Overload);
    /// assert_eq!(fault.wait(delay, cap, None), Ok(delay));
    ///
    /// fault.asked = Some(Duration::from_secs(5));
    /// assert_eq!(fault.wait(delay, cap, None), Ok(Duration::from_secs(7)));
    ///
    /// let days = Duration::from_hours(77);
    /// fault.asked = Some(days);
    /// assert_eq!(fault.wait(delay, cap, None), Err(NoRetry::TooLong { asked: days, cap }));
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoRetry`] if another attempt here is pointless, or not worth the wait: go elsewhere, or
    /// give up.
    pub fn wait(
        &self,
        delay: Duration,
        cap: Duration,
        left: Option<Duration>,
    ) -> Result<Duration, NoRetry> {
        if self.retry { wait(self.asked, delay, cap, left) } else { Err(NoRetry::Pointless) }
    }

    /// With what it was read from.
    pub(crate) const fn read_from(mut self, basis: FaultBasis) -> Self {
        self.basis = basis;
        self
    }

    /// With an unknown reach.
    const fn of_unknown_reach(mut self) -> Self {
        self.reach = Reach::Unknown;
        self
    }

    /// With the status of its reply. A gateway's error about its upstream is a failure of the provider,
    /// as for [`classify_text`](crate::classify_text).
    const fn with_status(mut self, status: u16) -> Self {
        if matches!(self.kind, FaultKind::Server) && matches!(status, 502 | 503) {
            self.scenario = FailureScenario::ProviderFailure;
        }
        self.status = Some(status);
        self
    }
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            kind,
            retry,
            asked,
            elsewhere,
            cools,
            counts,
            reach,
            status,
            basis: _,
            scenario,
        } = *self;
        (kind, retry, asked, elsewhere, cools)
            == (other.kind, other.retry, other.asked, other.elsewhere, other.cools)
            && (counts, reach, status, scenario)
                == (other.counts, other.reach, other.status, other.scenario)
    }
}

impl Eq for Fault {}

/// What a fault was read from, for whoever wonders about it.
///
/// ```
/// use std::time::SystemTime;
/// use runtime_resilience::{Fault, FaultBasis, Provider};
/// use serde_json::json;
///
/// let event = json!({"error": {"code": "insufficient_quota"}});
/// let fault = Fault::from_stream_error(Provider::OpenAi, &event, SystemTime::now());
/// let FaultBasis::Row(row) = fault.basis else { unreachable!("a row knows this code") };
/// assert!(row.to_string().contains("is `insufficient_quota`"));
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum FaultBasis {
    /// It was made by the caller, as [`Fault::of`](crate::Fault::of) does.
    Given,
    /// A built-in row of the table of replies. It matched a reply, or the text of an error.
    Row(&'static FaultRule),
    /// A row of the caller's [`FaultRules`](crate::FaultRules), by its place from 0.
    OwnRow(usize),
    /// The type of a Rust error, or of one of its sources.
    Type(&'static str),
    /// This phrase or number in a text, by the rules of [`classify_text`](crate::classify_text).
    Phrase(&'static str),
    /// A [`RecordedFailure`](crate::RecordedFailure), which has no more than its result.
    Recorded {
        /// Whether the words or the status of a reply decided.
        said: bool,
    },
    /// Nothing: no row, type or phrase is known.
    Nothing,
}

impl FaultBasis {
    /// Whether a built-in row decided: the words or the status of a reply.
    pub(crate) const fn is_said(self) -> bool {
        matches!(self, Self::Row(_) | Self::Recorded { said: true })
    }
}

impl fmt::Display for FaultBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given => f.write_str("given by the caller"),
            Self::Row(row) => write!(f, "row {row}"),
            Self::OwnRow(place) => write!(f, "row {place} of the caller's"),
            Self::Type(name) => write!(f, "type `{name}`"),
            Self::Phrase(phrase) => write!(f, "phrase `{phrase}`"),
            Self::Recorded { .. } => f.write_str("recorded"),
            Self::Nothing => f.write_str("nothing known"),
        }
    }
}

/// As it is displayed: the fields of a row would bury everything around it.
impl fmt::Debug for FaultBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
