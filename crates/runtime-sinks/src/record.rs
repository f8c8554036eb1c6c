//! [`UsageRecord`]: the usage and the cost of a turn.

use std::sync::Arc;

use runtime_usage::{UsageSnapshot, Usd};
use serde::Serialize;

/// The usage and the cost of a metered turn.
///
/// ```
/// use runtime_sinks::UsageRecord;
/// use runtime_usage::{UsageSnapshot, Usd};
///
/// let record = UsageRecord::new("gpt-5", UsageSnapshot::new(1_200, 80), Usd::from_cents(1));
/// let json = serde_json::to_value(&record)?;
/// assert_eq!(json["cost_usd"], 0.01);
/// assert_eq!(json["usage"]["output_tokens"], 80);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UsageRecord {
    /// The model that was called.
    pub model: Arc<str>,
    /// The tokens of the turn.
    pub usage: UsageSnapshot,
    /// The cost of the turn. The JSON key is `cost_usd`.
    #[serde(rename = "cost_usd")]
    pub cost: Usd,
    /// Whether the cost is an estimate, because the call was cut short. Left out of the JSON if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// Whether the provider reported the cost. Left out of the JSON if false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub cost_reported: bool,
    /// The session of the turn. Left out of the JSON if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Arc<str>>,
    /// The role of the agent. Left out of the JSON if unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Arc<str>>,
}

impl UsageRecord {
    /// Creates a record without a session and a role.
    #[inline]
    pub fn new(model: impl Into<Arc<str>>, usage: UsageSnapshot, cost: Usd) -> Self {
        Self {
            model: model.into(),
            usage,
            cost,
            estimated: false,
            cost_reported: false,
            session_id: None,
            role: None,
        }
    }
}
