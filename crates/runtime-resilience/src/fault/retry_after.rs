//! The wait that a provider asks for.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::body;
use super::headers::Headers;
use super::http_date::http_date;
use super::json::{Json, Parsed};

/// The wait that a reply asks for: the first of these that can be read, or `None`.
///
/// | order | where | form |
/// |---|---|---|
/// | 1 | header `retry-after-ms` | milliseconds, `634` or `634.5` |
/// | 2 | header `retry-after` | seconds, `7` or `0.5`; or a date |
/// | 3 | the body's `google.rpc.RetryInfo` | `retryDelay`: `31s`, `0.5s` |
///
/// A [`Fault`](super::Fault) also looks at the used-up limits of a rate limit, and waits for the last of
/// them to be reset; at the time that a model still needs to load; and, of a rate limit, a quota or an
/// overload, at the message for people, such as `OpenAI`'s `Please try again in 634ms`.
///
/// Dates are compared with the reply's own `date`, so that clocks that differ do no harm. A value
/// that is not a number above zero asks for nothing.
///
/// `now` is when the reply came. However long the wait is, it is returned whole: see
/// [`Fault::wait`](super::Fault::wait).
///
/// ```
/// use std::time::Duration;
/// use chrono::{TimeZone, Utc};
/// use serde_json::Value;
/// use runtime_resilience::retry_after;
///
/// let now = Utc.with_ymd_and_hms(2026, 1, 1, 12, 0, 0).unwrap();
/// let asked = |value| retry_after(&[("Retry-After", value)], &Value::Null, now);
/// assert_eq!(asked("1.5"), Some(Duration::from_millis(1_500)));
/// assert_eq!(asked("Thu, 01 Jan 2026 12:00:30 GMT"), Some(Duration::from_secs(30)));
/// assert_eq!(asked("-1"), None);
/// ```
pub fn retry_after<H: Headers + ?Sized>(
    headers: &H,
    body: &Value,
    now: impl Into<DateTime<Utc>>,
) -> Option<Duration> {
    in_place(headers, Parsed::of(body), now.into())
}

/// As [`retry_after`], whatever form the body has.
pub(super) fn in_place<'a, H: Headers + ?Sized, N: Json<'a>>(
    headers: &H,
    body: N,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let is_wait = |asked: &Duration| !asked.is_zero();
    let asked = headers.header("retry-after-ms");
    let asked = asked.and_then(|text| number(text, Unit::Milliseconds)).filter(is_wait);
    let seconds = || header(headers, headers.header("retry-after")?, now).filter(is_wait);
    asked.or_else(seconds).or_else(|| go_duration(body::retry_delay(body)?).filter(is_wait))
}

/// The wait that `OpenRouter` tells in `error.metadata`, or that the provider behind it has in its headers, which
/// are passed on there. A reset is a time since 1970 in milliseconds.
pub(super) fn in_metadata<'a, N: Json<'a>>(error: N, now: DateTime<Utc>) -> Option<Duration> {
    let metadata = error.get("metadata")?;
    if let Some(told) = in_fields(metadata) {
        return Some(told);
    }
    let headers = metadata.get("headers")?;
    let header = |wanted: &str| {
        let (_, value) = headers.fields()?.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.text().map(str::to_owned).or_else(|| Some(value.number()?.to_string()))
    };
    let asked = header("retry-after").and_then(|text| number(&text, Unit::Seconds));
    let reset = || {
        let at = DateTime::from_timestamp_millis(header("x-ratelimit-reset")?.parse().ok()?)?;
        until(at, now)
    };
    asked.or_else(reset).filter(|wait| !wait.is_zero())
}

/// The wait that a field of a body asks for: until the limit of a plan is over at `OpenAI`, as Replicate's
/// `retry_after`, while a model still loads at Hugging Face, or until a gateway's accounts rest no more.
pub(super) fn in_body<'a, N: Json<'a>>(body: N, error: N) -> Option<Duration> {
    in_fields(error).or_else(|| in_fields(body))
}

/// The longest, in whatever order a parser keeps them.
fn in_fields<'a, N: Json<'a>>(place: N) -> Option<Duration> {
    let asked = |(name, value): (&str, N)| {
        let unit = match name {
            "resets_in_seconds"
            | "reset_in_seconds"
            | "reset_seconds"
            | "estimated_time"
            | "retry_after"
            | "retry_after_s"
            | "retry_after_seconds"
            | "reset_after_seconds"
            | "retryAfter"
            | "retryAfterSeconds"
            | "cooldown_seconds"
            | "wait_seconds" => Unit::Seconds,
            "retry_after_ms" | "retryAfterMs" => Unit::Milliseconds,
            _ => return None,
        };
        let counted = || {
            let count = value.number()?.as_f64()?;
            Duration::try_from_secs_f64(count * unit.times(1).as_secs_f64()).ok()
        };
        let told = |text| number(text, unit).or_else(|| go_duration(text));
        value.text().map_or_else(counted, told)
    };
    place.fields()?.filter_map(asked).max().filter(|wait| !wait.is_zero())
}

