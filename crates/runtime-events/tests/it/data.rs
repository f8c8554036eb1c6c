//! The free-form part of an event.

use std::borrow::Cow;
use std::sync::Arc;

use runtime_events::payload::StatusChanged;
use runtime_events::{AgentEvent, Data, Fact, Text};
use serde_json::{Map, Value, json};

#[test]
fn data_keeps_its_order_as_it_grows() {
    let mut data = Data::new();
    let keys = ["a", "b", "c", "d", "e", "f"];
    for (many, key) in keys.into_iter().enumerate() {
        assert_eq!(data.len(), many);
        assert_eq!(data.get(key), None);
        assert_eq!(data.insert(key, "first"), None);
        assert_eq!(data.insert(key, many), Some("first".into()), "of {} keys", data.len());
    }
    let read: Vec<_> = data.iter().map(|(key, fact)| (key, fact.as_u64())).collect();
    let written: Vec<_> = keys.into_iter().zip((0..).map(Some)).collect();
    assert_eq!(read, written);
}

#[test]
fn insert_keeps_the_place_and_returns_the_old_value() {
    let mut data = Data::new().with("a", 1).with("b", 2);
    assert_eq!(data.insert("a", 3), Some(1.into()));
    assert_eq!(data.insert(String::from("c"), 4), None);
    assert_eq!(serde_json::to_string(&data).unwrap(), r#"{"a":3,"b":2,"c":4}"#);
}

#[test]
fn last_of_equal_keys_counts_at_the_first_place() {
    let json = r#"{"a":1,"b":2,"a":3,"c":4,"b":5}"#;
    let kept = r#"{"a":3,"b":5,"c":4}"#;
    let pairs = [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("b", 5)];
    let data: Data = pairs.into_iter().collect();
    assert_eq!(serde_json::to_string(&data).unwrap(), kept);
    let read: Data = serde_json::from_str(json).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), kept);
}

#[test]
fn equality_ignores_the_order_of_keys() {
    let data = Data::new().with("b", 1).with("a", 2);
    let turned = Data::new().with("a", 2).with("b", 1);
    assert_eq!(data, turned);
    assert_ne!(data, Data::new().with("b", 2).with("a", 1));
    assert_ne!(data, Data::new().with("b", 1));
    assert_ne!(data, Data::new().with("b", 1).with("c", 2));
}

#[test]
fn data_converts_to_json_objects_and_back() {
    let object: Map<String, Value> = json!({"a": 1, "b": null}).as_object().cloned().unwrap();
    let data = Data::from(object.clone());
    assert_eq!(Map::from(data.clone()), object);
    assert_eq!(Value::from(data.clone()), Value::Object(object));
    assert_eq!(data, [("b", Value::Null), ("a", json!(1))].into_iter().collect());
}

#[test]
fn json_other_than_an_object_is_not_data() {
    let error = serde_json::from_str::<Data>("[1]").unwrap_err();
    assert!(error.to_string().contains("a JSON object"), "{error}");
}

#[test]
fn event_with_data_of_any_depth_is_read_back() {
    let nested = |levels| (0..levels).fold(Value::Null, |inside, _| json!([inside]));
    for (levels, is_text) in [(1, false), (125, false), (126, true), (300, true)] {
        let event = AgentEvent::started("writer", "draft");
        let event = event.with_data(Data::new().with("deep", nested(levels)));
        let read = AgentEvent::from_json(&event.to_json()).unwrap();
        assert_eq!(read, event);
        let deep = read.data.as_ref().unwrap().get("deep").unwrap();
        assert_eq!(deep.as_str().is_some(), is_text, "{levels}");
        if let Some(text) = deep.as_str() {
            assert_eq!(text, nested(levels).to_string());
        }
    }
}

#[test]
fn debug_output_is_a_map() {
    assert_eq!(format!("{:?}", Data::new().with("a", true)), r#"{"a": true}"#);
}

#[test]
fn facts_equal_only_what_they_hold() {
    let facts = [json!("a"), json!("b"), json!(1), json!(-1), json!(1.0), json!(true), json!([1])];
    let kinds = [json!(null), json!(false), json!({"a": 1}), json!(2), json!(-2), json!(1.5)];
    let values: Vec<_> = facts.into_iter().chain(kinds).collect();
    for (place, value) in values.iter().enumerate() {
        let fact = Fact::from(value.clone());
        for (other, another) in values.iter().enumerate() {
            assert_eq!(fact == *another, place == other, "{fact} and {another}");
            let another = Fact::from(another.clone());
            assert_eq!(fact == another, place == other, "{fact} and {another}");
        }
    }
    let (text, minus) = (Fact::from("a"), Fact::from(-3));
    assert!(text == "a" && text != "b" && text != *"b" && Fact::from(3) != "3");
    assert_eq!((minus.as_f64(), minus.as_u64()), (Some(-3.0), None));
}

#[test]
fn texts_are_shown_as_the_words_they_are() {
    let (literal, shared) = (Text::from("a\"b"), Text::from(Arc::<str>::from("a\"b")));
    assert_eq!(literal, shared);
    assert_ne!(literal, Text::from("a"));
    for text in [literal, shared] {
        assert_eq!(format!("{text:?} {text:>4} {text}"), r#""a\"b"  a"b a"b"#);
    }
}

#[test]
fn object_of_too_many_levels_becomes_its_text() {
    let nested = |levels| (0..levels).fold(Value::Null, |inside, _| json!({ "in": inside }));
    for (levels, is_text) in [(1, false), (125, false), (126, true)] {
        let fact = Fact::from(nested(levels));
        assert_eq!(fact.as_str().is_some(), is_text, "{levels}");
        // One deep branch is enough, beside shallow ones.
        let beside = json!({ "a": 1, "deep": nested(levels - 1), "z": [] });
        assert_eq!(Fact::from(beside).as_str().is_some(), is_text, "{levels}");
        let listed = json!([1, nested(levels - 1), []]);
        assert_eq!(Fact::from(listed).as_str().is_some(), is_text, "{levels}");
    }
}

#[test]
fn fixed_data_is_what_it_was_made_of() {
    static MOVED: [(Cow<'static, str>, Fact); 2] = StatusChanged::literals("waiting", "running");
    let data = Data::fixed(&MOVED);
    assert_eq!(serde_json::to_string(&data).unwrap(), r#"{"from":"waiting","to":"running"}"#);
    let more = data.with("to", "failed").with("by", "hand");
    assert_eq!(
        serde_json::to_string(&more).unwrap(),
        r#"{"from":"waiting","to":"failed","by":"hand"}"#
    );
}
