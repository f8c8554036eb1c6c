//! One value of an event's data.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// One value of an event's [`Data`](crate::Data): a JSON value of 24 bytes.
///
/// A text is a literal or shared, so that the events of a turn do not copy the name of its model.
/// Arrays and objects are shared too. Two facts are equal when their JSON is.
///
/// ```
/// use runtime_events::Fact;
/// use serde_json::json;
///
/// assert_eq!(Fact::from(json!(3)).as_u64(), Some(3));
/// assert_eq!(Fact::from("gpt-5").as_str(), Some("gpt-5"));
/// assert_eq!(Fact::from(json!([1, null])).to_value(), json!([1, null]));
/// assert_eq!(Fact::from(f64::NAN), Fact::Null, "as in `serde_json`");
/// ```
#[derive(Clone, Default, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "JSON has no other values")]
pub enum Fact {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that is not negative.
    U64(u64),
    /// A negative whole number.
    I64(i64),
    /// A number with a fraction or an exponent.
    F64(f64),
    /// A text.
    Text(Text),
    /// An array or an object.
    Json(Arc<Value>),
}

impl Fact {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The number, if it is whole and not negative.
    pub const fn as_u64(&self) -> Option<u64> {
        if let Self::U64(number) = self { Some(*number) } else { None }
    }

    /// The number, whole or not.
    #[expect(clippy::cast_precision_loss, reason = "what `serde_json` does")]
    pub const fn as_f64(&self) -> Option<f64> {
        match self {
            Self::U64(number) => Some(*number as f64),
            Self::I64(number) => Some(*number as f64),
            Self::F64(number) => Some(*number),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(it) = self { Some(*it) } else { None }
    }

    /// The array or object, if it is one.
    pub(crate) fn as_json(&self) -> Option<&Value> {
        if let Self::Json(value) = self { Some(value) } else { None }
    }

    /// A copy as a value of `serde_json`.
    pub fn to_value(&self) -> Value {
        self.clone().into()
    }
}

impl From<Fact> for Value {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Null => Self::Null,
            Fact::Bool(it) => it.into(),
            Fact::U64(number) => number.into(),
            Fact::I64(number) => number.into(),
            Fact::F64(number) => number.into(),
            Fact::Text(text) => Self::String((*text).to_owned()),
            Fact::Json(value) => Arc::unwrap_or_clone(value),
        }
    }
}

/// How many levels an array or an object has at most. An event has two around it, and `serde_json` reads 127.
const LEVELS: usize = 125;

/// An array or an object of more than 125 levels becomes its text: readers of JSON refuse an event that is so deep.
impl From<Value> for Fact {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(it) => Self::Bool(it),
            Value::String(text) => text.into(),
            Value::Number(number) => {
                let whole = number.as_u64().map(Self::U64);
                let whole = whole.or_else(|| number.as_i64().map(Self::I64));
                whole.unwrap_or_else(|| number.as_f64().into())
            }
            deep if has_more_levels(&deep, LEVELS) => deep.to_string().into(),
            nested => Self::Json(Arc::new(nested)),
        }
    }
}

fn has_more_levels(value: &Value, levels: usize) -> bool {
    let within = |inside: &Value| {
        levels.checked_sub(1).is_some_and(|levels| !has_more_levels(inside, levels))
    };
    match value {
        Value::Array(items) => levels == 0 || !items.iter().all(within),
        Value::Object(fields) => levels == 0 || !fields.values().all(within),
        _ => false,
    }
}

impl From<f64> for Fact {
    /// What is not finite becomes `null`, as in `serde_json`.
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::F64(number) } else { Self::Null }
    }
}

impl From<i64> for Fact {
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Self::I64(number), Self::U64)
    }
}

