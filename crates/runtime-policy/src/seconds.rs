//! Durations as numbers of seconds in JSON.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de, ser::Serialize};

/// A duration that is written in seconds and read to the nearest nanosecond.
pub(crate) struct Seconds(pub(crate) Duration);

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        if seconds < 0.0 {
            return Err(de::Error::custom(format_args!(
                "invalid duration `{seconds}`: must not be negative"
            )));
        }
        Duration::try_from_secs_f64(seconds)
            .map(Self)
            .map_err(|_| de::Error::custom(format_args!("invalid duration `{seconds}`: too long")))
    }
}

/// For `#[serde(with = "crate::seconds")]`.
pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    Seconds(*time).serialize(serializer)
}

/// For `#[serde(with = "crate::seconds")]`.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    Seconds::deserialize(deserializer).map(|seconds| seconds.0)
}
