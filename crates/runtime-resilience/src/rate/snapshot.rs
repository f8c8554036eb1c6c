//! The limits that a provider reports.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::demand::RateDimension;
use crate::fault::{Headers, until_reset};

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
    /// | limit | Anthropic | `OpenAI`, Azure, and APIs like theirs |
    /// |---|---|---|
    /// | requests | `anthropic-ratelimit-requests-…` | `x-ratelimit-…-requests` |
    /// | tokens | `anthropic-ratelimit-tokens-…` | `x-ratelimit-…-tokens` |
    /// | input, output | `anthropic-ratelimit-{input,output}-tokens-…` | |
    ///
    /// The dots stand for `limit`, `remaining` and `reset`. A missing value, or one that is not a whole
    /// number, is unknown.
    pub fn from_headers<H: Headers + ?Sized>(headers: &H, now: DateTime<Utc>) -> Self {
        let number = |name: &str| headers.header(name)?.trim_ascii().parse().ok();
        let quota = |[limit, remaining, reset]: [&str; 3]| RateQuota {
            limit: number(limit),
            remaining: number(remaining),
            reset: headers.header(reset).and_then(|text| until_reset(headers, text, now)),
        };
        let mut quotas = [RateQuota::default(); 4];
        for (index, names) in NAMES {
            if quotas[index] == RateQuota::default() {
                quotas[index] = quota(names);
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

/// The headers of each limit: its size, the rest, and the time of its reset.
const NAMES: [(usize, [&str; 3]); 6] = [
    (
        0,
        [
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ],
    ),
    (
        0,
        [
            "x-ratelimit-limit-requests",
            "x-ratelimit-remaining-requests",
            "x-ratelimit-reset-requests",
        ],
    ),
    (
        1,
        [
            "anthropic-ratelimit-input-tokens-limit",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ],
    ),
    (
        2,
        [
            "anthropic-ratelimit-output-tokens-limit",
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ],
    ),
    (
        3,
        [
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ],
    ),
    (3, ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]),
];
