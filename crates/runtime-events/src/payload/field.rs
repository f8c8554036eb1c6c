//! How one field is written and read.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::fact::{Fact, Text};

/// A type of field. What is `None` as a fact is not written.
pub(crate) trait Field<'e>: Sized {
    fn fact(&self) -> Option<Fact>;
    fn of(source: Source<'e>) -> Self;
}

/// Where a field is read from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'e> {
    Fact(&'e Fact),
    Json(&'e Value),
}

impl<'e> From<&'e Fact> for Source<'e> {
    fn from(fact: &'e Fact) -> Self {
        Self::Fact(fact)
    }
}

impl<'e> From<&'e Value> for Source<'e> {
    fn from(value: &'e Value) -> Self {
        Self::Json(value)
    }
}

impl<'e> Source<'e> {
    fn as_u64(self) -> Option<u64> {
        match self {
            Self::Fact(fact) => fact.as_u64(),
            Self::Json(value) => value.as_u64(),
        }
    }

    fn as_f64(self) -> Option<f64> {
        match self {
            Self::Fact(fact) => fact.as_f64(),
            Self::Json(value) => value.as_f64(),
        }
    }

    fn as_bool(self) -> Option<bool> {
        match self {
            Self::Fact(fact) => fact.as_bool(),
            Self::Json(value) => value.as_bool(),
        }
    }

    fn as_word(self) -> Option<Word<'e>> {
        match self {
            Self::Fact(Fact::Text(text)) => Some(Word::Text(text)),
            Self::Fact(_) => None,
            Self::Json(value) => value.as_str().map(Word::Read),
        }
    }

    fn as_json(self) -> Option<&'e Value> {
        match self {
            Self::Fact(fact) => fact.as_json(),
            Self::Json(value) => Some(value),
        }
    }
}

/// A text that is written and read without a copy.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Word<'e> {
    /// A literal.
    Literal(&'static str),
    /// A text that the event will share.
    Shared(&'e Arc<str>),
    /// A text that an event has.
    Text(&'e Text),
    /// A text that has to be copied into the event.
    Read(&'e str),
}

impl<'e> Word<'e> {
    /// The text itself.
    #[expect(clippy::match_same_arms, reason = "the lifetimes differ")]
    pub fn as_str(self) -> &'e str {
        match self {
            Self::Literal(text) => text,
            Self::Read(text) => text,
            Self::Shared(text) => text,
            Self::Text(text) => text,
        }
    }

    /// The text as a shared one, without a copy where that is possible.
    #[expect(clippy::match_same_arms, reason = "the lifetimes differ")]
    pub fn to_shared(self) -> Arc<str> {
        match self {
            Self::Literal(text) => Arc::from(text),
            Self::Read(text) => Arc::from(text),
            Self::Shared(text) => Arc::clone(text),
            Self::Text(text) => text.to_shared(),
        }
    }
}

impl PartialEq for Word<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<'e> From<&'e Arc<str>> for Word<'e> {
    fn from(text: &'e Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl<'e> From<&'e str> for Word<'e> {
    fn from(text: &'e str) -> Self {
        Self::Read(text)
    }
}

/// A list of texts.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Words<'e> {
    /// To be written.
    Written(&'e [&'e str]),
    /// As they were read. What is no text is passed over.
    Read(&'e [Value]),
}

impl<'e> Words<'e> {
    /// The texts, in order.
    pub fn iter(self) -> impl Iterator<Item = &'e str> {
        let (written, read) = match self {
            Self::Written(words) => (words, &[][..]),
            Self::Read(values) => (&[][..], values),
        };
        written.iter().copied().chain(read.iter().filter_map(Value::as_str))
    }

    /// The texts as one, with commas.
    pub fn join(self) -> String {
        self.iter().collect::<Vec<_>>().join(", ")
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// A value of any kind.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Any<'e> {
    /// A fact, which is shared.
    Fact(&'e Fact),
    /// A JSON value, which has to be copied into the event.
    Json(&'e Value),
}

impl<'e> Any<'e> {
    /// The array or object, if it is one.
    pub(crate) fn as_json(self) -> Option<&'e Value> {
        match self {
            Self::Fact(fact) => fact.as_json(),
            Self::Json(value) => Some(value),
        }
    }

    /// The objects, if it is a list of them.
    pub(crate) fn objects(self) -> impl Iterator<Item = &'e Map<String, Value>> {
        let items = self.as_json().and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_object)
    }

    /// A copy as a value of `serde_json`.
    pub fn to_value(self) -> Value {
        match self {
            Self::Fact(fact) => fact.to_value(),
            Self::Json(value) => value.clone(),
        }
    }
}

impl PartialEq for Any<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.to_value() == other.to_value()
    }
}

impl<'e> Field<'e> for Option<Word<'e>> {
    #[inline]
    fn fact(&self) -> Option<Fact> {
        Some(match (*self)? {
            Word::Literal(text) => Fact::Text(text.into()),
            Word::Shared(text) => Arc::clone(text).into(),
            Word::Text(text) => text.clone().into(),
            Word::Read(text) => text.into(),
        })
    }

    fn of(source: Source<'e>) -> Self {
        source.as_word()
    }
}

impl<'e> Field<'e> for Option<Words<'e>> {
    fn fact(&self) -> Option<Fact> {
        Some((*self)?.iter().collect::<Value>().into())
    }

    fn of(source: Source<'e>) -> Self {
        source.as_json()?.as_array().map(|items| Words::Read(items))
    }
}

impl<'e> Field<'e> for Option<Any<'e>> {
    fn fact(&self) -> Option<Fact> {
        Some(match (*self)? {
            Any::Fact(fact) => fact.clone(),
            Any::Json(value) => value.clone().into(),
        })
    }

    fn of(source: Source<'e>) -> Self {
        Some(match source {
            Source::Fact(fact) => Any::Fact(fact),
            Source::Json(value) => Any::Json(value),
        })
    }
}

macro_rules! fields {
    ($($type:ty: |$it:ident| $fact:expr, |$source:ident| $read:expr;)+) => {
        $(impl Field<'_> for $type {
            fn fact(&self) -> Option<Fact> {
                let $it = *self;
                $fact
            }

            fn of($source: Source<'_>) -> Self {
                $read
            }
        })+
    };
}

fields! {
    Option<u64>: |it| it.map(Fact::U64), |it| it.as_u64();
    Option<u32>: |it| it.map(Into::into), |it| it.as_u64()?.try_into().ok();
    Option<u16>: |it| it.map(Into::into), |it| it.as_u64()?.try_into().ok();
    Option<f64>: |it| it.map(Into::into), |it| it.as_f64();
    Option<bool>: |it| it.map(Fact::Bool), |it| it.as_bool();
    // Zero is not written.
    u64: |it| (it > 0).then_some(Fact::U64(it)), |it| it.as_u64().unwrap_or(0);
    // False is not written.
    bool: |it| it.then_some(Fact::Bool(true)), |it| it.as_bool().unwrap_or(false);
}
