//! Captured contents, as the attributes that the conventions have for them.

use std::sync::Arc;

use opentelemetry::{KeyValue, StringValue};
use runtime_events::AgentEvent;
use runtime_events::payload::{Any, ContentCaptured, Word};
use serde_json::Value as Json;

use crate::config::{OtelConfig, Viewer};
use crate::messages;
use crate::names::content::{ARGUMENTS, INPUT, OUTPUT, RESULT, SYSTEM};
use crate::names::viewer;

impl OtelConfig {
    /// What a captured content says on its span; nothing if the conventions have no name for it.
    pub(crate) fn content(&self, event: &AgentEvent) -> Vec<KeyValue> {
        let captured = ContentCaptured::of(event);
        let kind = captured.content.map(Word::as_str);
        let Some((kind, value)) = kind.zip(captured.value.map(Any::to_value)) else {
            return Vec::new();
        };
        let mut told = Vec::with_capacity(4);
        match kind {
            "prompt" => {
                let asked = messages::asked(&value);
                told.extend(asked.system.map(|system| said(SYSTEM, &system)));
                told.push(said(INPUT, &asked.messages));
                self.show(IN, &messages::last(&asked.messages), &mut told);
            }
            "answer" => {
                let answered = messages::answered(&value);
                told.push(said(OUTPUT, &answered));
                self.show(OUT, &messages::last(&answered), &mut told);
            }
            "arguments" if !value.is_null() => {
                told.push(said(ARGUMENTS, &value));
                self.show(IN, &value, &mut told);
            }
            "result" => {
                told.push(said(RESULT, &value));
                self.show(OUT, &value, &mut told);
            }
            _ => {}
        }
        told
    }

    /// What a list of spans shows of it, where one reads that.
    fn show(&self, (key, kind): Shown, value: &Json, told: &mut Vec<KeyValue>) {
        if self.viewers.contains(&Viewer::OpenInference) {
            told.push(said(key, value));
            let is_text = value.is_string();
            told.push(KeyValue::new(kind, if is_text { viewer::TEXT } else { viewer::JSON }));
        }
    }
}

/// Whether it is what was asked, rather than what came of it.
pub(crate) fn is_asked(said: &KeyValue) -> bool {
    [INPUT, SYSTEM, IN.0, IN.1].contains(&said.key.as_str())
}

/// A value, and its kind.
type Shown = (&'static str, &'static str);

const IN: Shown = (viewer::INPUT, viewer::INPUT_TYPE);
const OUT: Shown = (viewer::OUTPUT, viewer::OUTPUT_TYPE);

/// A text as it is, everything else as JSON: attributes have no maps. Shared, as agents repeat it.
fn said(key: &'static str, value: &Json) -> KeyValue {
    let text: Arc<str> = value.as_str().map_or_else(|| value.to_string().into(), Into::into);
    KeyValue::new(key, StringValue::from(text))
}
