//! The conditions of a row.

use std::fmt;

use super::body;
use super::field::{Reply, ReplyField};
use super::headers::Headers;

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
            Self::Has(parts) => has_any(text, parts),
            Self::Exists => true,
        }
    }
}

/// Whether the beginning of `text` contains any of `parts`, in any case.
pub(super) fn has_any(text: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| contains(text, part))
}

/// Whether the beginning of `text` contains `part`, in any case. The rest of a long text is a
/// quotation.
fn contains(text: &str, part: &str) -> bool {
    const LONGEST: usize = 1024;
    let (text, part) = (&text.as_bytes()[..text.len().min(LONGEST)], part.as_bytes());
    let (Some(first), Some(last)) = (part.first(), part.last()) else { return true };
    // Only letters have a second form. The comparison separates the other characters of the bit.
    let alike = |a: u8, b: u8| a | 0x20 == b | 0x20;
    text.windows(part.len()).any(|here| {
        alike(here[0], *first)
            && alike(here[part.len() - 1], *last)
            && here.eq_ignore_ascii_case(part)
    })
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
