//! Replies of any kind: nothing panics, nothing is slept that should not be.

use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use runtime_resilience::{
    Fault, FaultDetails, FaultKind, FaultScope, Provider, Reach, retry_after,
};
use serde_json::{Value, json};

fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "retry-after",
        "retry-after-ms",
        "Date",
        "x-should-retry",
        "x-ratelimit-remaining-tokens",
        "x-ratelimit-reset-tokens",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
        "x-amzn-ErrorType",
        "x-request-id",
    ]);
    prop_oneof![9 => known.prop_map(str::to_owned), 1 => any::<String>()]
}

fn text() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "true",
        "false",
        "0",
        "NaN",
        "-1",
        "6m0s",
        "31s",
        "Wed, 01 Jul 2026 12:00:30 GMT",
        "2026-07-01T12:00:45Z",
        "ThrottlingException:http://x",
        "insufficient_quota",
        "rate_limit_exceeded",
        "context_length_exceeded",
        "overloaded_error",
        "rate_limit_error",
        "invalid_api_key",
        "RESOURCE_EXHAUSTED",
        "GenerateRequestsPerDayPerProjectPerModel",
        "Please try again in 1.2s.",
        "try again in µ",
        "{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"try again in 9m\"}}",
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}",
    ]);
    let number = prop_oneof![
        (0..200_u32).prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
    ];
    prop_oneof![4 => known.prop_map(str::to_owned), 2 => number, 1 => any::<String>(), 1 => "[0-9a-zµ.:, -]{0,30}"]
}

/// Any JSON, with a taste for the names that are looked for.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (300..700_u32).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "error",
        "code",
        "type",
        "status",
        "message",
        "details",
        "retryDelay",
        "violations",
        "quotaId",
        "reason",
        "metadata",
        "limit_source",
        "provider_name",
        "raw",
        "promptFeedback",
        "blockReason",
        "response",
        "choices",
        "stop_reason",
        "finish_reason",
        "__type",
        "throttlingException",
        "request_id",
    ]);
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
            }),
        ]
    })
}

/// An error as a provider would word it, with fields of any kind.
fn error() -> impl Strategy<Value = Value> {
    (value(), value(), value(), value(), text(), text()).prop_map(
        |(code, kind, status, more, id, delay)| {
            json!({"error": {
                "code": code, "type": kind, "status": status, "message": more, "metadata": more,
                "details": [{"retryDelay": delay}, {"violations": [{"quotaId": id}]}],
            }})
        },
    )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => error().prop_map(|value| value.to_string().into_bytes()),
        2 => value().prop_map(|value| value.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        3 => prop::sample::select(vec![200, 400, 401, 402, 403, 404, 408, 409, 413, 424, 429, 500, 503, 529]),
        1 => any::<u16>(),
    ]
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => (0..300_000_u64).prop_map(Duration::from_millis),
        1 => any::<(u64, u32)>().prop_map(|(s, n)| Duration::new(s, n % 1_000_000_000)),
        1 => Just(Duration::MAX),
    ]
}

fn now() -> impl Strategy<Value = DateTime<Utc>> {
    prop_oneof![
        4 => 1_700_000_000..1_800_000_000_i64,
        1 => DateTime::<Utc>::MIN_UTC.timestamp()..DateTime::<Utc>::MAX_UTC.timestamp(),
    ]
    .prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default())
}

const NEVER: [FaultKind; 4] =
    [FaultKind::Quota, FaultKind::Auth, FaultKind::ContextLength, FaultKind::ContentPolicy];

/// What holds of every fault.
fn check(
    fault: &Fault,
    delay: Duration,
    cap: Duration,
    left: Option<Duration>,
) -> Result<(), TestCaseError> {
    prop_assert!(!(NEVER.contains(&fault.kind) && fault.retry), "{fault:?}");
    prop_assert!(fault.asked != Some(Duration::ZERO));
    let Ok(slept) = fault.wait(delay, cap, left) else { return Ok(()) };
    prop_assert!(fault.retry);
    prop_assert!(slept <= cap);
    prop_assert!(left.is_none_or(|left| slept < left));
    prop_assert!(fault.asked.is_none_or(|asked| slept >= asked));
    Ok(())
}

