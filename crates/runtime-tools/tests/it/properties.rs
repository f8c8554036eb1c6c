//! Any calls of a model are answered, one by one.

use proptest::prelude::*;
use runtime_orchestrator::Orchestrator;
use runtime_tools::{Dialect, ToolRunner, ToolUse, Toolbox};
use serde_json::{Value, json};

use crate::{run, search};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        Just(json!(r#"{"query":"a"}"#)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("query".to_owned()), Just("limit".to_owned()), "[a-z]{0,3}"];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #[test]
    fn every_call_has_its_result(
        calls in proptest::collection::vec(("search|other|", any_json()), 0..6),
    ) {
        let session = Orchestrator::new("writer", "draft").session().unwrap();
        let toolbox = Toolbox::new().with(search()).unwrap();
        let uses: Vec<_> = calls
            .iter()
            .enumerate()
            .map(|(id, (name, args))| ToolUse::new(id.to_string(), name.clone(), args.clone()))
            .collect();
        let mut runner = ToolRunner::new(&session, &toolbox).repeats(10);
        let results = run(runner.run(uses)).unwrap();
        prop_assert_eq!(results.len(), calls.len());
        for (at, result) in results.iter().enumerate() {
            prop_assert_eq!(&result.id, &at.to_string());
            prop_assert_eq!(&result.name, &calls[at].0);
        }
    }

    #[test]
    fn no_reply_makes_a_reader_panic(reply in any_json()) {
        let dialects = [
            Dialect::OpenAi, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini,
            Dialect::Converse,
        ];
        for dialect in dialects {
            let _ = dialect.uses(&reply);
            let _ = dialect.uses(&json!({ "content": reply, "output": reply, "tool_calls": reply }));
        }
    }
}
