//! The free-form part of an event.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::mem;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::fact::Fact;

/// A JSON object whose keys, when they are literals, cost no allocation.
///
/// A turn emits two events with a handful of known keys each; a hash map of owned strings
/// would cost more than the rest of the turn. Keys keep the order they came in, and two
/// objects are equal when they hold the same pairs in any order, as in JSON.
///
/// ```
/// use runtime_events::Data;
///
/// let data = Data::new().with("model", "gpt-5").with("output_tokens", 120);
/// assert_eq!(data.get("output_tokens").and_then(|n| n.as_u64()), Some(120));
/// assert_eq!(serde_json::to_string(&data)?, r#"{"model":"gpt-5","output_tokens":120}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Data {
    entries: Entries,
}

pub(crate) type Entry = (Cow<'static, str>, Fact);

/// The pairs of an object.
#[derive(Clone)]
enum Entries {
    /// Pairs that never change.
    Fixed(&'static [Entry]),
    /// Each event of a tool has one, and so has the start of most turns.
    One([Entry; 1]),
    Many(Vec<Entry>),
}

impl Data {
    /// An empty object.
    pub const fn new() -> Self {
        Self { entries: Entries::Fixed(&[]) }
    }

    /// An object of pairs, each key once.
    pub(crate) const fn of(pairs: Vec<Entry>) -> Self {
        Self { entries: Entries::Many(pairs) }
    }

    /// An object whose pairs are literals, each key once. It allocates nothing until it is changed.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// use runtime_events::payload::StatusChanged;
    /// use runtime_events::{Data, Fact};
    ///
    /// static RESUMED: [(Cow<str>, Fact); 2] = StatusChanged::literals("waiting", "running");
    /// assert_eq!(Data::fixed(&RESUMED), Data::new().with("from", "waiting").with("to", "running"));
    /// ```
    pub const fn fixed(entries: &'static [(Cow<'static, str>, Fact)]) -> Self {
        Self { entries: Entries::Fixed(entries) }
    }

    /// Sets `key` and hands the object on.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Fact>) -> Self {
        self.insert(key, value);
        self
    }

    /// Sets `key`, and returns what it held before.
    pub fn insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Fact>,
    ) -> Option<Fact> {
        let (key, value) = (key.into(), value.into());
        if let Entries::Fixed(entries @ [_, ..]) = self.entries {
            self.entries = Entries::Many(entries.to_vec());
        }
        if let Some((_, held)) = self.entries_mut().iter_mut().find(|(held, _)| *held == key) {
            return Some(mem::replace(held, value));
        }
        self.push(key, value);
        None
    }

    /// Sets a key that the object does not have.
    #[inline]
    pub(crate) fn push(&mut self, key: Cow<'static, str>, value: Fact) {
        let entry = (key, value);
        match &mut self.entries {
            Entries::Many(entries) => entries.push(entry),
            Entries::Fixed([]) => self.entries = Entries::One([entry]),
            few => few.grow(entry),
        }
    }

    /// What `key` holds. Takes a step per key: this is for objects of a few keys.
    pub fn get(&self, key: &str) -> Option<&Fact> {
        self.entries().iter().find(|(held, _)| held == key).map(|(_, value)| value)
    }

    /// The pairs, in the order they came in.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Fact)> {
        self.entries().iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// The pairs, whose values may be changed. Fixed ones are left out.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Fact)> {
        self.entries_mut().iter_mut().map(|(key, value)| (&**key, value))
    }

    /// Renames the keys that are no literals. Of two that become equal, the last stays.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> Cow<'_, str>) {
        let changes = |key: &Cow<'static, str>| match key {
            Cow::Borrowed(_) => false,
            Cow::Owned(key) => matches!(name(key), Cow::Owned(_)),
        };
        if self.entries().iter().any(|(key, _)| changes(key)) {
            let pairs = mem::take(&mut self.entries).into_vec().into_iter();
            *self = pairs.map(|(key, value)| (name(&key).into_owned(), value)).collect();
        }
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    fn entries(&self) -> &[Entry] {
        match &self.entries {
            Entries::Fixed(entries) => entries,
            Entries::One(entry) => entry,
            Entries::Many(entries) => entries,
        }
    }

    /// The pairs that may be changed.
    fn entries_mut(&mut self) -> &mut [Entry] {
        match &mut self.entries {
            Entries::Fixed(_) => &mut [],
            Entries::One(entry) => entry,
            Entries::Many(entries) => entries,
        }
    }
}

impl Entries {
    /// Adds a pair to a few.
    fn grow(&mut self, entry: Entry) {
        let mut entries = Vec::with_capacity(4);
        entries.extend(mem::take(self).into_vec());
        entries.push(entry);
        *self = Self::Many(entries);
    }

