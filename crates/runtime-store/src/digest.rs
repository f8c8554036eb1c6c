//! Digests of steps and approvals, written as hexadecimal digits.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// Declares a digest of a fixed number of bytes.
macro_rules! digest {
    ($(#[$meta:meta])* $name:ident, $bytes:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The bytes of it, as a store keeps them.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl From<[u8; $bytes]> for $name {
            fn from(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = DigestError;

            fn try_from(bytes: &[u8]) -> Result<Self, DigestError> {
                let wrong = || DigestError { expected: $bytes, found: bytes.len() };
                bytes.try_into().map(Self).map_err(|_| wrong())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
                let wrong = || DigestError { expected: $bytes, found: digits / 2 };
                if digits != 2 * $bytes || digits != text.len() {
                    return Err(wrong());
                }
                let mut bytes = [0; $bytes];
                for (index, byte) in bytes.iter_mut().enumerate() {
                    let digits = text.get(2 * index..2 * index + 2).unwrap_or_default();
                    *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

digest! {
    /// The identity of a step within its thread: where it is, or the key that its caller gave it.
    StepKey, 16
}

digest! {
    /// What a step does: its kind, its name, its arguments, its effect. A step whose print differs from the
    /// recorded one is another step.
    Fingerprint, 16
}

impl StepKey {
    pub(crate) fn of<const N: usize>(parts: [&[u8]; N]) -> Self {
        Self(half(hash(&parts)))
    }
}

impl Fingerprint {
    /// The print of a JSON value: two values have one print if their [canonical forms](crate::canonical_json)
    /// are equal, whatever the order of their fields.
    pub fn of_json(value: &serde_json::Value) -> Self {
        Self::of(&crate::canonical::canonical_json(value))
    }

    pub(crate) fn of(text: &str) -> Self {
        Self(half(hash(&[text.as_bytes()])))
    }
}

digest! {
    /// What exactly a person approves: thread, step, tool, arguments, policy.
    ApprovalDigest, 32
}

/// Bytes or digits that are no digest of the kind that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("digest must be {expected} bytes, {} hexadecimal digits; found {found} bytes", 2 * .expected)]
#[non_exhaustive]
pub struct DigestError {
    /// The number of bytes that it has.
    pub expected: usize,
    /// The number of bytes that were found.
    pub found: usize,
}

fn half(hash: [u8; 32]) -> [u8; 16] {
    std::array::from_fn(|index| hash.get(index).copied().unwrap_or_default())
}

/// SHA-256 of the parts, each after its length, so that no two lists of parts are one text.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        hash.update(length.to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl ApprovalDigest {
    /// Plain SHA-256, which any tool computes.
    pub(crate) fn plain(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }
}
