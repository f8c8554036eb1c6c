//! The forms of `Retry-After` and its relatives.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use runtime_resilience::{Fault, FaultKind, FaultScope, Provider, header_lookup, retry_after};
use serde_json::{Value, json};

use super::now;

fn asked(headers: &[(&str, &str)]) -> Option<Duration> {
    retry_after(headers, &Value::Null, now())
}

/// The date that a header has: the wait for it, from the beginning of all dates.
fn date(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let headers = [("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("retry-after", text)];
    Some(DateTime::UNIX_EPOCH + retry_after(&headers, &Value::Null, now)?)
}

/// A reply with this delay in its body.
fn delay(text: impl Into<Value>) -> Value {
    json!({"error": {"details": [{"reason": "x"}, {"retryDelay": text.into()}]}})
}

#[expect(clippy::unnecessary_wraps, reason = "it stands beside `None`")]
const fn ms(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

#[test]
fn seconds_may_have_fractions_and_are_rounded_up() {
    for (text, expected) in [
        ("7", ms(7_000)),
        (" 7 ", ms(7_000)),
        ("007", ms(7_000)),
        ("0.5", ms(500)),
        ("1.", ms(1_000)),
        ("0.0000000001", Some(Duration::from_nanos(1))),
        ("0.634000000", ms(634)),
        ("18446744073709551616", Some(Duration::MAX)),
    ] {
        assert_eq!(asked(&[("Retry-After", text)]), expected, "{text}");
    }
}

#[test]
fn only_positive_numbers_ask_for_a_wait() {
    for text in [
        "", " ", "0", "0.0", "-1", "+1", "NaN", "nan", "inf", "infinity", "1e3", "1,5", "0x10",
        "1.2.3", ".5", "1 2", "soon", "１",
    ] {
        assert_eq!(asked(&[("retry-after", text)]), None, "{text}");
        assert_eq!(asked(&[("retry-after-ms", text)]), None, "{text} ms");
    }
}

#[test]
fn readable_milliseconds_go_first() {
    let both = |ms| asked(&[("retry-after", "2"), ("RETRY-AFTER-MS", ms)]);
    assert_eq!(both("634.5"), Some(Duration::from_micros(634_500)));
    assert_eq!(both("soon"), ms(2_000));
}

#[test]
fn dates_come_in_three_forms() {
    for text in [
        "Wed, 01 Jul 2026 12:00:30 GMT",
        "Wednesday, 01-Jul-26 12:00:30 GMT",
        "Wed Jul  1 12:00:30 2026",
    ] {
        assert_eq!(asked(&[("retry-after", text)]), ms(30_000), "{text}");
    }
}

#[test]
fn date_is_compared_with_the_replys_date() {
    let headers = [
        ("Date", "Wed, 01 Jul 2026 13:30:00 GMT"),
        ("Retry-After", "Wed, 01 Jul 2026 13:30:10 GMT"),
    ];
    assert_eq!(asked(&headers), ms(10_000));
    let unreadable = [("Date", "today"), ("Retry-After", "Wed, 01 Jul 2026 12:00:10 GMT")];
    assert_eq!(asked(&unreadable), ms(10_000));
}

#[test]
fn past_or_invalid_date_asks_for_nothing() {
    for text in [
        "Wed, 01 Jul 2026 12:00:00 GMT",
        "Tue, 30 Jun 2026 12:00:00 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 31 Jun 2026 12:00:00 GMT",
        "Wed, 01 Jul 2026 25:00:00 GMT",
        "Wed, 01 Jul 2026 12:00:30 PST",
        "Wed, 01 Jul 2026 12:00:30 GMT again",
        "Wed, 01 Jul 2026 12:00 GMT",
        "Wed, 1 Jul 2026 12:00:30 GMT",
        "Wed, -1 Jul 2026 12:00:30 GMT",
        "Wed, 01 Foo 2026 12:00:30 GMT",
        ",,,",
        "-",
        "é, é-é-é é é",
    ] {
        assert_eq!(asked(&[("retry-after", text)]), None, "{text}");
    }
}

#[test]
fn two_digit_year_is_not_in_the_far_future() {
    let year = |text: &str| date(text, now()).map(|date| date.format("%Y").to_string());
    assert_eq!(year("Sunday, 06-Nov-94 08:49:37 GMT").as_deref(), Some("1994"));
    assert_eq!(year("Sunday, 06-Nov-76 08:49:37 GMT").as_deref(), Some("2076"));
    assert_eq!(year("Sunday, 06-Nov-77 08:49:37 GMT").as_deref(), Some("1977"));
    let late = DateTime::from_timestamp(4_080_000_000, 0).unwrap();
    let later = date("Sunday, 06-Nov-05 08:49:37 GMT", late).unwrap();
    assert_eq!(later.format("%Y").to_string(), "2105");
    let leap = date("Sat, 31 Dec 2016 23:59:60 GMT", now()).unwrap();
    assert_eq!(leap.to_rfc3339(), "2016-12-31T23:59:59+00:00");
}

#[test]
fn go_durations_add_up() {
    for (text, expected) in [
        ("1s", ms(1_000)),
        ("6m0s", ms(360_000)),
        ("12ms", ms(12)),
        ("1h2m3.5s", ms(3_723_500)),
        ("31s", ms(31_000)),
        ("20.04466179s", Some(Duration::from_nanos(20_044_661_790))),
        ("7µs", Some(Duration::from_micros(7))),
        ("99999999999999999999h", Some(Duration::MAX)),
        ("0s", None),
        ("", None),
        ("s", None),
        ("1", None),
        ("1x", None),
        ("-1s", None),
        ("1s ago", None),
        ("1..s", None),
        ("m1s", None),
    ] {
        assert_eq!(retry_after(&(), &delay(text), now()), expected, "{text}");
    }
}

/// The wait that a rate limit with these headers asks for.
fn limited(headers: &[(&str, &str)]) -> Option<Duration> {
    Fault::from_json(Provider::Other, 429, headers, &Value::Null, now()).asked
}

#[test]
fn resets_are_numbers_too() {
    let limit =
        |reset: &str| limited(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]);
    let at = now().timestamp() + 90;
    assert_eq!(limit(&at.to_string()), ms(90_000));
    assert_eq!(limit(&(at * 1_000 + 7).to_string()), ms(90_007));
    assert_eq!(limit("20"), ms(20_000));
    assert_eq!(limit("1.5"), ms(1_500));
    assert_eq!(limit("2m"), ms(120_000));
    assert_eq!(limit(&format!("{at}.25")), ms(90_250));
    for nothing in ["0", "1000000000", "-20", "9223372036854775807", "99999999999999999999", "soon"]
    {
        assert_eq!(limit(nothing), None, "{nothing}");
    }
    assert_eq!(limited(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "20")]), ms(20_000));
    assert_eq!(limited(&[("ratelimit-remaining", "1"), ("ratelimit-reset", "20")]), None);
}

