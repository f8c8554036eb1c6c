//! JSON, as the readers of replies look at it: a [`Parsed`] value, or the [flat](super::flat) form of a body.

use serde_json::{Number, Value};

/// A place in a JSON document.
pub(super) trait Json<'a>: Copy {
    fn text(self) -> Option<&'a str>;
    fn number(self) -> Option<Number>;
    fn is_null(self) -> bool;
    fn is_object(self) -> bool;
    /// The items of a list; of anything else, `None`.
    fn items(self) -> Option<impl Iterator<Item = Self>>;
    /// The names of an object's fields; of anything else, `None`.
    fn names(self) -> Option<impl Iterator<Item = &'a str>>;
    /// The fields of an object; of anything else, `None`.
    fn fields(self) -> Option<impl Iterator<Item = (&'a str, Self)>>;
    /// The last field of this name, as parsers keep it.
    fn get(self, name: &str) -> Option<Self>;

    /// Whether it is the same place.
    fn is_at(self, other: Self) -> bool;

    /// A page for people, in place of a document.
    fn page(self) -> Option<&'a str> {
        None
    }

    fn first_item(self) -> Option<Self> {
        self.items()?.next()
    }

    /// The name of an exception as the first field has it, in whatever order a parser keeps them.
    fn exception(self) -> Option<&'a str> {
        self.names()?.min().filter(|name| name.ends_with("Exception"))
    }
}

/// What names an object may have. Nearly all names that are looked for are in no reply, and most of those are not
/// compared with any.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Names(u64);

impl Names {
    const ANY: Self = Self(u64::MAX);

    #[inline]
    const fn add(&mut self, name: &str) {
        self.0 |= Self::bit(name);
    }

    #[inline]
    const fn may_have(self, name: &str) -> bool {
        self.0 & Self::bit(name) != 0
    }

    /// By the length and the first letter: of names that the compiler knows, it is known, too.
    #[inline]
    const fn bit(name: &str) -> u64 {
        let first = if let [first, ..] = name.as_bytes() { *first as usize } else { 0 };
        1 << ((first + 11 * name.len()) % 64)
    }
}

/// A parsed value, with the names that it may have.
#[derive(Clone, Copy)]
pub(super) struct Parsed<'a> {
    value: &'a Value,
    names: Names,
}

impl<'a> Parsed<'a> {
    pub(super) const NULL: Self = Self { value: &Value::Null, names: Names(0) };

    #[inline]
    pub(super) fn of(value: &'a Value) -> Self {
        /// With so few names, none is looked up in order: they differ by their lengths before that has compared two.
        const FEW: usize = 16;
        let mut names = Names::default();
        match value.as_object() {
            Some(fields) if fields.len() > FEW => names = Names::ANY,
            Some(fields) => fields.keys().for_each(|name| names.add(name)),
            None => {}
        }
        Self { value, names }
    }

    /// Apart, since most names are not there.
    #[inline(never)]
    fn find(self, name: &str) -> Option<Self> {
        let fields = self.value.as_object()?;
        if self.names == Names::ANY {
            return fields.get(name).map(Self::of);
        }
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| Self::of(value))
    }
}

impl<'a> Json<'a> for Parsed<'a> {
    #[inline]
    fn text(self) -> Option<&'a str> {
        self.value.as_str()
    }

    fn number(self) -> Option<Number> {
        self.value.as_number().cloned()
    }

    #[inline]
    fn is_null(self) -> bool {
        self.value.is_null()
    }

    #[inline]
    fn is_object(self) -> bool {
        self.value.is_object()
    }

    fn items(self) -> Option<impl Iterator<Item = Self>> {
        Some(self.value.as_array()?.iter().map(Self::of))
    }

    #[inline]
    fn names(self) -> Option<impl Iterator<Item = &'a str>> {
        Some(self.value.as_object()?.keys().map(String::as_str))
    }

    fn fields(self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        let fields = self.value.as_object()?.iter();
        Some(fields.map(|(name, value)| (name.as_str(), Self::of(value))))
    }

    #[inline]
    fn get(self, name: &str) -> Option<Self> {
        if self.names.may_have(name) { self.find(name) } else { None }
    }

    #[inline]
    fn is_at(self, other: Self) -> bool {
        std::ptr::eq(self.value, other.value)
    }
}
