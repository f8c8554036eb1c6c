//! [`Usd`]: an amount of money that is exact and never negative.

use std::fmt::{self, Write as _};
use std::iter::Sum;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

use crate::decimal::{self, UsdErrorKind};

/// An amount of US dollars, stored as an integer number of nano-dollars (10⁻⁹ $).
///
/// The largest amount is about 18 billion dollars. Sums are exact, so costs add up to the same
/// total in any order.
///
/// An amount prints exactly, with at least two digits, so that printed parts add up to the printed
/// sum. `{:#}` leaves out digits that are zero. `{:.4}` sets the number of digits and rounds the
/// nearest `f64`, as Python does.
///
/// ```
/// use runtime_usage::Usd;
///
/// let cost: Usd = "0.0033125".parse()?;
/// assert_eq!(cost.nanos(), 3_312_500);
/// assert_eq!(cost.to_string(), "$0.0033125");
/// assert_eq!(Usd::from_cents(1250).to_string(), "$12.50");
/// assert_eq!(format!("{:#}", Usd::from_cents(1250)), "$12.5");
/// assert_eq!(format!("{cost:.4}"), "$0.0033");
/// # Ok::<(), runtime_usage::UsdParseError>(())
/// ```
///
/// In JSON an amount is a number of dollars. It is exact up to 8,388,608 $ and has about sixteen
/// digits above that, as an `f64` does.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(u64);

const NANOS_PER_DOLLAR: u64 = 1_000_000_000;
const NANOS_PER_CENT: u64 = NANOS_PER_DOLLAR / 100;

impl Usd {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// The largest amount: 18,446,744,073.709551615 $.
    pub const MAX: Self = Self(u64::MAX);

    /// Creates an amount from nano-dollars.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Creates an amount from dollars, capped at [`Usd::MAX`].
    pub const fn from_dollars(dollars: u64) -> Self {
        Self(dollars.saturating_mul(NANOS_PER_DOLLAR))
    }

    /// Creates an amount from cents, capped at [`Usd::MAX`].
    pub const fn from_cents(cents: u64) -> Self {
        Self(cents.saturating_mul(NANOS_PER_CENT))
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` if it is more than [`Usd::MAX`].
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The sum, capped at [`Usd::MAX`].
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, or zero if `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The amount rounded for a glance, as the Python original writes it: four digits below a cent,
    /// two digits from there on. Rounded parts do not add up.
    ///
    /// ```
    /// use runtime_usage::Usd;
    ///
    /// assert_eq!(Usd::from_nanos(17_312_500).rounded(), "$0.02");
    /// assert_eq!(Usd::from_nanos(3_312_500).rounded(), "$0.0033");
    /// ```
    pub fn rounded(self) -> String {
        if self < Self::from_cents(1) { format!("{self:.4}") } else { format!("{self:.2}") }
    }

    /// The nearest `f64`, in dollars.
    #[inline]
    pub fn to_f64(self) -> f64 {
        // Up to 2^53 the number is a float itself, and dividing two floats rounds correctly.
        if self.0 <= 1 << f64::MANTISSA_DIGITS {
            #[expect(clippy::cast_precision_loss, reason = "it is exact")]
            return self.0 as f64 / NANOS_PER_DOLLAR as f64;
        }
        self.far_to_f64()
    }

    #[cold]
    fn far_to_f64(self) -> f64 {
        let digits = format!("{}e-9", self.0);
        // Digits and an exponent are a float; the number of them does not matter.
        digits.parse().unwrap_or(f64::INFINITY)
    }
}

/// The error for a text or number that is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("invalid amount of US dollars `{value}`: {kind}")]
#[non_exhaustive]
pub struct UsdParseError {
    /// The text or number.
    pub value: String,
    /// What is wrong with it.
    pub kind: UsdErrorKind,
}

impl UsdParseError {
    pub(crate) fn new(value: impl Into<String>, kind: UsdErrorKind) -> Self {
        Self { value: value.into(), kind }
    }
}

/// Reads decimal text: `12.5`, `$12.5` or `1.25e1`. Digits beyond a nano-dollar are rounded
/// half-even. The text is read digit by digit, never as a float.
impl FromStr for Usd {
    type Err = UsdParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |kind| UsdParseError::new(text, kind);
        let amount = decimal::parse(text).map_err(refuse)?;
        // Below zero is refused even if it would round to zero.
        if amount.negative && !(amount.nanos == 0 && amount.exact) {
            return Err(refuse(UsdErrorKind::Negative));
        }
        Ok(Self(amount.nanos))
    }
}

/// Reads a float as the shortest decimal that names it: `0.1` is ten cents.
///
/// This is the inverse of [`Usd::to_f64`] for every amount up to 8,388,608 $.
impl TryFrom<f64> for Usd {
    type Error = UsdParseError;

    fn try_from(dollars: f64) -> Result<Self, Self::Error> {
        // The float nearest to the largest amount lies just above it.
        if dollars.to_bits() == Self::MAX.to_f64().to_bits() {
            return Ok(Self::MAX);
        }
        format!("{dollars:?}").parse()
    }
}

/// Adds amounts up, capped at [`Usd::MAX`].
impl Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::saturating_add)
    }
}

impl<'a> Sum<&'a Self> for Usd {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        format(f, false, *self)
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usd({self:#})")
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_f64())
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_any`: formats that are not self-describing store a float.
        let dollars = Dollars("a number of US dollars, zero or more", PhantomData);
        deserializer.deserialize_f64(dollars)
    }
}

/// Reads a JSON number of dollars. The text says what is expected.
pub(crate) struct Dollars<T>(pub(crate) &'static str, pub(crate) PhantomData<T>);

impl<T> de::Visitor<'_> for Dollars<T>
where
    T: FromStr<Err = UsdParseError> + TryFrom<f64, Error = UsdParseError>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: de::Error>(self, dollars: u64) -> Result<T, E> {
        dollars.to_string().parse().map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, dollars: i64) -> Result<T, E> {
        dollars.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, dollars: f64) -> Result<T, E> {
        T::try_from(dollars).map_err(E::custom)
    }
}

/// Writes an amount with its sign. [`Usd`] documents the flags of the formatter.
pub(crate) fn format(f: &mut fmt::Formatter<'_>, negative: bool, amount: Usd) -> fmt::Result {
    let mut text = String::new();
    match f.precision() {
        _ if f.alternate() => write_exact(&mut text, amount, 0)?,
        Some(digits) => write!(text, "${:.digits$}", amount.to_f64())?,
        None => write_exact(&mut text, amount, 2)?,
    }
    if f.width().is_some() {
        return f.pad_integral(!negative, "", &text);
    }
    let sign = if negative { "-" } else { "" };
    write!(f, "{sign}{text}")
}

/// Writes all digits that are not zero, and at least `least` of them after the point.
fn write_exact(text: &mut String, amount: Usd, least: usize) -> fmt::Result {
    let (dollars, nanos) = (amount.0 / NANOS_PER_DOLLAR, amount.0 % NANOS_PER_DOLLAR);
    write!(text, "${dollars}.{nanos:09}")?;
    let point = text.len() - 10;
    let kept = text.trim_end_matches('0').len().max(point + 1 + least);
    text.truncate(if kept == point + 1 { point } else { kept });
    Ok(())
}
