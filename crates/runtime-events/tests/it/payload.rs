//! Payloads: writing, lenient reading, and derived numbers.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::sync::Arc;

use runtime_events::payload::{
    Any, GuardrailChecked, LogRecord, Recovery, SessionEnded, TurnEnded, Word, Words, subject,
};
use runtime_events::{AgentEvent, Data, Fact};
use serde_json::{Value, json};

fn data(value: Value) -> Data {
    Data::try_from(value).unwrap()
}

fn event(value: Value) -> AgentEvent {
    AgentEvent::started("writer", "draft").with_data(data(value))
}

#[test]
fn only_set_fields_are_written_in_their_order() {
    let model: Arc<str> = "m".into();
    let ended = TurnEnded {
        attempt: Some(2),
        output_tokens: Some(0),
        model: Some(Word::Shared(&model)),
        cost_usd: Some(0.5),
        cache_read_tokens: 0,
        hedge: true,
        ..TurnEnded::default()
    };
    let written = serde_json::to_string(&ended.data()).unwrap();
    assert_eq!(
        written,
        r#"{"model":"m","output_tokens":0,"cost_usd":0.5,"attempt":2,"hedge":true}"#
    );
    assert_eq!(TurnEnded::read(&ended.data()), ended);
    assert_eq!(TurnEnded::default().data().len(), 0);
}

#[test]
fn shared_texts_are_not_copied() {
    let model: Arc<str> = "m".into();
    let ended = TurnEnded { model: Some(Word::Shared(&model)), ..TurnEnded::default() };
    let data = ended.data();
    assert_eq!(Arc::strong_count(&model), 2);
    let read = TurnEnded::read(&data).model.unwrap().to_shared();
    assert!(Arc::ptr_eq(&model, &read));
}

#[test]
fn values_of_another_kind_count_as_unset() {
    let read = event(json!({
        "model": 3, "input_tokens": "many", "output_tokens": -1, "cost_usd": null,
        "cache_read_tokens": 1.5, "attempts": u64::MAX, "hedge": "yes", "unknown": [1],
    }));
    assert_eq!(TurnEnded::of(&read), TurnEnded::default());
    assert_eq!(read.data.unwrap().len(), 8, "and stay where they are");
    assert_eq!(TurnEnded::of(&AgentEvent::started("writer", "draft")), TurnEnded::default());
}

#[test]
fn events_and_json_objects_read_alike() {
    let object = json!({
        "scenario": "provider_failure", "steps": ["retry", 3, "stop"], "http_status": 503,
        "wait_seconds": 2, "rests": { "scope": "key" },
    });
    let as_event = event(object.clone());
    let (read, from_json) =
        (Recovery::of(&as_event), Recovery::read_json(object.as_object().unwrap()));
    assert_eq!(read, from_json);
    assert_eq!(read.steps.unwrap().join(), "retry, stop");
    assert_eq!((read.http_status, read.wait_seconds), (Some(503), Some(2.0)));
    assert_eq!(read.rests.unwrap().to_value(), json!({ "scope": "key" }));
}

#[test]
fn cached_input_and_audio_are_input() {
    let read = event(json!({
        "input_tokens": 100, "output_tokens": 7, "cache_write_tokens": 20_000,
        "cache_write_1h_tokens": 3, "cache_read_tokens": 40, "input_audio_tokens": 500,
        "output_audio_tokens": 60, "reasoning_tokens": 5, "cost_usd": 0.000_000_001,
    }));
    let ended = TurnEnded::of(&read);
    assert_eq!((ended.total_input(), ended.total_output()), (20_643, 67));
    assert_eq!((ended.cache_write(), ended.cost_nanousd()), (20_003, Some(1)));
    assert!(ended.has_usage());
    let huge = event(json!({ "input_tokens": u64::MAX, "cache_read_tokens": 1, "cost_usd": -1 }));
    let huge = TurnEnded::of(&huge);
    assert_eq!((huge.total_input(), huge.cost_nanousd()), (u64::MAX, None));
    assert!(!TurnEnded::default().has_usage());
}

