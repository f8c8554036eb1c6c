//! Secrets in the values of an event: the name of a field says what its text is.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::bytes::SIGN;
use super::names::{self, Name};
use super::quote::PROBABILITIES;
use super::value::{Manner, is_secret};
use super::{schemes, without_secrets};
use crate::{AgentEvent, Fact, Labels};

impl AgentEvent {
    /// Removes the [secrets](without_secrets) from all texts of the event: from its detail, its data, its
    /// labels and its names.
    ///
    /// A field with a name such as `password` loses its whole text. Literals are taken for clean.
    ///
    /// ```
    /// use runtime_events::{AgentEvent, Data};
    /// use serde_json::json;
    ///
    /// let data = Data::new().with("call", json!({ "apiKey": "9f8e7d", "n": 5 }));
    /// let mut event = AgentEvent::started("writer", "draft").with_data(data);
    /// event.remove_secrets();
    /// assert!(event.to_json().ends_with(r#""data":{"call":{"apiKey":"[redacted]","n":5}}}"#));
    /// ```
    pub fn remove_secrets(&mut self) {
        for name in [&mut self.role, &mut self.phase].into_iter().flatten() {
            clean_shared(name);
        }
        if let Some(Cow::Owned(detail)) = &mut self.detail
            && let Cow::Owned(clean) = without_secrets(detail)
        {
            *detail = clean;
        }
        if let Some(data) = &mut self.data {
            data.iter_mut().for_each(|(key, fact)| clean_fact(key, fact));
            data.rename(without_secrets);
        }
        if let Some(labels) = &mut self.labels {
            clean_labels(labels);
        }
    }
}

/// JSON without secrets: of each text, and of each field with a name such as `password`, as an event loses
/// them.
///
/// ```
/// use runtime_events::json_without_secrets;
/// use serde_json::json;
///
/// let request = json!({ "model": "m", "headers": { "authorization": "Bearer 9f8e7d6c5b" } });
/// let clean = json!({ "model": "m", "headers": { "authorization": "Bearer [redacted]" } });
/// assert_eq!(json_without_secrets(request), clean);
/// ```
pub fn json_without_secrets(mut value: Value) -> Value {
    if !is_clean(None, &value) {
        clean_value(None, &mut value);
    }
    value
}

/// Removes the secrets from labels, which are copied only if there are any.
fn clean_labels(labels: &mut Arc<Labels>) {
    let is_unclean =
        |(key, value): (&String, &String)| has_secret(None, key) || has_secret(name_of(key), value);
    if labels.iter().any(is_unclean) {
        let clean: BTreeMap<_, _> = labels
            .iter()
            .map(|(key, value)| {
                let value = field(name_of(key), value).into_owned();
                (without_secrets(key).into_owned(), value)
            })
            .collect();
        *labels = Arc::new(clean);
    }
}

fn clean_shared(text: &mut Arc<str>) {
    if let Cow::Owned(clean) = without_secrets(text) {
        *text = clean.into();
    }
}

fn clean_fact(key: &str, fact: &mut Fact) {
    match fact {
        Fact::Text(text) if !text.is_literal() => {
            if let Cow::Owned(clean) = field(name_of(key), text) {
                *fact = clean.into();
            }
        }
        Fact::Json(value) => {
            let name = name_of(key);
            if !is_clean(name, value) {
                clean_value(name, Arc::make_mut(value));
            }
        }
        Fact::U64(_) | Fact::I64(_) | Fact::F64(_) if name_of(key) == Some(Name::Secret) => {
            *fact = SIGN.into();
        }
        _ => {}
    }
}

fn is_clean(name: Option<Name>, value: &Value) -> bool {
    match value {
        Value::String(text) => !has_secret(name, text),
        Value::Number(_) => name != Some(Name::Secret),
        Value::Array(items) => items.iter().all(|item| is_clean(name, item)),
        Value::Object(object) => object
            .iter()
            .all(|(key, value)| !has_secret(None, key) && is_clean(name_in(object, key), value)),
        _ => true,
    }
}

fn clean_value(name: Option<Name>, value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(clean) = field(name, text) {
                *text = clean;
            }
        }
        Value::Number(_) if name == Some(Name::Secret) => *value = SIGN.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| clean_value(name, item)),
        Value::Object(object) => {
            let names: Vec<_> = object.keys().map(|key| name_in(object, key)).collect();
            let fields = std::mem::take(object).into_iter().zip(names);
            object.extend(fields.map(|((key, mut value), name)| {
                clean_value(name, &mut value);
                (without_secrets(&key).into_owned(), value)
            }));
        }
        _ => {}
    }
}

/// The text of a field without secrets.
fn field(name: Option<Name>, text: &str) -> Cow<'_, str> {
    let Some(name) = name else { return without_secrets(text) };
    if text.is_empty() || !is_secret(name, text.as_bytes(), Manner::Field, (true, false)) {
        return without_secrets(text);
    }
    let from = match name {
        Name::Authorization => schemes::quoted_credentials(text.as_bytes(), 0, text.len()),
        _ => 0,
    };
    if &text[from..] == SIGN { text.into() } else { [&text[..from], SIGN].concat().into() }
}

fn name_of(key: &str) -> Option<Name> {
    if names::may_end(key.as_bytes()) { names::of(key.as_bytes(), 0, key.len()) } else { None }
}

/// What a key of an object says, or, in a pair of `name` and `value`, the name beside it.
fn name_in(object: &Map<String, Value>, key: &str) -> Option<Name> {
    if key == "token" && PROBABILITIES.iter().any(|name| object.contains_key(*name)) {
        return None;
    }
    if !key.eq_ignore_ascii_case("value") {
        return name_of(key);
    }
    let name = ["name", "key", "Name", "Key"].iter().find_map(|name| object.get(*name)?.as_str());
    name.and_then(name_of)
}

fn has_secret(name: Option<Name>, text: &str) -> bool {
    matches!(field(name, text), Cow::Owned(_))
}
