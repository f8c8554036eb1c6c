//! The JSON of an event, written and read.

use chrono::{DateTime, TimeDelta, TimeZone, Timelike, Utc};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Clock, Data, Labels, SpanId,
    SpanOutcome, SystemClock, format_utc,
};
use serde_json::json;

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 20, 12, 0, 0).single().expect("noon comes once")
}

fn started() -> AgentEvent {
    AgentEvent::new(AgentEventName::AgentStarted, AgentEventStatus::Running, noon())
}

/// Reads an event with these fields and the three required ones.
fn with_fields(fields: &str) -> Result<AgentEvent, String> {
    let json = format!(
        r#"{{"event":"agent.started","status":"running","emitted_at":"2026-05-20T12:00:00+00:00",{fields}}}"#
    );
    AgentEvent::from_json(&json).map_err(|error| error.to_string())
}

#[test]
fn event_with_nothing_set_has_four_keys() {
    assert_eq!(
        started().to_json(),
        concat!(
            r#"{"event":"agent.started","type":"started","status":"running","#,
            r#""emitted_at":"2026-05-20T12:00:00+00:00"}"#,
        )
    );
}

#[test]
fn python_keys_come_before_the_envelope() {
    let mut event = started()
        .with_role("writer")
        .with_phase("draft")
        .with_project(-1)
        .with_failure_class(AgentFailureClass::RateLimit)
        .with_detail("4\"29\" ✂")
        .with_data(Data::new().with("model", "gpt-5").with("a", 1))
        .with_span(SpanId::from_u64(255), Some(SpanId::from_u64(1)))
        .with_outcome(SpanOutcome::TimedOut);
    event.session_id = Some("s-1".into());
    event.seq = Some(7);
    event.labels = Some(Labels::from([("tenant".to_owned(), "acme".to_owned())]).into());
    let json = concat!(
        r#"{"event":"agent.started","type":"started","status":"running","#,
        r#""emitted_at":"2026-05-20T12:00:00+00:00","role":"writer","phase":"draft","#,
        r#""project_id":-1,"failure_class":"rate_limit","detail":"4\"29\" ✂","#,
        r#""data":{"model":"gpt-5","a":1},"session_id":"s-1","seq":7,"#,
        r#""span":"00000000000000ff","parent":"0000000000000001","outcome":"timed_out","#,
        r#""labels":{"tenant":"acme"}}"#,
    );
    assert_eq!(event.to_json(), json);
    assert_eq!(AgentEvent::from_json(json).unwrap(), event);
}

#[test]
fn each_letter_is_written_as_serde_json_writes_it() {
    for letter in (0..=255).map(char::from).chain(['\u{2028}', '✂']) {
        // Texts are looked at in parts of eight bytes, of four, or of one.
        let lengths = [1, 3, 4, 7, 8, 17].into_iter();
        for (length, place) in lengths.flat_map(|length| (0..length).map(move |at| (length, at))) {
            let text = format!("{}{letter}{}", "a".repeat(place), "b".repeat(length - 1 - place));
            let data = Data::new().with(text.clone(), text.clone());
            let event = started().with_detail(text).with_data(data);
            assert_eq!(event.to_json(), serde_json::to_string(&event).unwrap());
        }
    }
}

