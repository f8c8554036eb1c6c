//! The body of a reply as a flat list of borrowed values: it is read once and thrown away.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::json::Json;

/// A longer body is not read: no error needs it, and an echo of the request may have any size.
const LONGEST: usize = 64 * 1024;

/// A JSON document: its values in the order of the text, each before what is inside it. An empty one is
/// `null`.
pub(super) struct Flat<'a> {
    values: Vec<Node<'a>>,
}

/// A value of the document.
struct Node<'a> {
    /// Its name in the object around it.
    name: Cow<'a, str>,
    value: Part<'a>,
    /// The place after the last value inside it.
    end: usize,
}

enum Part<'a> {
    Null,
    Bool,
    Number(Number),
    Text(Cow<'a, str>),
    List,
    Object,
}

impl<'a> Flat<'a> {
    /// The body as JSON, or its plain text, or a page; `null` if it is none of them.
    pub(super) fn of(body: &'a [u8]) -> Self {
        let text = if body.len() > LONGEST { "" } else { str::from_utf8(body).unwrap_or_default() };
        if text.is_empty() { Self { values: Vec::new() } } else { Self::of_text(text) }
    }

    /// As [`of`](Self::of), of a text.
    fn of_text(text: &'a str) -> Self {
        /// More than the error of a provider has.
        const USUAL: usize = 16;
        let mut flat = Self { values: Vec::with_capacity(USUAL) };
        // Deep nesting is an error in serde_json, not a stack overflow.
        let mut json = serde_json::Deserializer::from_str(text);
        let read = flat.inside(Cow::Borrowed("")).deserialize(&mut json);
        if read.and_then(|()| json.end()).is_err() {
            flat.values.clear();
            flat.put_plain(text);
        }
        flat
    }

    /// A text for people, or a page. JSON that is cut off is none.
    #[cold]
    fn put_plain(&mut self, text: &'a str) {
        let text = text.trim_ascii();
        // A page is the name of a `null`: nothing but its own reader may take it for a text.
        let (name, value) = match text.as_bytes().first() {
            None | Some(b'{' | b'[' | b'"') => return,
            Some(b'<') => (text, Part::Null),
            Some(_) => ("", Part::Text(Cow::Borrowed(text))),
        };
        self.values.push(Node { name: Cow::Borrowed(name), value, end: 1 });
    }

    /// The document as a value.
    pub(super) fn root(&self) -> At<'_> {
        At { values: &self.values, place: 0 }
    }

    const fn inside(&mut self, name: Cow<'a, str>) -> Next<'_, 'a> {
        Next { values: &mut self.values, name }
    }
}

/// A value of a [`Flat`].
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    values: &'a [Node<'a>],
    place: usize,
}

impl<'a> At<'a> {
    #[inline]
    fn node(self) -> Option<&'a Node<'a>> {
        self.values.get(self.place)
    }

    /// The values directly inside it.
    #[inline]
    fn inside(self) -> impl Iterator<Item = (&'a str, Self)> {
        let end = self.node().map_or(0, |node| node.end);
        let mut place = self.place + 1;
        std::iter::from_fn(move || {
            let node = self.values.get(place).filter(|_| place < end)?;
            let here = Self { place, ..self };
            place = node.end;
            Some((&*node.name, here))
        })
    }
}

impl<'a> Json<'a> for At<'a> {
    #[inline]
    fn text(self) -> Option<&'a str> {
        match &self.node()?.value {
            Part::Text(text) => Some(text),
            _ => None,
        }
    }

    fn number(self) -> Option<Number> {
        match &self.node()?.value {
            Part::Number(number) => Some(number.clone()),
            _ => None,
        }
    }

    #[inline]
    fn is_null(self) -> bool {
        self.node().is_none_or(|node| matches!(node.value, Part::Null))
    }

    #[inline]
    fn is_object(self) -> bool {
        self.node().is_some_and(|node| matches!(node.value, Part::Object))
    }

    #[inline]
    fn is_at(self, other: Self) -> bool {
        self.place == other.place
    }

    fn page(self) -> Option<&'a str> {
        let root = self.node().filter(|_| self.place == 0)?;
        Some(&*root.name).filter(|page| !page.is_empty())
    }

    fn items(self) -> Option<impl Iterator<Item = Self>> {
        let list = matches!(self.node()?.value, Part::List);
        list.then(|| self.inside().map(|(_, item)| item))
    }

    #[inline]
    fn names(self) -> Option<impl Iterator<Item = &'a str>> {
        self.is_object().then(|| self.inside().map(|(name, _)| name))
    }

    fn fields(self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        self.is_object().then(|| self.inside())
    }

    #[inline]
    fn get(self, name: &str) -> Option<Self> {
        let fields = self.inside().filter(|(known, _)| *known == name);
        if self.is_object() { fields.last().map(|(_, value)| value) } else { None }
    }
}

/// The place for the next value.
struct Next<'v, 'a> {
    values: &'v mut Vec<Node<'a>>,
    name: Cow<'a, str>,
}

impl<'a> Next<'_, 'a> {
    #[inline]
    fn put(self, value: Part<'a>) {
        let end = self.values.len() + 1;
        self.values.push(Node { name: self.name, value, end });
    }
}

impl<'a> DeserializeSeed<'a> for Next<'_, 'a> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

/// As `serde_json` reads a `Value`.
impl<'a> Visitor<'a> for Next<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.put(Part::Null);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.put(Part::Bool);
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.put(Part::Number(number.into()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.put(Part::Number(number.into()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.put(Number::from_f64(number).map_or(Part::Null, Part::Number));
        Ok(())
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<(), E> {
        self.put(Part::Text(Cow::Borrowed(text)));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.put(Part::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<(), A::Error> {
        let (at, Next { values, name }) = (self.values.len(), self);
        values.push(Node { name, value: Part::List, end: 0 });
        while list.next_element_seed(Next { values, name: Cow::Borrowed("") })?.is_some() {}
        values[at].end = values.len();
        Ok(())
    }

    #[inline]
    fn visit_map<A: MapAccess<'a>>(self, mut fields: A) -> Result<(), A::Error> {
        /// How `serde_json` gives a number if anybody in the build turns on its `arbitrary_precision`.
        const NUMBER: &str = "$serde_json::private::Number";
        let (at, Next { values, name }) = (self.values.len(), self);
        values.push(Node { name, value: Part::Object, end: 0 });
        while let Some(name) = fields.next_key_seed(Text)? {
            if name == NUMBER {
                let number = fields.next_value_seed(Text)?.parse().map_err(de::Error::custom)?;
                values[at].value = Part::Number(number);
                break;
            }
            fields.next_value_seed(Next { values, name })?;
        }
        values[at].end = values.len();
        Ok(())
    }
}

/// A text, borrowed unless it has escapes.
struct Text;

impl<'a> DeserializeSeed<'a> for Text {
    type Value = Cow<'a, str>;

    #[inline]
    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Cow<'a, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'a> Visitor<'a> for Text {
    type Value = Cow<'a, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, text: &'a str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'a, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
