//! The conditions of a row.

use std::fmt;

use super::body;
use super::field::{Reply, ReplyField};
use super::headers::Headers;
use super::search::contains;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) field: ReplyField,
    pub(super) matcher: Matcher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matcher {
    /// The whole field is one of these.
    Is(&'static [&'static str]),
    /// The field begins with one of these.
    Begins(&'static [&'static str]),
    /// The field contains one of these.
    Has(&'static [&'static str]),
    /// The field is present.
    Exists,
}

impl Condition {
    #[inline]
    pub(super) fn holds<H: Headers + ?Sized>(&self, reply: &Reply<'_, H>) -> bool {
        if matches!(self.field, ReplyField::QuotaId) {
            return body::quota_ids(reply.error).any(|id| self.matcher.matches(id));
        }
        self.field.of(reply).is_some_and(|text| self.matcher.matches(text))
    }

    /// The words of which the field must have one, if it is a field that is looked up for each reply.
    pub(super) const fn words(&self) -> Option<&'static [&'static str]> {
        match self.matcher {
            Matcher::Is(words) | Matcher::Begins(words) | Matcher::Has(words)
                if self.field.is_looked_up() =>
            {
                Some(words)
            }
            _ => None,
        }
    }
}

impl Matcher {
    #[inline]
    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Is(values) => values
                .iter()
                .any(|value| text.len() == value.len() && text.eq_ignore_ascii_case(value)),
            Self::Begins(parts) => parts.iter().any(|part| {
                let start = text.as_bytes().get(..part.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
            }),
            Self::Has(parts) => parts.iter().any(|part| contains(text, part)),
            Self::Exists => true,
        }
    }
}

impl<H: ?Sized> Reply<'_, H> {
    /// Whether the message contains any of `parts`, in any case.
    pub(super) fn says_any(&self, parts: &[&str]) -> bool {
        let Some(message) = self.message else { return false };
        parts.iter().any(|part| contains(message, part))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            ReplyField::Metadata(name) => write!(f, "`metadata.{name}`")?,
            field => write!(f, "`{}`", field.name())?,
        }
        let (verb, values) = match self.matcher {
            Matcher::Exists => return f.write_str(" is there"),
            Matcher::Is(values) => (" is", values),
            Matcher::Begins(values) => (" begins with", values),
            Matcher::Has(values) => (" has", values),
        };
        f.write_str(verb)?;
        for (place, value) in values.iter().enumerate() {
            f.write_str(if place == 0 { " " } else { ", " })?;
            write!(f, "`{value}`")?;
        }
        Ok(())
    }
}
