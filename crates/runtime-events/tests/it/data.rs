//! The free-form part of an event.

use runtime_events::Data;
use serde_json::{Map, Value, json};

#[test]
fn a_key_set_again_keeps_its_place_and_gives_back_what_it_held() {
    let mut data = Data::new().with("a", 1).with("b", 2);
    assert_eq!(data.insert("a", 3), Some(1.into()));
    assert_eq!(data.insert(String::from("c"), 4), None);
    assert_eq!(serde_json::to_string(&data).unwrap(), r#"{"a":3,"b":2,"c":4}"#);
}

#[test]
fn the_order_of_keys_is_kept_but_does_not_count() {
    let data = Data::new().with("b", 1).with("a", 2);
    let turned = Data::new().with("a", 2).with("b", 1);
    assert_eq!(data, turned);
    assert_ne!(data, Data::new().with("b", 2).with("a", 1));
    assert_ne!(data, Data::new().with("b", 1));
    assert_ne!(data, Data::new().with("b", 1).with("c", 2));
}

#[test]
fn a_repeated_key_of_the_json_holds_its_last_value() {
    let data: Data = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
    assert_eq!(serde_json::to_string(&data).unwrap(), r#"{"a":3,"b":2}"#);
}

#[test]
fn data_and_json_objects_become_each_other() {
    let object: Map<String, Value> = json!({"a": 1, "b": null}).as_object().cloned().unwrap();
    let data = Data::from(object.clone());
    assert_eq!(Map::from(data.clone()), object);
    assert_eq!(Value::from(data.clone()), Value::Object(object));
    assert_eq!(data, [("b", Value::Null), ("a", json!(1))].into_iter().collect());
}

#[test]
fn what_is_no_object_is_no_data() {
    let error = serde_json::from_str::<Data>("[1]").unwrap_err();
    assert!(error.to_string().contains("a JSON object"), "{error}");
}

#[test]
fn data_prints_as_a_map() {
    assert_eq!(format!("{:?}", Data::new().with("a", true)), r#"{"a": true}"#);
}
