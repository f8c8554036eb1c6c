//! Reads decimal text as whole nano-dollars, without floating point.

use thiserror::Error;

/// What is wrong with an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UsdErrorKind {
    /// It is not a number.
    #[error("not a number")]
    NotANumber,
    /// It is infinite or NaN.
    #[error("not finite")]
    NotFinite,
    /// It is below zero.
    #[error("must not be negative")]
    Negative,
    /// It is larger than [`Usd::MAX`](crate::Usd::MAX).
    #[error("too large")]
    TooLarge,
}

/// A sign and a number of nano-dollars.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    pub(crate) nanos: u64,
    /// Whether nothing was rounded away.
    pub(crate) exact: bool,
}

/// Reads `[+-][$]digits[.digits][e[+-]digits]`, rounding what is finer than a nano half-even.
pub(crate) fn parse(text: &str) -> Result<Decimal, UsdErrorKind> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let rest = rest.strip_prefix('$').unwrap_or(rest);
    if ["nan", "inf", "infinity"].iter().any(|word| rest.eq_ignore_ascii_case(word)) {
        return Err(UsdErrorKind::NotFinite);
    }
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
        return Err(UsdErrorKind::NotANumber);
    }
    // The digits before this place are whole nanos, those from it on are finer.
    let places = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let point = places.saturating_add(NANO_DIGITS).saturating_add(exponent);
    let (nanos, exact) = round(digits().map(|digit| digit - b'0'), point)?;
    Ok(Decimal { negative, nanos, exact })
}

const NANO_DIGITS: i64 = 9;

/// The largest exponent that is told apart. A larger one would matter only in a text as long.
const EXPONENT_LIMIT: i64 = 1 << 40;

fn parse_exponent(text: &str) -> Result<i64, UsdErrorKind> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    if digits.is_empty() {
        return Err(UsdErrorKind::NotANumber);
    }
    digits
        .bytes()
        .try_fold(0_i64, |value, digit| {
            let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
            Some((value * 10 + digit).min(EXPONENT_LIMIT))
        })
        .map(|value| sign * value)
        .ok_or(UsdErrorKind::NotANumber)
}

/// The digits before `point` as a number, rounded half-even by the digits from `point` on.
fn round(digits: impl Iterator<Item = u8>, point: i64) -> Result<(u64, bool), UsdErrorKind> {
    let mut kept: u64 = 0;
    let mut half: u8 = 0; // the digit at `point`
    let mut rest = false; // whether a digit after it is not zero
    let mut place: i64 = 0;
    for digit in digits {
        match place.cmp(&point) {
            std::cmp::Ordering::Less => kept = push(kept, digit)?,
            std::cmp::Ordering::Equal => half = digit,
            std::cmp::Ordering::Greater => rest |= digit != 0,
        }
        place += 1;
    }
    // Zero stays zero however often it is multiplied; anything else soon overflows.
    while kept != 0 && place < point {
        kept = push(kept, 0)?;
        place += 1;
    }
    let up = half > 5 || (half == 5 && (rest || kept % 2 == 1));
    let nanos = kept.checked_add(u64::from(up)).ok_or(UsdErrorKind::TooLarge)?;
    Ok((nanos, half == 0 && !rest))
}

fn push(number: u64, digit: u8) -> Result<u64, UsdErrorKind> {
    number
        .checked_mul(10)
        .and_then(|number| number.checked_add(u64::from(digit)))
        .ok_or(UsdErrorKind::TooLarge)
}
