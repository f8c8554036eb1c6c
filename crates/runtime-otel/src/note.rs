//! Events inside a span, as events of OpenTelemetry.
//!
//! OpenTelemetry plans to replace span events by log records: this is the one place to change.

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Array, Context, Key, KeyValue, StringValue, Value};
use runtime_events::{AgentEvent, AgentEventName, Data};
use serde_json::Value as Json;

use crate::config::OtelConfig;
use crate::names::{exception, own};
use crate::time::At;

/// Tells on the span of `cx` that it failed, as an exception: viewers look for one.
pub(crate) fn failed(cx: &Context, kind: &'static str, message: Option<StringValue>, at: At) {
    let mut said = vec![KeyValue::new(exception::TYPE, kind)];
    said.extend(message.map(|message| KeyValue::new(exception::MESSAGE, message)));
    cx.span().add_event_with_timestamp(exception::EVENT, at.into(), said);
}

/// Tells `event` on the span of `cx`, under its own name.
pub(crate) fn tell(cx: &Context, event: &AgentEvent, at: At, config: &OtelConfig) {
    let mut said = Vec::with_capacity(6);
    // A content is told by attributes, or not at all: here it is only that there was one.
    let details = config.details && event.event != AgentEventName::ContentCaptured;
    for (key, value) in event.data.iter().flat_map(Data::iter) {
        let known = plain(event.event, key).map(Key::from_static_str);
        let name = known.or_else(|| details.then(|| format!("{}{key}", own::PREFIX).into()));
        if let Some(name) = name
            && let Some(value) = value_of(&value.to_value(), details)
        {
            said.push(KeyValue::new(name, value));
        }
    }
    if let Some(class) = event.failure_class
        && !said.iter().any(|it| it.key.as_str() == own::FAILURE_CLASS)
    {
        said.push(KeyValue::new(own::FAILURE_CLASS, class.as_str()));
    }
    // Of a wait: it has no span of its own.
    said.extend(event.outcome.map(|outcome| KeyValue::new(own::OUTCOME, outcome.as_str())));
    if let Some(detail) = config.detail(event)
        && !said.iter().any(|it| it.key.as_str() == own::DETAIL)
    {
        said.push(KeyValue::new(own::DETAIL, detail));
    }
    cx.span().add_event_with_timestamp(event.event.as_str(), at.into(), said);
}

/// The attribute of a key that holds a number or a word of the runtime's or of the configuration:
/// nothing that a user, a model or a provider wrote. Keys that are not known here may hold anything.
fn plain(name: AgentEventName, key: &str) -> Option<&'static str> {
    if key == "reason" {
        return (name == AgentEventName::AgentBlocked).then_some("techrevati.reason");
    }
    // Here it is the kind of content; under the same key, another event may have all of it.
    if key == "content" {
        return (name == AgentEventName::ContentCaptured).then_some("techrevati.content");
    }
    let place = PLAIN.binary_search_by_key(&key, |(plain, _)| plain).ok()?;
    Some(PLAIN[place].1)
}

macro_rules! plain {
    ($($key:literal)*) => { &[$(($key, concat!("techrevati.", $key))),*] };
}

/// In the order of the alphabet.
const PLAIN: &[(&str, &str)] = plain! {
    "account"
    "actions"
    "allowed"
    "asked_seconds"
    "attempt"
    "attempts"
    "breaker"
    "budget_usd"
    "cause"
    "fault"
    "fleet"
    "for"
    "from"
    "from_route"
    "generation"
    "guardrail"
    "http_status"
    "limit_usd"
    "model"
    "objections"
    "passed"
    "percent"
    "phase"
    "policy"
    "provider"
    "refused"
    "rules"
    "scenario"
    "skipped"
    "spent_usd"
    "stage"
    "steps"
    "subject"
    "target_role"
    "target_session"
    "target_worker_id"
    "to"
    "to_route"
    "tool"
    "wait_seconds"
};

/// A span's attribute has no maps: with details they are told as JSON, and otherwise not.
fn value_of(value: &Json, details: bool) -> Option<Value> {
    Some(match value {
        Json::Bool(mark) => Value::Bool(*mark),
        Json::String(text) => text.clone().into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Value::I64(whole),
            (None, Some(broken)) => Value::F64(broken),
            (None, None) => return None,
        },
        Json::Array(items) if items.iter().all(Json::is_string) => {
            let texts = items.iter().filter_map(Json::as_str).map(|text| text.to_owned().into());
            Value::Array(Array::String(texts.collect()))
        }
        Json::Array(_) | Json::Object(_) if details => value.to_string().into(),
        Json::Null | Json::Array(_) | Json::Object(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_plain_key_is_found() {
        for (key, name) in PLAIN {
            assert_eq!(plain(AgentEventName::BudgetMark, key), Some(*name));
            assert_eq!(*name, format!("{}{key}", own::PREFIX));
        }
        let kind = plain(AgentEventName::ContentCaptured, "content");
        assert_eq!(kind, Some("techrevati.content"));
        assert_eq!(plain(AgentEventName::HookPreTool, "content"), None);
    }
}
