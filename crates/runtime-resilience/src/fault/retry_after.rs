//! The wait that a provider asks for.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::body;
use super::headers::Headers;
use super::http_date::http_date;

/// The wait that a reply asks for: the first of these that can be read, or `None`.
///
/// | order | where | form |
/// |---|---|---|
/// | 1 | header `retry-after-ms` | milliseconds, `634` or `634.5` |
/// | 2 | header `retry-after` | seconds, `7` or `0.5`; or a date |
/// | 3 | the body's `google.rpc.RetryInfo` | `retryDelay`: `31s`, `0.5s` |
///
/// Reading a rate limit, a [`Fault`](super::Fault) also looks at the used-up limits and waits for the
/// last of them to be reset, and then at the message for people, such as `OpenAI`'s `Please try again
/// in 634ms`.
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
    now: DateTime<Utc>,
) -> Option<Duration> {
    let asked = headers
        .header("retry-after-ms")
        .and_then(|text| number(text, Unit::Milliseconds))
        .or_else(|| header(headers, headers.header("retry-after")?, now))
        .or_else(|| go_duration(body::retry_delay(body)?));
    asked.filter(|asked| !asked.is_zero())
}

/// The wait in a message: `Please try again in 6m0s.`
pub(super) fn in_words(message: &str) -> Option<Duration> {
    const BEFORE: &[u8] = b"try again in ";
    /// The part of a message that is read.
    const LONGEST: usize = 1024;
    let bytes = &message.as_bytes()[..message.len().min(LONGEST)];
    let mut places = bytes.windows(BEFORE.len());
    let at = places.position(|here| here.eq_ignore_ascii_case(BEFORE))? + BEFORE.len();
    let word = message.get(at..)?.split_ascii_whitespace().next()?;
    let asked = go_duration(word.trim_end_matches(['.', ',', ';', '!', ')']))?;
    (!asked.is_zero()).then_some(asked)
}

/// The latest reset of the used-up limits; `None` if there is none, or it is unknown.
///
/// Limits are those of `OpenAI` (`x-ratelimit-remaining-…` is 0, `x-ratelimit-reset-…` is `12ms`,
/// `1s` or `6m0s`) and of Anthropic (`anthropic-ratelimit-…-remaining` is 0, `…-reset` is a date as
/// in RFC 3339).
pub(super) fn reset_of_limits<H: Headers + ?Sized>(
    headers: &H,
    now: DateTime<Utc>,
) -> Option<Duration> {
    /// The names of a limit's headers: the rest, and the reset.
    const LIMITS: [(&str, &str); 6] = [
        ("x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        ("x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        ("anthropic-ratelimit-requests-remaining", "anthropic-ratelimit-requests-reset"),
        ("anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
        ("anthropic-ratelimit-input-tokens-remaining", "anthropic-ratelimit-input-tokens-reset"),
        ("anthropic-ratelimit-output-tokens-remaining", "anthropic-ratelimit-output-tokens-reset"),
    ];
    let used_up = LIMITS.iter().filter(|(remaining, _)| {
        headers.header(remaining).is_some_and(|left| left.trim_ascii() == "0")
    });
    let resets = used_up.filter_map(|(_, reset)| until_reset(headers, headers.header(reset)?, now));
    resets.max().filter(|reset| !reset.is_zero())
}

/// Until a limit's reset: `12ms` or `6m0s`, or a date as in RFC 3339.
pub(crate) fn until_reset<H: Headers + ?Sized>(
    headers: &H,
    text: &str,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let text = text.trim_ascii();
    go_duration(text).or_else(|| {
        let at = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        until(at, here(headers, now))
    })
}

/// A duration as Go and protobuf write it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`.
fn go_duration(text: &str) -> Option<Duration> {
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
            "d" => number(count, Unit::Seconds)?.saturating_mul(86_400),
            "h" => number(count, Unit::Seconds)?.saturating_mul(3_600),
            "m" => number(count, Unit::Seconds)?.saturating_mul(60),
            "s" => number(count, Unit::Seconds)?,
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
fn here<H: Headers + ?Sized>(headers: &H, now: DateTime<Utc>) -> DateTime<Utc> {
    headers.header("date").and_then(|date| http_date(date, now)).unwrap_or(now)
}

/// `None` if it is over.
fn until(at: DateTime<Utc>, now: DateTime<Utc>) -> Option<Duration> {
    at.signed_duration_since(now).to_std().ok()
}

/// A number of units. Only digits and one point: no sign, no exponent, no infinity. Fractions of a
/// nanosecond are rounded up, and too large numbers are the longest duration.
fn number(text: &str, unit: Unit) -> Option<Duration> {
    let text = text.trim_ascii();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = whole.bytes().chain(part.bytes());
    if whole.is_empty() || !digits.all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Digits alone fail only if there are too many.
    let whole = whole.parse().map_or(Duration::MAX, |whole| unit.times(whole));
    let (mut nanos, mut weight, mut finer) = (0, unit.nanos(), false);
    for byte in part.bytes() {
        weight /= 10;
        let digit = u64::from(byte - b'0');
        finer |= weight == 0 && digit > 0;
        nanos += digit * weight;
    }
    Some(whole.saturating_add(Duration::from_nanos(nanos + u64::from(finer))))
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl Unit {
    const fn times(self, count: u64) -> Duration {
        match self {
            Self::Seconds => Duration::from_secs(count),
            Self::Milliseconds => Duration::from_millis(count),
            Self::Microseconds => Duration::from_micros(count),
            Self::Nanoseconds => Duration::from_nanos(count),
        }
    }

    const fn nanos(self) -> u64 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Milliseconds => 1_000_000,
            Self::Microseconds => 1_000,
            Self::Nanoseconds => 1,
        }
    }
}
