//! The headers in which providers report their limits.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::headers::Headers;
use super::retry_after::until_reset;

/// The headers of one limit.
pub(crate) struct LimitHeaders {
    pub(crate) of: LimitOf,
    pub(crate) limit: &'static str,
    pub(crate) remaining: &'static str,
    pub(crate) reset: &'static str,
}

/// The units that a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitOf {
    Requests,
    InputTokens,
    OutputTokens,
    Tokens,
    /// Units of a day.
    Day,
    /// Units that the name does not tell.
    Other,
}

/// As Anthropic names them: <https://docs.claude.com/en/api/rate-limits>.
macro_rules! anthropic {
    ($of:ident, $name:literal) => {
        LimitHeaders {
            of: LimitOf::$of,
            limit: concat!("anthropic-ratelimit-", $name, "-limit"),
            remaining: concat!("anthropic-ratelimit-", $name, "-remaining"),
            reset: concat!("anthropic-ratelimit-", $name, "-reset"),
        }
    };
}

/// As most others name them.
macro_rules! plain {
    ($of:ident, $start:literal, $name:literal) => {
        LimitHeaders {
            of: LimitOf::$of,
            limit: concat!($start, "ratelimit-limit", $name),
            remaining: concat!($start, "ratelimit-remaining", $name),
            reset: concat!($start, "ratelimit-reset", $name),
        }
    };
}

/// All limits that are read. Of two with the same units, the first that a reply has counts.
pub(crate) const LIMITS: [LimitHeaders; 15] = [
    anthropic!(Requests, "requests"),
    anthropic!(InputTokens, "input-tokens"),
    anthropic!(OutputTokens, "output-tokens"),
    anthropic!(Tokens, "tokens"),
    // OpenAI: https://platform.openai.com/docs/guides/rate-limits, and the many APIs like theirs.
    plain!(Requests, "x-", "-requests"),
    plain!(Tokens, "x-", "-tokens"),
    // Cerebras: https://inference-docs.cerebras.ai/support/rate-limits
    plain!(Requests, "x-", "-requests-minute"),
    plain!(Tokens, "x-", "-tokens-minute"),
    plain!(Day, "x-", "-requests-day"),
    plain!(Day, "x-", "-tokens-day"),
    // Mistral: https://github.com/mistralai/client-ts/issues/169
    plain!(Requests, "x-", "-req-minute"),
    // Fireworks: https://docs.fireworks.ai/serverless/rate-limits
    plain!(InputTokens, "x-", "-tokens-prompt"),
    plain!(OutputTokens, "x-", "-tokens-generated"),
    plain!(Other, "x-", ""),
    plain!(Other, "", ""),
];

/// The longest time after which the limit of a minute is full again, with a second for what was rounded.
pub(crate) const FULL_AGAIN: Duration = Duration::from_secs(61);

/// The latest reset of the used-up limits; `None` if there is none, or it is unknown.
///
/// A limit is used up if its rest is 0, or if the status of a plan of Anthropic's is `rejected`.
pub(super) fn reset_of_limits<H: Headers + ?Sized>(
    headers: &H,
    now: DateTime<Utc>,
) -> Option<Duration> {
    let used_up = LIMITS.iter().filter(|limit| is_zero(headers, limit.remaining));
    let status = headers.header("anthropic-ratelimit-unified-status").map(str::trim_ascii);
    let plan = (status == Some("rejected")).then_some("anthropic-ratelimit-unified-reset");
    let resets = used_up.map(|limit| limit.reset).chain(plan);
    let resets = resets.filter_map(|reset| until_reset(headers, headers.header(reset)?, now));
    resets.max().filter(|reset| !reset.is_zero())
}

/// Whether a refusal by a limit is one for long: the limit of a day is used up, or the plan allows nothing at all.
pub(super) fn is_for_long<H: Headers + ?Sized>(headers: &H) -> bool {
    LIMITS.iter().any(|limit| match limit.of {
        LimitOf::Day => is_zero(headers, limit.remaining),
        LimitOf::Other => false,
        _ => is_zero(headers, limit.limit),
    })
}

fn is_zero<H: Headers + ?Sized>(headers: &H, name: &str) -> bool {
    headers.header(name).is_some_and(|value| value.trim_ascii() == "0")
}
