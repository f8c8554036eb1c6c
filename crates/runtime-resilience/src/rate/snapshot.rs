//! The limits that a provider reports.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::demand::RateDimension;
use crate::fault::{FULL_AGAIN, Headers, LIMITS, LimitHeaders, LimitOf, until_reset};

/// One limit that a provider reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateQuota {
    pub(super) limit: Option<u64>,
    pub(super) remaining: Option<u64>,
    pub(super) reset: Option<Duration>,
}

impl RateQuota {
    /// The limit: units a minute. Unknown unless set.
    #[must_use]
    pub const fn limit(mut self, units: u64) -> Self {
        self.limit = Some(units);
        self
    }

    /// The units that are left. Unknown unless set.
    #[must_use]
    pub const fn remaining(mut self, units: u64) -> Self {
        self.remaining = Some(units);
        self
    }

    /// The time until all units are back. Unknown unless set.
    #[must_use]
    pub const fn reset(mut self, after: Duration) -> Self {
        self.reset = Some(after);
        self
    }
}

/// All limits that a provider reports.
///
/// ```
/// use chrono::{TimeZone, Utc};
/// use runtime_resilience::{RateDimension, RateQuota, RateSnapshot};
///
/// let now = Utc.with_ymd_and_hms(2026, 7, 1, 12, 0, 0).unwrap();
/// let headers = [
///     ("anthropic-ratelimit-requests-limit", "50"),
///     ("anthropic-ratelimit-requests-remaining", "49"),
///     ("anthropic-ratelimit-input-tokens-remaining", "27000"),
/// ];
/// let told = RateSnapshot::from_headers(&headers, now);
/// let requests = RateQuota::default().limit(50).remaining(49);
/// assert_eq!(told.quota(RateDimension::Requests), Some(requests));
/// let input = RateQuota::default().remaining(27_000);
/// assert_eq!(told, RateSnapshot::default().requests(requests).input_tokens(input));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateSnapshot {
    /// In the order of `DIMENSIONS`.
    pub(super) quotas: [RateQuota; 4],
}

impl RateSnapshot {
    /// Reads the headers of a reply that came at `now`.
    ///
    /// | limit | Anthropic | `OpenAI`, Azure, and APIs like theirs | others |
    /// |---|---|---|---|
    /// | requests | `anthropic-ratelimit-requests-…` | `x-ratelimit-…-requests` | `x-ratelimit-…-requests-minute`, Mistral's `x-ratelimit-…-req-minute` |
    /// | tokens | `anthropic-ratelimit-tokens-…` | `x-ratelimit-…-tokens` | `x-ratelimit-…-tokens-minute` of Cerebras and Mistral |
    /// | input, output | `anthropic-ratelimit-{input,output}-tokens-…` | | `x-ratelimit-…-tokens-{prompt,generated}` of Fireworks |
    ///
    /// The dots stand for `limit`, `remaining` and `reset`. A missing value, or one that is not a whole
    /// number, is unknown. So is the limit a minute where a reset is more than a minute away: Groq's
    /// requests are those of a day.
    pub fn from_headers<H: Headers + ?Sized>(headers: &H, now: impl Into<DateTime<Utc>>) -> Self {
        let now = now.into();
        let number = |name: &str| headers.header(name)?.trim_ascii().parse().ok();
        let quota = |names: &LimitHeaders| {
            let (limit, remaining) = (number(names.limit), number(names.remaining));
            // Most names are not in a reply.
            limit.or(remaining)?;
            let reset =
                headers.header(names.reset).and_then(|text| until_reset(headers, text, now));
            let is_a_minutes = reset.is_none_or(|reset| reset <= FULL_AGAIN);
            Some(RateQuota { limit: limit.filter(|_| is_a_minutes), remaining, reset })
        };
        let mut quotas = [RateQuota::default(); 4];
        for names in &LIMITS {
            let index = match names.of {
                LimitOf::Requests => 0,
                LimitOf::InputTokens => 1,
                LimitOf::OutputTokens => 2,
                LimitOf::Tokens => 3,
                LimitOf::Day | LimitOf::Other => continue,
            };
            if quotas[index] == RateQuota::default() {
                quotas[index] = quota(names).unwrap_or_default();
            }
        }
        Self { quotas }
    }

    /// The quota of requests. Unknown unless set.
    #[must_use]
    pub const fn requests(mut self, quota: RateQuota) -> Self {
        self.quotas[0] = quota;
        self
    }

    /// The quota of input tokens. Unknown unless set.
    #[must_use]
    pub const fn input_tokens(mut self, quota: RateQuota) -> Self {
        self.quotas[1] = quota;
        self
    }

    /// The quota of output tokens. Unknown unless set.
    #[must_use]
    pub const fn output_tokens(mut self, quota: RateQuota) -> Self {
        self.quotas[2] = quota;
        self
    }

    /// The quota of input and output tokens together. Unknown unless set.
    #[must_use]
    pub const fn tokens(mut self, quota: RateQuota) -> Self {
        self.quotas[3] = quota;
        self
    }

    /// The quota of a dimension; `None` if it is unknown.
    pub fn quota(&self, dimension: RateDimension) -> Option<RateQuota> {
        let quota = self.quotas[dimension.index()?];
        Some(quota).filter(|quota| *quota != RateQuota::default())
    }
}
