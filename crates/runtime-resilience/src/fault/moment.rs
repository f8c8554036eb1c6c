//! The moment in words for people.

use std::iter::Peekable;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

/// A moment at the start of a text, in lower case: `2026-04-01 at 00:00 utc`, as in RFC 3339, `10:57 pm gmt-3`,
/// `tomorrow at midnight utc`, `apr 23 at 4pm (utc)`.
///
/// Without an offset, it is one of `usual`. If that is unknown, a day with its year is one of UTC, and other moments
/// are unknown: the name of a place is no offset.
pub(super) fn moment(
    text: &str,
    now: DateTime<Utc>,
    usual: Option<TimeDelta>,
) -> Option<DateTime<Utc>> {
    let words = text.split_ascii_whitespace().map(|word| {
        word.trim_matches(|c: char| matches!(c, '(' | ')' | '.' | ',' | ';' | '"' | '\'' | '`'))
    });
    let mut words = words.filter(|word| !matches!(*word, "" | "at" | "on" | "today")).peekable();
    let words = &mut words;
    if let Ok(at) = DateTime::parse_from_rfc3339(&words.peek()?.to_ascii_uppercase()) {
        return Some(at.to_utc());
    }
    let day = day(words);
    let (time, behind) = time_of_day(words).unzip();
    let offset = behind.filter(|behind| !behind.is_empty()).or_else(|| words.next());
    let offset = offset.and_then(offset_of).or(usual);
    let of = |day: NaiveDate| day.and_time(time.unwrap_or_default()).and_utc();
    if let Some(Day::Full(day)) = day {
        return of(day).checked_sub_signed(offset.unwrap_or_default());
    }
    let offset = offset?;
    let here = now.checked_add_signed(offset)?;
    let today = here.date_naive();
    let [first, second] = match day {
        Some(Day::OfYear(month, day)) => {
            [today.year(), today.year() + 1].map(|year| NaiveDate::from_ymd_opt(year, month, day))
        }
        Some(_) => [None, today.succ_opt()],
        None => {
            time?;
            [Some(today), today.succ_opt()]
        }
    };
    let first = first.map(of).filter(|first| *first > here);
    first.or_else(|| second.map(of))?.checked_sub_signed(offset)
}

enum Day {
    Full(NaiveDate),
    /// Month and day.
    OfYear(u32, u32),
    Tomorrow,
}

/// `2026-04-23`, `apr 23`, `april 23rd, 2026`, `tomorrow`
fn day<'a, W: Iterator<Item = &'a str>>(words: &mut Peekable<W>) -> Option<Day> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    if let Ok(day) = NaiveDate::parse_from_str(words.peek()?, "%Y-%m-%d") {
        words.next();
        return Some(Day::Full(day));
    }
    if words.next_if_eq(&"tomorrow").is_some() {
        return Some(Day::Tomorrow);
    }
    let number = |name: &str| (1..).zip(MONTHS).find(|(_, known)| known.starts_with(name));
    let name = words.next_if(|name| name.len() >= 3 && number(name).is_some())?;
    let month = number(name)?.0;
    let day = words.next()?.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?;
    let year = words.next_if(|word| word.len() == 4 && word.parse::<u16>().is_ok());
    let Some(year) = year.and_then(|year| year.parse().ok()) else {
        return Some(Day::OfYear(month, day));
    };
    NaiveDate::from_ymd_opt(year, month, day).map(Day::Full)
}

/// `10:00`, `10:00:00`, `3pm`, `3:30 p.m.`, `midnight`; and what is written behind it at once, as in `10:00z`.
fn time_of_day<'a, W: Iterator<Item = &'a str>>(
    words: &mut Peekable<W>,
) -> Option<(NaiveTime, &'a str)> {
    let half = |word: &str| match word {
        "am" | "a.m" => Some(0),
        "pm" | "p.m" => Some(12),
        _ => None,
    };
    if words.next_if_eq(&"midnight").is_some() {
        return Some((NaiveTime::MIN, ""));
    }
    let word = *words.peek()?;
    let end = word.find(|c: char| !(c.is_ascii_digit() || c == ':')).unwrap_or(word.len());
    let (clock, behind) = word.split_at(end);
    let mut parts = clock.split(':').map(|part| part.parse().ok());
    let hour: u32 = parts.next()??;
    let (minute, second) = (parts.next(), parts.next().unwrap_or(Some(0))?);
    words.next();
    let (half, behind) = match half(behind) {
        None if behind.is_empty() => {
            (words.next_if(|word| half(word).is_some()).and_then(half), "")
        }
        half => (half, if half.is_some() { "" } else { behind }),
    };
    let hour = match half {
        Some(half) if hour <= 12 => hour % 12 + half,
        // A bare number is no time.
        None if minute.is_some() => hour,
        _ => return None,
    };
    Some((NaiveTime::from_hms_opt(hour, minute.unwrap_or(Some(0))?, second)?, behind))
}

/// The offset from UTC that a word names: `utc`, `z`, `gmt-3`, `utc+08:00`.
fn offset_of(word: &str) -> Option<TimeDelta> {
    let named = ["utc", "gmt", "z"].iter().find_map(|name| word.strip_prefix(name));
    let digits = match named.unwrap_or(word) {
        "" => return named.map(|_| TimeDelta::zero()),
        signed => signed.strip_prefix(['+', '-'])?,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at(2),
        None => (digits, "0"),
    };
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let offset = TimeDelta::minutes(60 * i64::from(hours) + i64::from(minutes));
    let is_west = word.ends_with(digits) && word[..word.len() - digits.len()].ends_with('-');
    (hours <= 14 && minutes < 60).then_some(if is_west { -offset } else { offset })
}