#[test]
fn payloads_add_to_data_that_holds_other_keys() {
    let mut held = Data::new().with("reason", "shutdown").with("own", 1);
    let budgets = json!([{ "account": "team", "spent_usd": 2, "enforced": true }, 3]);
    let ended = SessionEnded { budgets: Some(Any::Json(&budgets)), ..SessionEnded::default() };
    ended.write(&mut held);
    assert_eq!(held.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["reason", "own", "budgets"]);
    let statements: Vec<_> = SessionEnded::read(&held).statements().collect();
    assert_eq!(statements.len(), 1);
    assert_eq!(statements[0].account.map(Word::as_str), Some("team"));
    assert_eq!((statements[0].spent_usd, statements[0].enforced), (Some(2.0), true));
}

#[test]
fn nested_payloads_are_read_in_place() {
    let handed = event(json!({ "handoff": { "target_role": "editor", "reason": "polish" } }));
    let handoff = SessionEnded::of(&handed).handoff().unwrap();
    assert_eq!(handoff.target_role.map(Word::as_str), Some("editor"));
    assert_eq!(SessionEnded::of(&event(json!({ "handoff": "editor" }))).handoff(), None);
    let dropped = event(json!({ "count": 3, "sessions": [{ "session_id": "s", "first_seq": 2 }] }));
    let losses: Vec<_> = LogRecord::of(&dropped).losses().collect();
    assert_eq!((losses.len(), losses[0].first_seq, losses[0].last_seq), (1, Some(2), None));
}

#[test]
fn lists_are_written_even_if_empty() {
    let checked = GuardrailChecked { objections: Some(Words::Written(&[])), ..Default::default() };
    assert_eq!(checked.data().get("objections"), Some(&Fact::from(json!([]))));
    assert_eq!(checked.objections.unwrap().iter().count(), 0);
}

#[test]
fn subject_is_the_first_name_in_the_data() {
    assert_eq!(subject(&event(json!({ "model": "m", "tool": "search" }))), Some("search"));
    assert_eq!(subject(&event(json!({ "model": 3, "for": "backoff" }))), Some("backoff"));
    assert_eq!(subject(&event(json!({ "reason": "budget" }))), None);
}

#[test]
fn usage_is_known_by_one_of_its_counts() {
    let turn = TurnEnded::default();
    assert!(!turn.has_usage());
    assert!(TurnEnded { input_tokens: Some(0), ..turn }.has_usage());
    assert!(TurnEnded { output_tokens: Some(0), ..TurnEnded::default() }.has_usage());
}

#[test]
fn words_of_payloads_equal_only_the_same_words() {
    let shared: Arc<str> = "a".into();
    assert_eq!(Word::Literal("a"), Word::Shared(&shared));
    assert_ne!(Word::Literal("b"), Word::Shared(&shared));
    let (one, two) = (data(json!({ "x": ["a"] })), data(json!({ "x": ["b"] })));
    let any = |data| Any::Fact(Data::get(data, "x").unwrap());
    let words = [Words::Written(&["a"]), Words::Written(&["b"]), Words::Written(&[])];
    assert_eq!(words.map(|some| some == words[0]), [true, false, false]);
    assert_eq!(any(&one), any(&one));
    assert_ne!(any(&one), any(&two));
}

#[test]
fn facts_round_trip_through_json() {
    let texts = [
        "null",
        "true",
        "0",
        "-3",
        "18446744073709551615",
        "9223372036854775808",
        "1.0",
        "-0.0",
        "0.1",
        "1e-7",
        "1e+300",
        "5e-324",
        r#""é\n""#,
        r#"[1,{"a":null}]"#,
        "{}",
    ];
    for text in texts {
        let value: Value = serde_json::from_str(text).unwrap();
        let fact: Fact = serde_json::from_str(text).unwrap();
        assert_eq!(fact, Fact::from(value.clone()), "{text}");
        assert_eq!(serde_json::to_string(&fact).unwrap(), serde_json::to_string(&value).unwrap());
        assert_eq!((fact.to_value(), fact.to_string()), (value.clone(), value.to_string()));
        assert!(fact == value);
    }
    assert_eq!(size_of::<Fact>(), 24);
}
