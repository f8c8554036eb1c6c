//! Dates as HTTP writes them: RFC 9110, section 5.6.7, with its two obsolete forms.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
/// `Sun Nov  6 08:49:37 1994`.
///
/// The weekday is ignored. A year of two digits is at most 50 years after the year of `now`.
pub(super) fn http_date(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let (date, time) = match text.split_once(',') {
        Some((_, rest)) => of_parts(rest, now)?,
        None => asctime(text)?,
    };
    Some(NaiveDateTime::new(date, time).and_utc())
}

/// The part after the weekday: ` 06 Nov 1994 08:49:37 GMT` or ` 06-Nov-94 08:49:37 GMT`.
fn of_parts(text: &str, now: DateTime<Utc>) -> Option<(NaiveDate, NaiveTime)> {
    let mut words = text.split_ascii_whitespace();
    let first = words.next()?;
    let (day, month, year) = match first.split_once('-') {
        Some((day, rest)) => {
            let (month, year) = rest.split_once('-')?;
            let year = digits(year, 2).map(|year| full_year(year, now));
            (day, month, year.or_else(|| digits(rest.split_once('-')?.1, 4))?)
        }
        None => (first, words.next()?, digits(words.next()?, 4)?),
    };
    let time = time_of_day(words.next()?)?;
    let zone = words.next()?;
    if !matches!(zone, "GMT" | "UTC") || words.next().is_some() {
        return None;
    }
    Some((date(year, month, digits(day, 2)?)?, time))
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(text: &str) -> Option<(NaiveDate, NaiveTime)> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let (month, day) = (words.next()?, words.next()?);
    let time = time_of_day(words.next()?)?;
    let year = digits(words.next()?, 4)?;
    let day = digits(day, 2).or_else(|| digits(day, 1))?;
    if words.next().is_some() {
        return None;
    }
    Some((date(year, month, day)?, time))
}

/// A number of exactly this many digits.
fn digits(text: &str, count: usize) -> Option<u32> {
    let all = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn full_year(short: u32, now: DateTime<Utc>) -> u32 {
    let latest = u32::try_from(now.year()).unwrap_or(0).saturating_add(50);
    let year = latest - latest % 100 + short;
    if year > latest { year.saturating_sub(100) } else { year }
}

fn date(year: u32, month: &str, day: u32) -> Option<NaiveDate> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = (1..).zip(MONTHS).find(|(_, name)| name.eq_ignore_ascii_case(month))?.0;
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

fn time_of_day(text: &str) -> Option<NaiveTime> {
    let mut parts = text.split(':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    if parts.next().is_some() || second > 60 {
        return None;
    }
    // A leap second counts as the second before it.
    NaiveTime::from_hms_opt(hour, minute, second.min(59))
}
