//! `Data`, compared with a list of pairs.

use proptest::prelude::*;
use runtime_events::{Data, Fact};
use serde_json::Value;

/// Any JSON, three levels deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,4}", inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// Pairs whose keys often repeat.
fn pairs() -> impl Strategy<Value = Vec<(String, Value)>> {
    proptest::collection::vec(("[a-e]|.{0,3}", value()), 0..24)
}

fn find<'a>(model: &'a [(String, Value)], key: &str) -> Option<&'a Value> {
    model.iter().find(|(held, _)| held == key).map(|(_, value)| value)
}

proptest! {
    #[test]
    fn data_agrees_with_a_list_of_pairs(pairs in pairs()) {
        let (mut data, mut model) = (Data::new(), Vec::<(String, Value)>::new());
        for (key, value) in &pairs {
            let before = find(&model, key).cloned();
            match model.iter_mut().find(|(held, _)| held == key) {
                Some((_, held)) => *held = value.clone(),
                None => model.push((key.clone(), value.clone())),
            }
            prop_assert_eq!(data.insert(key.clone(), value.clone()).map(Value::from), before);
            prop_assert_eq!(data.len(), model.len());
            prop_assert_eq!(data.get(key).map(Fact::to_value), Some(value.clone()));
        }
        prop_assert_eq!(data.is_empty(), model.is_empty());
        for key in ["a", "b", "c", "d", "e", ""] {
            prop_assert_eq!(data.get(key).map(Fact::to_value), find(&model, key).cloned());
        }
        let held: Vec<_> = data.iter().map(|(key, value)| (key.to_owned(), value.to_value())).collect();
        prop_assert_eq!(&held, &model);

        let turned: Data = model.iter().rev().cloned().collect();
        prop_assert_eq!(&turned, &data, "the order must not count");
        let json = serde_json::to_string(&data).unwrap();
        let read: Data = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);

        // One different value makes data different.
        if let Some((key, value)) = model.first() {
            let other = if value.is_null() { Value::from(0) } else { Value::Null };
            prop_assert_ne!(data.clone().with(key.clone(), other), data);
        }
    }

    #[test]
    fn last_value_of_a_repeated_key_is_read(pairs in pairs()) {
        let text: Vec<String> = pairs
            .iter()
            .map(|(key, value)| format!("{}:{value}", Value::from(key.as_str())))
            .collect();
        let read: Data = serde_json::from_str(&format!("{{{}}}", text.join(","))).unwrap();
        let built: Data = pairs.into_iter().collect();
        prop_assert_eq!(read.iter().collect::<Vec<_>>(), built.iter().collect::<Vec<_>>());
    }
}
