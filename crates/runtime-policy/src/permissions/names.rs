//! [`FoldedNames`]: names that are compared without regard to case.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// Names in lower case. A list of tools is short: comparing a few names is faster than hashing one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FoldedNames(BTreeSet<Box<str>>);

impl FoldedNames {
    /// Whether a name that [`fold`] returned is one of them.
    pub(super) fn contains(&self, folded: &str) -> bool {
        self.0.contains(folded)
    }
}

impl<'a> FromIterator<&'a str> for FoldedNames {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(names.into_iter().map(|name| fold(name).into()).collect())
    }
}

/// The name in lower case. It is allocated only if it differs.
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}
