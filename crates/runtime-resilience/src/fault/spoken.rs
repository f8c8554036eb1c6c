//! The wait in words for people.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::moment::moment;
use super::retry_after::{Unit, go_duration, number, until};

/// The wait in a message: `Please try again in 6m0s`, `retry after 86400 seconds`, `will regain access on
/// 2026-04-01 at 00:00 UTC`.
pub(super) fn in_words(message: &str, now: DateTime<Utc>) -> Option<Duration> {
    /// What stands before a wait or a moment. A colon may stand behind it.
    const BEFORE: [&str; 32] = [
        "try again in ",
        "try again after ",
        "try again at ",
        "again in ",
        "retry after ",
        "retry-after ",
        "retry in ",
        "retry at ",
        "retrying in ",
        "request in ",
        "wait for ",
        "please wait ",
        "wait at least ",
        "wait until ",
        "wait ",
        "reset after ",
        "resets after ",
        "reset in ",
        "resets in ",
        "resets at ",
        "reset at ",
        "resets on ",
        "reset on ",
        "resets ",
        "daily at ",
        "until ",
        "available at ",
        "renews at ",
        "replenished in ",
        "refreshes in ",
        "available in ",
        "regain access on ",
    ];
    /// The part of a message that is read.
    const LONGEST: usize = 1024;
    let text = message.get(..LONGEST.min(message.len())).unwrap_or(message).to_ascii_lowercase();
    let behind = |start: &&'static str| {
        let mut places = text.match_indices(start.trim_end());
        let behind = places.find_map(|(at, name)| {
            let behind = &text[at + name.len()..];
            behind.starts_with([' ', ':']).then(|| behind.trim_start_matches([' ', ':']))
        });
        Some((*start, behind?))
    };
    let wait = |(start, text): (&str, _)| {
        let told = duration(text).or_else(|| clock(text).filter(|_| start.ends_with("in ")));
        told.or_else(|| header(text, start))
    };
    let waits = || BEFORE.iter().filter_map(behind).find_map(wait).or_else(|| in_chinese(&text));
    let moments = || {
        let told = BEFORE.iter().filter_map(behind).find_map(|(_, text)| moment(text, now, None));
        until(told.or_else(|| moment_in_chinese(&text, now))?, now)
    };
    waits().or_else(moments).filter(|asked| !asked.is_zero())
}

/// The wait in a page for people, wherever it is: Google's says `Please try again in 30 seconds` behind a
/// long style.
#[cold]
pub(super) fn in_page(page: &str, now: DateTime<Utc>) -> Option<Duration> {
    let start = || page.rfind("</style>").or_else(|| page.find("<body")).unwrap_or(0);
    in_words(&page[page.find("try again in ").unwrap_or_else(start)..], now)
}

/// A duration at the start of a text, in lower case: `6m0s.`, `17 seconds`, `1 hour and 5 minutes`.
fn duration(text: &str) -> Option<Duration> {
    let mut words = text.split_ascii_whitespace().map(|word| {
        let word = word.trim_start_matches(['"', '\'', '`', '(', '~']);
        // What follows at once: the end of a text in JSON, or of a paragraph in a page.
        let end = word.find(['"', '\\', '<']).unwrap_or(word.len());
        word[..end].trim_end_matches(|c: char| !c.is_alphanumeric())
    });
    let mut sum = None;
    while let Some(word) = words.next().filter(|word| !word.is_empty()) {
        let part = match word {
            "and" | "about" | "approximately" => continue,
            word if go_duration(word).is_some() => go_duration(word),
            word => {
                let unit = match words.next() {
                    Some("ms" | "millisecond" | "milliseconds") => Unit::Milliseconds,
                    Some("s" | "sec" | "secs" | "second" | "seconds") => Unit::Seconds,
                    Some("m" | "min" | "mins" | "minute" | "minutes") => Unit::Minutes,
                    Some("h" | "hr" | "hrs" | "hour" | "hours") => Unit::Hours,
                    Some("d" | "day" | "days") => Unit::Days,
                    _ => break,
                };
                number(word, unit)
            }
        };
        let Some(part) = part else { break };
        sum = Some(sum.unwrap_or(Duration::ZERO).saturating_add(part));
    }
    sum
}

/// A number of seconds at the start of a text, as the header has it, behind its name or at the end of a sentence.
fn header(text: &str, start: &str) -> Option<Duration> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let is_told = match start {
        "retry-after " => true,
        "retry after " => !text[end..].starts_with([' ', '-', ':', '/', '%']),
        _ => false,
    };
    number(text[..end].trim_end_matches('.'), Unit::Seconds).filter(|_| is_told)
}

/// A duration at the start of a text, as Azure's API Management writes it: `00:41:15`, `22.14:18:12`.
fn clock(text: &str) -> Option<Duration> {
    let word = text.split_ascii_whitespace().next()?.trim_end_matches('.');
    let (days, time) = word.split_once('.').unwrap_or(("0", word));
    let mut parts = time.split(':');
    let units = [Unit::Hours, Unit::Minutes, Unit::Seconds];
    let [hours, minutes, seconds] =
        units.map(|unit| number(parts.next().unwrap_or_default(), unit));
    let parts = [number(days, Unit::Days)?, hours?, minutes?, seconds?];
    Some(parts.into_iter().fold(Duration::ZERO, Duration::saturating_add))
}

/// `请 30 秒后重试`, `20秒後に`
fn in_chinese(text: &str) -> Option<Duration> {
    const AFTER: [(&str, Unit); 7] = [
        ("秒后", Unit::Seconds),
        ("秒後", Unit::Seconds),
        ("分钟后", Unit::Minutes),
        ("分後", Unit::Minutes),
        ("小时后", Unit::Hours),
        ("時間後", Unit::Hours),
        ("天后", Unit::Days),
    ];
    AFTER.into_iter().find_map(|(word, unit)| {
        let before = text[..text.find(word)?].trim_end();
        let start = before
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
        number(&before[start..], unit)
    })
}

/// `您的限额将在 2026-09-16 13:42:53 重置`, in China's time unless it names another.
fn moment_in_chinese(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    const CHINA: TimeDelta = TimeDelta::hours(8);
    let behind = |word: &&str| Some(text[text.find(*word)? + word.len()..].trim_start());
    ["将在", "将于"].iter().filter_map(behind).find_map(|text| moment(text, now, Some(CHINA)))
}
