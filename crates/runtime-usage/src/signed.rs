//! [`SignedUsd`]: the difference of two amounts.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Neg;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decimal::{self, UsdErrorKind};
use crate::usd::{self, Dollars, Usd, UsdParseError};

/// An amount of US dollars that may be negative, such as what is left of a budget.
///
/// It prints like [`Usd`], with `-` before the dollar sign, and is a number in JSON.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignedUsd {
    /// Invariant: its magnitude fits a [`Usd`].
    nanos: i128,
}

impl SignedUsd {
    /// No money.
    pub const ZERO: Self = Self { nanos: 0 };

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }

    const fn is_negative(self) -> bool {
        self.nanos < 0
    }

    /// The amount without its sign.
    fn magnitude(self) -> Usd {
        // The invariant says that it fits.
        Usd::from_nanos(u64::try_from(self.nanos.unsigned_abs()).unwrap_or(u64::MAX))
    }

    /// The nearest `f64`, in dollars.
    #[inline]
    pub fn to_f64(self) -> f64 {
        let magnitude = self.magnitude().to_f64();
        if self.is_negative() { -magnitude } else { magnitude }
    }

    fn of(negative: bool, magnitude: Usd) -> Self {
        let amount = Self::from(magnitude);
        if negative { -amount } else { amount }
    }
}

impl Usd {
    /// The difference, which may be negative.
    ///
    /// ```
    /// use runtime_usage::Usd;
    ///
    /// let left = Usd::from_dollars(1).signed_sub(Usd::from_cents(120));
    /// assert_eq!(left.to_string(), "-$0.20");
    /// ```
    pub const fn signed_sub(self, other: Self) -> SignedUsd {
        SignedUsd { nanos: self.nanos() as i128 - other.nanos() as i128 }
    }
}

impl Neg for SignedUsd {
    type Output = Self;

    fn neg(self) -> Self {
        Self { nanos: -self.nanos }
    }
}

impl From<Usd> for SignedUsd {
    fn from(amount: Usd) -> Self {
        Self { nanos: i128::from(amount.nanos()) }
    }
}

/// Refuses negative amounts.
impl TryFrom<SignedUsd> for Usd {
    type Error = UsdParseError;

    fn try_from(amount: SignedUsd) -> Result<Self, Self::Error> {
        if amount.is_negative() {
            return Err(UsdParseError::new(format!("{amount:#}"), UsdErrorKind::Negative));
        }
        Ok(amount.magnitude())
    }
}

/// Reads the same text as [`Usd`], and negative amounts: `-12.5` or `-$12.5`.
impl FromStr for SignedUsd {
    type Err = UsdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let amount = decimal::parse(text).map_err(|kind| UsdParseError::new(text, kind))?;
        Ok(Self::of(amount.negative, Usd::from_nanos(amount.nanos)))
    }
}

/// Reads a float as the shortest decimal that names it, as [`Usd`] does.
impl TryFrom<f64> for SignedUsd {
    type Error = UsdParseError;

    fn try_from(dollars: f64) -> Result<Self, Self::Error> {
        let magnitude = Usd::try_from(dollars.abs())
            .map_err(|error| UsdParseError::new(format!("{dollars:?}"), error.kind))?;
        Ok(Self::of(dollars < 0.0, magnitude))
    }
}

impl fmt::Display for SignedUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        usd::format(f, self.is_negative(), self.magnitude())
    }
}

impl fmt::Debug for SignedUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedUsd({self:#})")
    }
}

impl Serialize for SignedUsd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_f64())
    }
}

impl<'de> Deserialize<'de> for SignedUsd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(Dollars("a number of US dollars", PhantomData))
    }
}