#[test]
fn plan_that_is_used_up_says_when_it_is_not() {
    let at = (now().timestamp() + 90).to_string();
    let plan = |status| {
        limited(&[
            ("anthropic-ratelimit-unified-status", status),
            ("anthropic-ratelimit-unified-reset", &at),
        ])
    };
    assert_eq!(plan("rejected"), ms(90_000));
    assert_eq!(plan("allowed"), None);
    assert_eq!(plan("allowed_warning"), None);
}

#[test]
fn the_delay_in_the_body_counts_if_no_header_does() {
    assert_eq!(retry_after(&(), &delay("31s"), now()), ms(31_000));
    assert_eq!(retry_after(&[("retry-after", "5")], &delay("31s"), now()), ms(5_000));
    assert_eq!(retry_after(&(), &delay("-3s"), now()), None);
    assert_eq!(retry_after(&(), &delay(31), now()), None);
}

#[test]
fn headers_come_in_any_container() {
    let map = HashMap::from([("retry-after".to_owned(), "7".to_owned())]);
    let by_closure = header_lookup(|name| map.get(name).map(String::as_str));
    assert_eq!(retry_after(&by_closure, &Value::Null, now()), ms(7_000));
    let owned = vec![("Retry-After".to_owned(), "7".to_owned())];
    assert_eq!(retry_after(&owned, &Value::Null, now()), ms(7_000));
    assert_eq!(retry_after(&owned[..], &Value::Null, now()), ms(7_000));
}