proptest! {
    #[test]
    fn replies_never_panic_and_waits_stay_in_bounds(
        provider in prop::sample::select(Provider::ALL),
        status in status(),
        headers in prop::collection::vec((name(), text()), 0..8),
        body in body(),
        now in now(),
        delay in duration(),
        cap in duration(),
        left in prop::option::of(duration()),
    ) {
        let fault = Fault::from_response(provider, status, &headers, &body, now);
        check(&fault, delay, cap, left)?;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        prop_assert_eq!(fault, Fault::from_json(provider, status, &headers, &value, now));
        // A reply came, so it was sent; under a good status, an answer began.
        prop_assert!(fault.reach != Reach::NotSent);
        prop_assert!(status >= 400 || fault.reach == Reach::Unknown);
        let event = Fault::from_stream_error(provider, &value, now);
        prop_assert_eq!(event.reach, Reach::Unknown);
        check(&event, delay, cap, left)?;

        let details = FaultDetails::from_response(&headers, &body);
        let texts = [details.code, details.error_type, details.message, details.request_id];
        prop_assert!(texts.iter().flatten().all(|text| text.chars().count() <= 1_500));
    }

    #[test]
    fn what_a_gateway_hands_on_rests_no_more_than_the_model(
        status in 400..600_u16, inner in error(), raw in any::<bool>(), now in now(),
    ) {
        let text = Value::String(inner.to_string());
        let outer = if raw {
            json!({"error": {"message": "Provider returned error", "metadata": {"raw": text}}})
        } else {
            json!({"error": {"message": text}})
        };
        let alone = Fault::from_json(Provider::Other, status, &(), &Value::Null, now);
        let fault = Fault::from_json(Provider::Other, status, &(), &outer, now);
        prop_assert!(fault.cools <= FaultScope::Model || fault.cools == alone.cools, "{fault:?}");
    }

    #[test]
    fn an_error_status_always_has_a_kind(
        provider in prop::sample::select(Provider::ALL), status in 400..600_u16, body in body(), now in now(),
    ) {
        let fault = Fault::from_response(provider, status, &(), &body, now);
        prop_assert!(fault.kind != FaultKind::Unknown);
        prop_assert_eq!(fault.status, Some(status));
    }

    #[test]
    fn wait_is_within_asked_and_cap_or_has_a_reason(
        asked in prop::option::of(duration()),
        delay in duration(),
        cap in duration(),
        left in prop::option::of(duration()),
    ) {
        let least = asked.unwrap_or_else(|| delay.min(cap));
        let possible = least <= cap && left.is_none_or(|left| least < left);
        let mut fault = Fault::of(FaultKind::Overload);
        fault.asked = asked;
        let slept = fault.wait(delay, cap, left);
        prop_assert_eq!(slept.is_ok(), possible, "{:?}", slept);
        if let Ok(slept) = slept {
            prop_assert!(least <= slept && slept <= cap);
            prop_assert!(left.is_none_or(|left| slept < left));
            prop_assert!(slept <= least.saturating_add(delay));
        }
    }

    #[test]
    fn seconds_are_read_as_they_are_written(seconds in any::<u32>(), nanos in 0..1_000_000_000_u32, now in now()) {
        let written = Duration::new(seconds.into(), nanos);
        prop_assume!(!written.is_zero());
        let text = format!("{seconds}.{nanos:09}");
        let asked = |name| retry_after(&[(name, &text)], &Value::Null, now);
        prop_assert_eq!(asked("retry-after"), Some(written));
        let thousandth = (written.as_nanos()).div_ceil(1_000);
        prop_assert_eq!(asked("retry-after-ms").map(|asked| asked.as_nanos()), Some(thousandth));
        let body = json!({"error": {"details": [{"retryDelay": format!("{text}s")}]}});
        prop_assert_eq!(retry_after(&(), &body, now), Some(written));
    }

    #[test]
    fn dates_of_every_form_are_read_as_they_are_written(seconds in 1..4_102_444_800_i64) {
        let date = DateTime::from_timestamp(seconds, 0).unwrap();
        for format in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
            let text = date.format(format).to_string();
            let headers = [("date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("retry-after", &text)];
            let asked = retry_after(&headers, &Value::Null, date);
            prop_assert_eq!(asked.map(|asked| DateTime::UNIX_EPOCH + asked), Some(date), "{}", text);
        }
    }

    #[test]
    fn texts_that_are_no_dates_are_read_without_harm(text in any::<String>(), odd in "[0-9A-Za-z,: -]{0,40}", now in now()) {
        for text in [text, odd] {
            let body = json!({"error": {"details": [{"retryDelay": text}]}});
            let _ = retry_after(&[("retry-after", &text)], &body, now);
        }
    }
}
