//! Captured contents, as the attributes that the conventions have for them.

use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue};
use runtime_events::AgentEvent;
use runtime_events::payload::{Any, ContentCaptured, Word};
use serde_json::Value as Json;

use crate::messages;
use crate::names::content::{ARGUMENTS, INPUT, OUTPUT, RESULT, SYSTEM};

/// What a captured content says on its span; nothing if the conventions have no name for it.
pub(crate) fn of(event: &AgentEvent) -> Vec<KeyValue> {
    let captured = ContentCaptured::of(event);
    let kind = captured.content.map(Word::as_str);
    let Some((kind, value)) = kind.zip(captured.value.map(Any::to_value)) else {
        return Vec::new();
    };
    match kind {
        "prompt" => {
            let asked = messages::asked(&value);
            let system = asked.system.map(|system| said(SYSTEM, &system));
            system.into_iter().chain([said(INPUT, &asked.messages)]).collect()
        }
        "answer" => vec![said(OUTPUT, &messages::answered(&value))],
        "arguments" if value.is_null() => Vec::new(),
        "arguments" => vec![said(ARGUMENTS, &value)],
        "result" => vec![said(RESULT, &value)],
        _ => Vec::new(),
    }
}

/// Whether it is what was asked, rather than what came of it.
pub(crate) fn is_asked(said: &KeyValue) -> bool {
    [INPUT, SYSTEM].contains(&said.key.as_str())
}

/// A text as it is, everything else as JSON: attributes have no maps. Shared, as agents repeat it.
fn said(key: &'static str, value: &Json) -> KeyValue {
    let text: Arc<str> = value.as_str().map_or_else(|| value.to_string().into(), Into::into);
    KeyValue::new(key, StringValue::from(text))
}