    fn into_vec(self) -> Vec<Entry> {
        match self {
            Self::Fixed(entries) => entries.to_vec(),
            Self::One(entry) => entry.into(),
            Self::Many(entries) => entries,
        }
    }
}

/// Adds a pair. Where there is room, it is written in its place: one that a call could drop is built elsewhere, and
/// read back before it is written.
#[inline]
pub(crate) fn add(pairs: &mut Vec<Entry>, key: &'static str, fact: Fact) {
    if pairs.len() < pairs.capacity() {
        pairs.push((Cow::Borrowed(key), fact));
    } else {
        add_more(pairs, (Cow::Borrowed(key), fact));
    }
}

#[cold]
fn add_more(pairs: &mut Vec<Entry>, pair: Entry) {
    pairs.push(pair);
}

impl Default for Entries {
    fn default() -> Self {
        Self::Fixed(&[])
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        // The same order is the usual case, and needs no look-up.
        if self.entries() == other.entries() {
            return true;
        }
        let others: HashMap<&str, &Fact> = other.iter().collect();
        self.iter().all(|(key, value)| others.get(key) == Some(&value))
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<Map<String, Value>> for Data {
    fn from(object: Map<String, Value>) -> Self {
        let pairs = object.into_iter().map(|(key, value)| (Cow::Owned(key), value.into()));
        Self::of(pairs.collect())
    }
}

/// A JSON value that is not an object, and so not the data of an event.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("event data must be a JSON object, but is {value}")]
#[non_exhaustive]
pub struct NotAnObjectError {
    /// The value that was given.
    pub value: Value,
}

/// What `json!({ … })` makes.
///
/// ```
/// use runtime_events::{AgentEvent, Data};
/// use serde_json::json;
///
/// let data = Data::try_from(json!({ "attempt": 2 }))?;
/// let event = AgentEvent::started("writer", "draft").with_data(data);
/// assert!(event.to_json().ends_with(r#""data":{"attempt":2}}"#));
/// assert!(Data::try_from(json!(2)).is_err());
/// # Ok::<(), runtime_events::NotAnObjectError>(())
/// ```
impl TryFrom<Value> for Data {
    type Error = NotAnObjectError;

    fn try_from(value: Value) -> Result<Self, NotAnObjectError> {
        match value {
            Value::Object(object) => Ok(object.into()),
            value => Err(NotAnObjectError { value }),
        }
    }
}

impl From<Data> for Map<String, Value> {
    fn from(data: Data) -> Self {
        let entries = data.entries.into_vec().into_iter();
        entries.map(|(key, value)| (key.into_owned(), value.into())).collect()
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Self::Object(data.into())
    }
}

impl<K: Into<Cow<'static, str>>, V: Into<Fact>> FromIterator<(K, V)> for Data {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
        Self::of(distinct(pairs.collect()))
    }
}

/// The pairs with each key once: at its first place, with its last value, as [`Data::insert`] leaves
/// them.
///
/// The keys are hashed: hostile input may have them by the thousand, and repeat them.
fn distinct<K: Hash + Eq, V>(pairs: Vec<(K, V)>) -> Vec<(K, V)> {
    let mut found = HashMap::with_capacity(pairs.len());
    let mut places = Vec::with_capacity(pairs.len());
    for (key, _) in &pairs {
        let free = found.len();
        places.push(*found.entry(key).or_insert(free));
    }
    let kept = found.len();
    if kept == pairs.len() {
        return pairs;
    }
    let mut entries: Vec<(K, V)> = Vec::with_capacity(kept);
    for ((key, value), place) in pairs.into_iter().zip(places) {
        match entries.get_mut(place) {
            Some((_, held)) => *held = value,
            None => entries.push((key, value)),
        }
    }
    entries
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut pairs = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, Fact>()? {
                    pairs.push((Cow::Owned(key), value));
                }
                Ok(Data::of(distinct(pairs)))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use super::*;

    /// A key that counts its comparisons.
    #[derive(Debug)]
    struct Counted<'c>(u32, &'c Cell<usize>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Counted<'_> {}

    impl Hash for Counted<'_> {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn distinct_compares_each_key_a_few_times() {
        let compared = Cell::new(0);
        let keys = (0..10_000).chain(0..10_000);
        let pairs = keys.zip(0_u32..).map(|(key, value)| (Counted(key, &compared), value));
        let kept = distinct(pairs.collect());
        assert_eq!((kept.len(), kept[1].0.0, kept[1].1), (10_000, 1, 10_001));
        assert!(compared.get() < 100_000, "{} comparisons of 20,000 keys", compared.get());
    }
}
