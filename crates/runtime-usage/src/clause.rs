//! [`Clause`]: a pattern for model names, as genai-prices writes them.

/// A test of a lower-case name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Clause {
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Contains(Box<str>),
    Equals(Box<str>),
    Any(Vec<Self>),
    All(Vec<Self>),
    /// A pattern that is not supported, such as a regular expression.
    Never,
}

impl Clause {
    /// Whether a name matches.
    pub(crate) fn fits(&self, name: &str) -> bool {
        match self {
            Self::StartsWith(text) => name.starts_with(&**text),
            Self::EndsWith(text) => name.ends_with(&**text),
            Self::Contains(text) => name.contains(&**text),
            Self::Equals(text) => name == &**text,
            Self::Any(clauses) => clauses.iter().any(|clause| clause.fits(name)),
            Self::All(clauses) => clauses.iter().all(|clause| clause.fits(name)),
            Self::Never => false,
        }
    }

    /// Calls `f` with each alternative.
    pub(crate) fn for_each_alternative(self, f: &mut impl FnMut(Self)) {
        match self {
            Self::Any(clauses) => {
                for clause in clauses {
                    clause.for_each_alternative(f);
                }
            }
            other => f(other),
        }
    }
}
