//! The conditions of a row.

use std::fmt;

use super::body;
use super::field::{Reply, ReplyField};
use super::json::Json;
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
    /// The field, or what stands behind a colon in it, begins with one of these, in quotes or without.
    Opens(&'static [&'static str]),
    /// The field contains one of these.
    Has(&'static [&'static str]),
    /// The field is present.
    Exists,
}

/// Words of which a reply must have one.
pub(super) enum Wanted {
    /// As one of the fields that are looked up for each reply.
    Whole(&'static [&'static str]),
    /// In the message.
    Part(&'static [&'static str]),
    /// In the code or the type.
    PartOfName(&'static [&'static str]),
}

impl Condition {
    #[inline]
    pub(super) fn holds<'a, N: Json<'a>>(&self, reply: &Reply<'a, N>) -> bool {
        if matches!(self.field, ReplyField::QuotaId) {
            return body::quota_ids(reply.error).any(|id| self.matcher.matches(id));
        }
        let more = match self.field {
            ReplyField::Message => reply.more,
            ReplyField::Name => ReplyField::Type.of(reply),
            _ => None,
        };
        self.field.of(reply).into_iter().chain(more).any(|text| self.matcher.matches(text))
    }

    /// The words of which a reply must have one, if an index can find them.
    pub(super) const fn wanted(&self) -> Option<Wanted> {
        match (self.matcher, self.field) {
            (Matcher::Is(words), ReplyField::Name) => Some(Wanted::Whole(words)),
            (Matcher::Is(words), field) if field.is_looked_up() => Some(Wanted::Whole(words)),
            (Matcher::Has(words), ReplyField::Name) => Some(Wanted::PartOfName(words)),
            (
                Matcher::Begins(words) | Matcher::Opens(words) | Matcher::Has(words),
                ReplyField::Message,
            ) => Some(Wanted::Part(words)),
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
            Self::Begins(parts) => begins(text, parts),
            Self::Opens(parts) => text
                .split(": ")
                .any(|said| begins(said.trim_start_matches(['"', '\'', '`']), parts)),
            Self::Has(parts) => parts.iter().any(|part| contains(text, part)),
            Self::Exists => true,
        }
    }
}

/// Whether a text begins with any of `parts`, in any case.
fn begins(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| {
        let start = text.as_bytes().get(..part.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(part.as_bytes()))
    })
}

impl<N> Reply<'_, N> {
    /// Whether a message contains any of `parts`, in any case.
    pub(super) fn says_any(&self, parts: &[&str]) -> bool {
        let says = |text: Option<&str>, part| text.is_some_and(|text| contains(text, part));
        parts.iter().any(|part| says(self.message, part) || says(self.more, part))
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
            Matcher::Opens(values) => (" begins, or goes on behind a colon, with", values),
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
