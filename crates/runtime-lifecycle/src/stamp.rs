//! Times as events write them, for `#[serde(with = "crate::stamp")]`.

use chrono::{DateTime, SubsecRound, Utc};
use runtime_events::format_utc;
use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(
    at: &DateTime<Utc>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_utc(*at))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(deserializer)?;
    DateTime::parse_from_rfc3339(&text).map(|at| at.with_timezone(&Utc).trunc_subsecs(6)).map_err(
        |error| {
            de::Error::custom(format!(
                "invalid `created_at` `{text}`, expected an RFC 3339 time: {error}"
            ))
        },
    )
}