impl<T: Into<Self>> From<Option<T>> for Fact {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from {
    ($($from:ty => |$it:ident| $fact:expr,)+) => {
        $(impl From<$from> for Fact {
            fn from($it: $from) -> Self {
                $fact
            }
        })+
    };
}

from! {
    bool => |it| Self::Bool(it),
    u64 => |it| Self::U64(it),
    u32 => |it| Self::U64(it.into()),
    u16 => |it| Self::U64(it.into()),
    usize => |it| Self::U64(it as u64),
    i32 => |it| i64::from(it).into(),
    Text => |it| Self::Text(it),
    &str => |it| Self::Text(Arc::<str>::from(it).into()),
    String => |it| Self::Text(Arc::<str>::from(it).into()),
    Arc<str> => |it| Self::Text(it.into()),
    Cow<'static, str> => |it| match it {
        Cow::Borrowed(text) => Self::Text(text.into()),
        Cow::Owned(text) => text.into(),
    },
    Vec<Value> => |it| Value::Array(it).into(),
    Map<String, Value> => |it| Value::Object(it).into(),
}

impl PartialEq<Value> for Fact {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Text(text), Value::String(other)) => **text == **other,
            (Self::Json(value), other) => **value == *other,
            (Self::Bool(it), other) => other == it,
            (Self::Null, other) => other.is_null(),
            (Self::U64(number), Value::Number(other)) => other.as_u64() == Some(*number),
            (Self::I64(number), Value::Number(other)) => other.as_i64() == Some(*number),
            (Self::F64(number), Value::Number(other)) => {
                other.is_f64() && other.as_f64() == Some(*number)
            }
            _ => false,
        }
    }
}

/// Compares with what a value of `serde_json` compares with.
macro_rules! compare {
    ($($other:ty => |$fact:ident, $it:ident| $equal:expr,)+) => {
        $(impl PartialEq<$other> for Fact {
            fn eq(&self, $it: &$other) -> bool {
                let $fact = self;
                $equal
            }
        }

        impl PartialEq<$other> for &Fact {
            fn eq(&self, $it: &$other) -> bool {
                let $fact = *self;
                $equal
            }
        })+
    };
}

compare! {
    str => |fact, it| fact.as_str() == Some(it),
    String => |fact, it| fact.as_str() == Some(it.as_str()),
    bool => |fact, it| fact.as_bool() == Some(*it),
    u64 => |fact, it| fact.as_u64() == Some(*it),
    i64 => |fact, it| match fact {
        Fact::U64(number) => i64::try_from(*number) == Ok(*it),
        Fact::I64(number) => number == it,
        _ => false,
    },
    i32 => |fact, it| *fact == i64::from(*it),
    f64 => |fact, it| fact.as_f64() == Some(*it),
}

impl PartialEq<&str> for Fact {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As JSON.
impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_value(), f)
    }
}

impl Serialize for Fact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(it) => serializer.serialize_bool(*it),
            Self::U64(number) => serializer.serialize_u64(*number),
            Self::I64(number) => serializer.serialize_i64(*number),
            Self::F64(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Json(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Fact;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<Fact, E> {
                Ok(Fact::Null)
            }

            fn visit_bool<E>(self, it: bool) -> Result<Fact, E> {
                Ok(it.into())
            }

            fn visit_u64<E>(self, number: u64) -> Result<Fact, E> {
                Ok(number.into())
            }

            fn visit_i64<E>(self, number: i64) -> Result<Fact, E> {
                Ok(number.into())
            }

            fn visit_f64<E>(self, number: f64) -> Result<Fact, E> {
                Ok(number.into())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Fact, E> {
                Ok(text.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Fact, A::Error> {
                Value::deserialize(SeqAccessDeserializer::new(items)).map(Fact::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, pairs: A) -> Result<Fact, A::Error> {
                Value::deserialize(MapAccessDeserializer::new(pairs)).map(Fact::from)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// A text that is a literal or shared: it is handed on without a copy.
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Literal(&'static str),
    Shared(Arc<str>),
}

impl Text {
    pub(crate) const fn literal(text: &'static str) -> Self {
        Self(Repr::Literal(text))
    }

    pub(crate) const fn is_literal(&self) -> bool {
        matches!(self.0, Repr::Literal(_))
    }

    /// The text as a shared one. Only a literal is copied.
    pub(crate) fn to_shared(&self) -> Arc<str> {
        match &self.0 {
            Repr::Literal(text) => Arc::from(*text),
            Repr::Shared(text) => Arc::clone(text),
        }
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Repr::Literal(text))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Self(Repr::Shared(text))
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match &self.0 {
            Repr::Literal(text) => text,
            Repr::Shared(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}
