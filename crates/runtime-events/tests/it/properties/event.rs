//! Events and their JSON.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::bool::weighted;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, Fact, Labels, SpanId,
    SpanOutcome,
};
use serde_json::{Map, Value};

use super::data::value;

/// The keys in the order in which they are written.
const KEYS: [&str; 17] = [
    "event",
    "type",
    "status",
    "emitted_at",
    "role",
    "phase",
    "project_id",
    "failure_class",
    "detail",
    "data",
    "session_id",
    "seq",
    "elapsed_ns",
    "span",
    "parent",
    "outcome",
    "labels",
];

fn text() -> impl Strategy<Value = Arc<str>> {
    ".{0,12}".prop_map(Arc::from)
}

/// Any time of the years 0 to 9999, to the nanosecond. A leap second may end any minute.
fn stamp() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = -62_167_219_200_i64..=253_402_300_799;
    let nanos = prop_oneof![Just(0), 0_u32..1_000_000_000];
    (seconds, nanos, weighted(0.1)).prop_map(|(seconds, nanos, leaps)| {
        let (seconds, nanos) = if leaps {
            (seconds - seconds.rem_euclid(60) + 59, nanos + 1_000_000_000)
        } else {
            (seconds, nanos)
        };
        DateTime::from_timestamp(seconds, nanos).expect("a time of these years")
    })
}

fn data() -> impl Strategy<Value = Data> {
    proptest::collection::vec((".{0,6}", value()), 0..4)
        .prop_map(|pairs| pairs.into_iter().collect())
}

fn labels() -> impl Strategy<Value = Arc<Labels>> {
    proptest::collection::btree_map(".{0,4}", ".{0,4}", 0..3).prop_map(Arc::new)
}

fn span() -> impl Strategy<Value = SpanId> {
    any::<u64>().prop_map(SpanId::from_u64)
}

fn event() -> impl Strategy<Value = AgentEvent> {
    let always = (select(AgentEventName::ALL), select(AgentEventStatus::ALL), stamp());
    let original = (
        of(text()),
        of(text()),
        of(any::<i64>()),
        of(select(AgentFailureClass::ALL)),
        of(".{0,12}"),
        of(data()),
    );
    let outcome = of(select(SpanOutcome::ALL));
    let place = (of(any::<u64>()), of(any::<u64>().prop_map(Duration::from_nanos)));
    let envelope = (of(text()), place, of(span()), of(span()), outcome, of(labels()));
    (always, original, envelope).prop_map(|((name, status, at), original, envelope)| {
        let mut event = AgentEvent::new(name, status, at);
        let detail: Option<String>;
        (event.role, event.phase, event.project_id, event.failure_class, detail, event.data) =
            original;
        event.detail = detail.map(Cow::Owned);
        let place;
        (event.session_id, place, event.span, event.parent, event.outcome, event.labels) = envelope;
        (event.seq, event.elapsed) = place;
        event
    })
}

/// The number of optional fields that are set.
fn fields_set(event: &AgentEvent) -> usize {
    [
        event.role.is_some(),
        event.phase.is_some(),
        event.project_id.is_some(),
        event.failure_class.is_some(),
        event.detail.is_some(),
        event.data.is_some(),
        event.session_id.is_some(),
        event.seq.is_some(),
        event.elapsed.is_some(),
        event.span.is_some(),
        event.parent.is_some(),
        event.outcome.is_some(),
        event.labels.is_some(),
    ]
    .into_iter()
    .filter(|&set| set)
    .count()
}

proptest! {
    #[test]
    fn event_round_trips_through_json(event in event()) {
        let json = event.to_json();
        prop_assert!(!json.contains('\n'), "a log has one event per line");
        prop_assert_eq!(&json, &serde_json::to_string(&event).unwrap());
        let read = AgentEvent::from_json(&json).unwrap();
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(read.to_json(), json);
    }

    #[test]
    fn only_set_keys_are_written_in_the_documented_order(event in event()) {
        // `Data` keeps the order of keys. A JSON object of serde_json does not.
        let written: Data = serde_json::from_str(&event.to_json()).unwrap();
        let keys: Vec<&str> = written.iter().map(|(key, _)| key).collect();
        let known: Vec<&str> = KEYS.into_iter().filter(|key| keys.contains(key)).collect();
        prop_assert_eq!(&keys, &known);
        prop_assert_eq!(keys.len(), 4 + fields_set(&event));
        prop_assert!(written.iter().all(|(_, value)| *value != Fact::Null));
    }

    #[test]
    fn keys_are_read_in_any_order_among_others(
        event in event(),
        others in proptest::collection::vec(("[a-z]{1,8}", value()), 0..4),
    ) {
        let Value::Object(mut object) = serde_json::to_value(&event).unwrap() else {
            return Err(TestCaseError::fail("an event is an object"));
        };
        for (key, value) in others {
            if !KEYS.contains(&key.as_str()) {
                object.insert(key, value);
            }
        }
        let turned: Map<String, Value> = object.into_iter().rev().collect();
        let json = Value::Object(turned).to_string();
        prop_assert_eq!(AgentEvent::from_json(&json).unwrap(), event);
    }

    #[test]
    fn reading_any_text_does_not_panic(text in any::<String>(), json in value()) {
        let _ = AgentEvent::from_json(&text);
        prop_assert!(AgentEvent::from_json(&json.to_string()).is_err());
    }
}