#[test]
fn empty_data_is_written() {
    let event = started().with_data(Data::new());
    assert!(event.to_json().ends_with(r#","data":{}}"#));
    assert_eq!(AgentEvent::from_json(&event.to_json()).unwrap().data, Some(Data::new()));
}

#[test]
fn type_is_the_last_part_of_the_name() {
    for (name, short) in [
        (AgentEventName::RecoveryProviderSwitched, "provider_switched"),
        (AgentEventName::TurnFailed, "turn_failed"),
        (AgentEventName::HookPreTool, "pre_tool"),
    ] {
        let event = AgentEvent::new(name, AgentEventStatus::Running, noon());
        assert_eq!(name.short(), short);
        assert!(event.to_json().contains(&format!(r#""type":"{short}""#)));
    }
}

#[test]
fn constructors_set_the_fields_of_the_python_original() {
    let built = [
        (AgentEvent::started("r", "p"), "agent.started", "running"),
        (AgentEvent::completed("r", "p"), "agent.completed", "completed"),
        (AgentEvent::failed("r", "p", AgentFailureClass::LlmError), "agent.failed", "failed"),
        (AgentEvent::phase_started("p"), "phase.started", "running"),
        (AgentEvent::gate_passed("p"), "phase.gate_passed", "green"),
        (AgentEvent::gate_failed("p"), "phase.gate_failed", "red"),
        (AgentEvent::recovery_attempted("r", "p"), "agent.recovery.attempted", "running"),
    ];
    for (event, name, status) in built {
        assert_eq!((event.event.as_str(), event.status.as_str()), (name, status));
        assert_eq!(event.phase.as_deref(), Some("p"), "{name}");
        let has_role = !name.starts_with("phase.");
        assert_eq!(event.role.as_deref(), has_role.then_some("r"), "{name}");
        let class = (name == "agent.failed").then_some(AgentFailureClass::LlmError);
        assert_eq!(event.failure_class, class, "{name}");
    }
}

#[test]
fn unknown_keys_and_a_wrong_type_are_ignored() {
    let event = with_fields(r#""type":"nonsense","surplus":[1,{"event":"x"}]"#);
    assert_eq!(event, Ok(started()));
}

#[test]
fn null_fields_are_unset() {
    let nothing = r#""role":null,"phase":null,"project_id":null,"failure_class":null,
        "detail":null,"data":null,"session_id":null,"seq":null,"span":null,"parent":null,
        "outcome":null,"labels":null"#;
    assert_eq!(with_fields(nothing), Ok(started()));
}

#[test]
fn missing_emitted_at_becomes_now() {
    for stamp in ["", r#","emitted_at":null"#] {
        let before = SystemClock.utc_now() - TimeDelta::microseconds(1);
        let json = format!(r#"{{"event":"agent.started","status":"running"{stamp}}}"#);
        let event = AgentEvent::from_json(&json).unwrap();
        let after = SystemClock.utc_now();
        // If the wall clock was set back meanwhile, there is nothing to compare.
        if before <= after {
            assert!((before..=after).contains(&event.emitted_at));
        }
    }
}

#[test]
fn emitted_at_is_read_in_any_zone() {
    for stamp in
        ["2026-05-20T14:00:00+02:00", "2026-05-20T12:00:00Z", "2026-05-20T12:00:00.000+00:00"]
    {
        let json =
            format!(r#"{{"event":"agent.started","status":"running","emitted_at":"{stamp}"}}"#);
        assert_eq!(AgentEvent::from_json(&json).unwrap(), started(), "{stamp}");
    }
}

#[test]
fn stamp_has_six_digits_of_a_second_or_none() {
    let nanos = |nanos| format_utc(noon() + TimeDelta::nanoseconds(nanos));
    assert_eq!(nanos(0), "2026-05-20T12:00:00+00:00");
    assert_eq!(nanos(999), "2026-05-20T12:00:00+00:00");
    assert_eq!(nanos(1_000), "2026-05-20T12:00:00.000001+00:00");
    assert_eq!(nanos(120_000_000), "2026-05-20T12:00:00.120000+00:00");
    assert_eq!(format_utc(DateTime::UNIX_EPOCH), "1970-01-01T00:00:00+00:00");
}

#[test]
fn leap_second_survives_its_json() {
    let newest = Utc.with_ymd_and_hms(2016, 12, 31, 23, 59, 59).unwrap();
    let leap = newest.with_nanosecond(1_999_999_999).unwrap();
    let event = AgentEvent::new(AgentEventName::AgentStarted, AgentEventStatus::Running, leap);
    assert!(event.to_json().contains("2016-12-31T23:59:60.999999+00:00"), "{}", event.to_json());
    assert_eq!(AgentEvent::from_json(&event.to_json()).unwrap(), event);
    let mut next = event.clone();
    next.stamp(newest + TimeDelta::seconds(1));
    assert!(event.emitted_at < next.emitted_at && event.to_json() < next.to_json(), "they sort");
}

#[test]
fn emitted_at_is_cut_off_to_microseconds() {
    let at = noon() + TimeDelta::nanoseconds(1_999);
    let event = AgentEvent::new(AgentEventName::AgentStarted, AgentEventStatus::Running, at);
    assert_eq!(event.emitted_at, noon() + TimeDelta::microseconds(1));
    assert_eq!(AgentEvent::from_json(&event.to_json()).unwrap(), event);
}

#[test]
fn invalid_value_is_refused_by_name() {
    for (fields, told) in [
        (r#""failure_class":"gremlins""#, "unknown failure class `gremlins`"),
        (r#""outcome":"meh""#, "unknown span outcome `meh`"),
        (r#""span":"xyz""#, "span id `xyz`"),
        (r#""parent":"0000000000000000""#, "span id `0000000000000000`"),
        (r#""project_id":"42""#, r#"string "42""#),
        (r#""project_id":9223372036854775808"#, "9223372036854775808"),
        (r#""seq":-1"#, "-1"),
        (r#""data":[1]"#, "a JSON object"),
    ] {
        let error = with_fields(fields).unwrap_err();
        assert!(error.starts_with("not an agent event: ") && error.contains(told), "{error}");
    }
}

#[test]
fn unknown_name_status_or_stamp_is_refused() {
    for (json, told) in [
        (r#"{"event":"agent.exploded","status":"running"}"#, "unknown event name `agent.exploded`"),
        (r#"{"event":"agent.started","status":"purple"}"#, "unknown event status `purple`"),
        (r#"{"status":"running"}"#, "missing field `event`"),
        (r#"{"event":"agent.started"}"#, "missing field `status`"),
        (
            r#"{"event":"agent.started","status":"running","emitted_at":"noon"}"#,
            "emitted_at `noon` is not an RFC 3339 time",
        ),
        (
            r#"{"event":"agent.started","status":"running","emitted_at":"2026-02-30T00:00:00Z"}"#,
            "emitted_at `2026-02-30T00:00:00Z`",
        ),
    ] {
        let error = AgentEvent::from_json(json).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn json_other_than_an_object_is_refused() {
    for text in ["", "{", "[]x", "null", "1", r#""agent.started""#, "\u{feff}{}"] {
        assert!(AgentEvent::from_json(text).is_err(), "{text:?}");
    }
}

#[test]
fn event_is_read_from_a_value_and_from_bytes() {
    let event = started().with_role("writer").with_data(Data::new().with("n", 1));
    let value = serde_json::to_value(&event).unwrap();
    assert_eq!(value["data"], json!({"n": 1}));
    assert_eq!(serde_json::from_value::<AgentEvent>(value).unwrap(), event);
    let bytes = event.to_json().into_bytes();
    assert_eq!(serde_json::from_reader::<_, AgentEvent>(&*bytes).unwrap(), event);
}