/// Until a limit's reset: `12ms` or `6m0s`, a date as in RFC 3339, or a number: of seconds, or of
/// seconds or milliseconds since 1970.
pub(crate) fn until_reset<H: Headers + ?Sized>(
    headers: &H,
    text: &str,
    now: DateTime<Utc>,
) -> Option<Duration> {
    /// Nobody waits for thirty years.
    const SECONDS_SINCE_1970: Duration = Duration::from_secs(1_000_000_000);
    const MILLISECONDS_SINCE_1970: Duration = Duration::from_secs(1_000_000_000_000);
    let text = text.trim_ascii();
    let Some(number) = number(text, Unit::Seconds) else {
        let date = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
        return go_duration(text).or_else(|| until(date()?, here(headers, now)));
    };
    let since_1970 = match number {
        wait if wait < SECONDS_SINCE_1970 => return Some(wait),
        seconds if seconds < MILLISECONDS_SINCE_1970 => seconds,
        milliseconds => milliseconds / 1_000,
    };
    let since_1970 = TimeDelta::from_std(since_1970).ok()?;
    until(DateTime::UNIX_EPOCH.checked_add_signed(since_1970)?, here(headers, now))
}

/// A duration as Go and protobuf write it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`.
pub(super) fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_ascii();
    let mut sum = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (count, behind) = rest.split_at(digits);
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let part = match unit {
            "d" => number(count, Unit::Days)?,
            "h" | "hr" => number(count, Unit::Hours)?,
            "m" | "min" => number(count, Unit::Minutes)?,
            "s" | "sec" => number(count, Unit::Seconds)?,
            "ms" => number(count, Unit::Milliseconds)?,
            "us" | "µs" | "μs" => number(count, Unit::Microseconds)?,
            "ns" => number(count, Unit::Nanoseconds)?,
            _ => return None,
        };
        sum = sum.saturating_add(part);
        rest = behind;
    }
    Some(sum)
}

fn header<H: Headers + ?Sized>(headers: &H, text: &str, now: DateTime<Utc>) -> Option<Duration> {
    number(text, Unit::Seconds).or_else(|| until(http_date(text, now)?, here(headers, now)))
}

/// The time at the provider, when it sent the reply.
pub(super) fn here<H: Headers + ?Sized>(headers: &H, now: DateTime<Utc>) -> DateTime<Utc> {
    headers.header("date").and_then(|date| http_date(date, now)).unwrap_or(now)
}

/// `None` if it is over.
pub(super) fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Duration> {
    at.signed_duration_since(now).to_std().ok()
}

/// A number of units. Only digits and one point: no sign, no exponent, no infinity. Fractions of a
/// nanosecond are rounded up, and too large numbers are the longest duration.
pub(super) fn number(text: &str, unit: Unit) -> Option<Duration> {
    let mut rest = text.trim_ascii().as_bytes();
    if !rest.first()?.is_ascii_digit() {
        return None;
    }
    let mut whole = Some(0_u64);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        let more = |sum: u64| sum.checked_mul(10)?.checked_add((digit - b'0').into());
        whole = whole.and_then(more);
        rest = behind;
    }
    let whole = whole.map_or(Duration::MAX, |whole| unit.times(whole));
    let part = match rest {
        [] => return Some(whole),
        [b'.', part @ ..] if part.iter().all(u8::is_ascii_digit) => part,
        _ => return None,
    };
    let (mut nanos, mut weight, mut finer) = (0, unit.nanos(), false);
    for byte in part {
        weight /= 10;
        let digit = u64::from(byte - b'0');
        finer |= weight == 0 && digit > 0;
        nanos += digit * weight;
    }
    Some(whole.saturating_add(Duration::from_nanos(nanos + u64::from(finer))))
}

#[derive(Clone, Copy)]
pub(super) enum Unit {
    Days,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    const fn times(self, count: u64) -> Duration {
        match self {
            Self::Days => Duration::from_secs(count.saturating_mul(86_400)),
            Self::Hours => Duration::from_secs(count.saturating_mul(3_600)),
            Self::Minutes => Duration::from_secs(count.saturating_mul(60)),
            Self::Seconds => Duration::from_secs(count),
            Self::Milliseconds => Duration::from_millis(count),
            Self::Microseconds => Duration::from_micros(count),
            Self::Nanoseconds => Duration::from_nanos(count),
        }
    }

    const fn nanos(self) -> u64 {
        match self {
            Self::Days => 86_400_000_000_000,
            Self::Hours => 3_600_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}
