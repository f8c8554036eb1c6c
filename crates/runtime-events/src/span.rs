//! Spans: the intervals of a run, each with one beginning and one end.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::wire_names;

/// Names one span. Written as 16 lower-case hexadecimal digits, as OpenTelemetry does.
///
/// ```
/// use runtime_events::SpanId;
///
/// let span: SpanId = "00000000000000ff".parse()?;
/// assert_eq!(span.get(), 255);
/// assert_eq!(span.to_string(), "00000000000000ff");
/// # Ok::<(), runtime_events::SpanIdParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(NonZeroU64);

impl SpanId {
    /// Makes an id of a number; zero means "no span" on the wire and becomes one.
    pub const fn from_u64(number: u64) -> Self {
        match NonZeroU64::new(number) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// The number behind the id.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    pub(crate) fn digits(self) -> [u8; 16] {
        std::array::from_fn(|place| {
            let digit = (self.get() >> (60 - 4 * place)) & 15;
            b"0123456789abcdef"[digit as usize]
        })
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.get())
    }
}

/// A text that is not a span id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("span id `{text}` must be 16 hexadecimal digits, not all zero")]
#[non_exhaustive]
pub struct SpanIdParseError {
    /// The text that was found.
    pub text: String,
}

impl FromStr for SpanId {
    type Err = SpanIdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number
            .and_then(NonZeroU64::new)
            .map(Self)
            .ok_or_else(|| SpanIdParseError { text: text.to_owned() })
    }
}

impl Serialize for SpanId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpanId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl de::Visitor<'_> for Digits {
            type Value = SpanId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span id of 16 hexadecimal digits")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SpanId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Digits)
    }
}

wire_names! {
    /// How a span ended.
    #[non_exhaustive]
    pub enum SpanOutcome: "span outcome" {
        /// It did what it was for.
        Ok = "ok",
        /// It returned an error.
        Failed = "failed",
        /// It took longer than it was given.
        TimedOut = "timed_out",
        /// It was dropped or cancelled.
        Cancelled = "cancelled",
        /// The caller's code panicked.
        Panicked = "panicked",
    }
}

impl SpanOutcome {
    /// Whether it went wrong. What was cancelled did not: somebody no longer wanted it.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Cancelled)
    }
}