#[test]
fn message_of_a_rate_limit_is_read_without_headers() {
    let said = |status, headers: &[(&str, &str)], message: &str| {
        let body = json!({"error": {"code": "rate_limit_exceeded", "message": message}});
        Fault::from_json(Provider::OpenAi, status, &headers.to_vec(), &body, now()).asked
    };
    let before = "Rate limit reached for gpt-5 on tokens per min (TPM): Limit 30000, Used 29000. ";
    for (words, expected) in [
        ("Please try again in 634ms.", ms(634)),
        ("Please try again in 1.2s. Visit https://platform.openai.com to learn more.", ms(1_200)),
        ("Please try again in 6m0s.", ms(360_000)),
        ("please TRY AGAIN IN 20s", ms(20_000)),
        ("Please try again in 1h2m3s, or so", ms(3_723_000)),
        ("Please try again in 0s.", None),
        ("Please try again in -5s.", None),
        ("Please try again in 20 seconds.", ms(20_000)),
        ("Please retry after 86400 seconds.", ms(86_400_000)),
        ("Please wait 1 minute and 30 seconds", ms(90_000)),
        ("Please try again in 20 parsecs.", None),
        ("Please try again in ", None),
        ("Please try again in é", None),
        ("Please try again later.", None),
    ] {
        assert_eq!(said(429, &[], &format!("{before}{words}")), expected, "{words}");
    }
    let words = format!("{before}Please try again in 634ms.");
    assert_eq!(said(429, &[("retry-after", "2")], &words), ms(2_000));
    let limits = [("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "3s")];
    assert_eq!(said(429, &limits, &words), ms(3_000));
    // The end of a long text may be a quotation.
    assert_eq!(said(429, &[], &format!("{}{words}", "x".repeat(1_024))), None);
    assert_eq!(said(429, &[], &format!("{}{words}", "é".repeat(512))), None);

    let event =
        json!({"type": "error", "error": {"code": "rate_limit_exceeded", "message": words}});
    assert_eq!(Fault::from_stream_error(Provider::OpenAi, &event, now()).asked, ms(634));
    // Only a rate limit is over after the time in its message.
    let body = json!({"error": {"code": "server_error", "message": words}});
    assert_eq!(Fault::from_json(Provider::OpenAi, 500, &(), &body, now()).asked, None);
}

#[test]
fn wait_stands_in_a_page_for_people_behind_its_style() {
    let page = |words: &str| {
        let style = "p{margin:11px 0 22px}".repeat(100);
        format!(
            "<!DOCTYPE html><html><head><style>{style}</style></head><body><p>{words}</p></body></html>"
        )
    };
    let asked = |status: u16, words: &str| {
        let body = page(words);
        Fault::from_response(Provider::Gemini, status, &(), body.as_bytes(), now()).asked
    };
    assert_eq!(asked(502, "Please try again in 30 seconds."), ms(30_000));
    assert_eq!(asked(429, "Too many requests. Please wait 2 minutes."), ms(120_000));
    assert_eq!(asked(503, "Please try again in a few minutes."), None);
    assert_eq!(asked(403, "Please try again in 30 seconds."), None);
}

/// Sources: the rate limits of Cerebras (`x-ratelimit-…-day`) and of Mistral, whose plans may allow a model nothing.
#[test]
fn limit_of_a_day_and_a_limit_of_nothing_are_quotas() {
    let fault = |headers: &[(&str, &str)]| {
        let body = json!({"message": "Too many requests", "type": "too_many_requests_error"});
        let fault = Fault::from_json(Provider::OpenAi, 429, headers, &body, now());
        (fault.kind, fault.retry, fault.cools, fault.asked.map(|asked| asked.as_secs()))
    };
    let (minute, day) =
        (("x-ratelimit-remaining-tokens-minute", "0"), "x-ratelimit-reset-tokens-day");
    let resets = [("x-ratelimit-reset-tokens-minute", "11.5"), (day, "33011.38")];
    let used_up = [minute, ("x-ratelimit-remaining-tokens-day", "0"), resets[0], resets[1]];
    assert_eq!(fault(&used_up), (FaultKind::Quota, false, FaultScope::Model, Some(33_011)));
    let left = [minute, ("x-ratelimit-remaining-tokens-day", "900"), resets[0], resets[1]];
    assert_eq!(fault(&left), (FaultKind::RateLimit, true, FaultScope::Model, Some(11)));
    let nothing =
        [("x-ratelimit-limit-req-minute", "0"), ("x-ratelimit-remaining-req-minute", "0")];
    assert_eq!(fault(&nothing), (FaultKind::Quota, false, FaultScope::Model, None));
}
