//! JSON, as the readers of replies look at it: a parsed [`Value`], or the [flat](super::flat) form of a body.

use serde_json::{Number, Value};

/// A place in a JSON document.
pub(super) trait Json<'a>: Copy {
    fn text(self) -> Option<&'a str>;
    fn number(self) -> Option<Number>;
    fn is_null(self) -> bool;
    fn is_object(self) -> bool;
    /// The items of a list; of anything else, `None`.
    fn items(self) -> Option<impl Iterator<Item = Self>>;
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

    /// The field whose name comes first in the alphabet, in whatever order a parser keeps them.
    fn first_field(self) -> Option<(&'a str, Self)> {
        self.fields()?.reduce(|first, field| if field.0 <= first.0 { field } else { first })
    }
}

impl<'a> Json<'a> for &'a Value {
    #[inline]
    fn text(self) -> Option<&'a str> {
        self.as_str()
    }

    fn number(self) -> Option<Number> {
        self.as_number().cloned()
    }

    #[inline]
    fn is_null(self) -> bool {
        Value::is_null(self)
    }

    #[inline]
    fn is_object(self) -> bool {
        Value::is_object(self)
    }

    fn items(self) -> Option<impl Iterator<Item = Self>> {
        Some(self.as_array()?.iter())
    }

    fn fields(self) -> Option<impl Iterator<Item = (&'a str, Self)>> {
        Some(self.as_object()?.iter().map(|(name, value)| (name.as_str(), value)))
    }

    #[inline]
    fn get(self, name: &str) -> Option<Self> {
        /// So few names differ by their lengths before an ordered search has compared two of them.
        const FEW: usize = 16;
        let fields = self.as_object()?;
        if fields.len() > FEW {
            return fields.get(name);
        }
        fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    #[inline]
    fn is_at(self, other: Self) -> bool {
        std::ptr::eq(self, other)
    }
}
