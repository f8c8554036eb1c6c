//! Waits until a moment.

use std::io;
use std::time::Duration;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_resilience::{
    Classifier, Failure, Fault, FaultError, FaultKind, Provider, RecordedFailure,
};
use serde_json::json;

use super::{now, read};

/// The seconds that a rate limit with these words asks for, at noon of 1 July 2026.
fn asked(words: &str) -> Option<u64> {
    let body = json!({"error": {"message": format!("Rate limit reached, {words}")}}).to_string();
    read(Provider::Other, 429, &[], &body).asked.map(|asked| asked.as_secs())
}

#[test]
fn a_moment_with_an_offset_is_waited_for() {
    const HOUR: u64 = 3_600;
    for (words, seconds) in [
        ("resets at 15:30 UTC.", 3 * HOUR + 1_800),
        ("resets 3pm (UTC)", 3 * HOUR),
        ("Limit resets at: 2026-07-01 15:30:00 UTC", 3 * HOUR + 1_800),
        ("access resets at 10:57 PM GMT-3.", 13 * HOUR + 3_420),
        ("try again at 5:23 p.m. UTC", 5 * HOUR + 1_380),
        ("resets at 10:00:30 UTC", 22 * HOUR + 30),
        ("resets at 20:30 (UTC+08:00)", 1_800),
        ("resets today at 18:00Z", 6 * HOUR),
        ("wait until tomorrow 00:00 UTC", 12 * HOUR),
        ("resets tomorrow at midnight (UTC)", 12 * HOUR),
        ("resets daily at midnight UTC", 12 * HOUR),
        ("resets Jul 4 at 4pm (UTC)", 76 * HOUR),
        ("resets on June 30 at 12:00 UTC", 364 * 24 * HOUR),
        ("resets on July 3rd, 2026", 36 * HOUR),
        ("resets at 2026-07-01T15:00:00Z (2056)", 3 * HOUR),
        ("try again at 2026-07-01 21:00 UTC+8", HOUR),
        ("will regain access on 2026-07-02 at 00:00 UTC", 12 * HOUR),
    ] {
        assert_eq!(asked(words), Some(seconds), "{words}");
    }
}

#[test]
fn a_moment_nobody_can_place_asks_for_nothing() {
    for words in [
        "resets 3pm (America/New_York)",
        "resets at 21:31:39",
        "try again at 5:23 PM",
        "try again at Feb 22nd at 9:15 AM",
        "resets tomorrow",
        "resets 13pm UTC",
        "resets at 25:00 UTC",
        "resets at 10 UTC",
        "resets on February 30 at 10:00 UTC",
        "resets at 10:00 UTC+99",
        "wait until 3 requests have ended",
    ] {
        assert_eq!(asked(words), None, "{words}");
    }
}

#[test]
fn the_date_of_the_reply_is_its_time() {
    let body = json!({"error": {"message": "Rate limit reached, resets at 15:30 UTC"}}).to_string();
    let headers = [("date", "Wed, 01 Jul 2026 14:30:00 GMT")];
    let fault = read(Provider::Other, 429, &headers, &body);
    assert_eq!(fault.asked, Some(Duration::from_hours(1)));
}

#[test]
fn a_moment_in_a_stream_or_a_text_is_a_wait() {
    const AT: &str = "Rate limit reached, resets at 2026-07-01T15:00:00Z";
    let reset = json!({"headers": {"X-RateLimit-Reset": "1782910800000"}});
    let behind = json!({"error": {"code": 429, "message": "Slow down", "metadata": reset}});
    for (event, hours) in [(json!({"error": {"message": AT}}), 3), (json!(AT), 3), (behind, 1)] {
        let fault = Fault::from_stream_error(Provider::OpenRouter, &event, now());
        assert_eq!(fault.kind, FaultKind::RateLimit, "{event}");
        assert_eq!(fault.asked, Some(Duration::from_hours(hours)), "{event}");
    }
    let asked = |words: &str| Fault::from_error(&io::Error::other(words.to_owned()), now()).asked;
    assert_eq!(asked(AT), Some(Duration::from_hours(3)));
    assert_eq!(asked("Rate limit reached, resets 3pm (UTC)"), Some(Duration::from_hours(3)));
    assert_eq!(asked("Rate limit reached, resets at 2026-07-01T11:00:00Z"), None, "it is over");
}

#[test]
fn every_reader_of_an_error_is_told_the_time() {
    const AT: &str = "Rate limit reached, resets at 3pm UTC";
    let error = || io::Error::other(AT);
    let asked = Some(Duration::from_hours(3));
    let (classifier, now) = (Classifier::default(), now());
    assert_eq!(FaultError::from_error(&error(), now).fault.asked, asked);
    assert_eq!(FaultError::around(error(), now).fault.asked, asked);
    assert_eq!(classifier.fault_of(&error(), now).fault.asked, asked);
    assert_eq!(Failure::classified(error(), &classifier, now).fault().asked, asked);
    let known = Failure::new(error(), FailureScenario::ProviderFailure, now);
    assert_eq!(known.fault().asked, asked);
    assert_eq!(RecordedFailure::read(&error(), &classifier, now).fault().asked, asked);
    let told = RecordedFailure::told(AT, AgentFailureClass::RateLimit, now);
    assert_eq!(told.fault().asked, asked);
}

#[test]
fn in_chinese_a_moment_without_an_offset_is_china_s() {
    const HOUR: u64 = 3_600;
    for (words, seconds) in [
        ("您的限额将在 2026-07-01 21:00:00 重置。", Some(HOUR)),
        ("您的限额将在 2026-07-01 21:00:00 UTC 重置。", Some(9 * HOUR)),
        ("您的限额将于 20:30 重置。", Some(1_800)),
        ("您的限额将在 2026-07-01 19:00:00 重置。", None),
    ] {
        assert_eq!(asked(words), seconds, "{words}");
    }
}
