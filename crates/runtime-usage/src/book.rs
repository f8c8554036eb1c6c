//! The prices of a table, by name, and by pattern for names that are not known.

use std::collections::HashSet;
use std::sync::Arc;

use thiserror::Error;

use crate::index::{PrefixIndex, with_lower_case};
use crate::prices::{ModelPrices, Named};

/// Prices under lower-case names, and under patterns that are tried in order.
#[derive(Debug, Default)]
pub(crate) struct PriceBook {
    names: PrefixIndex,
    rules: Vec<Rule>,
}

/// The prices of the models whose names match a pattern.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) clause: Clause,
    pub(crate) prices: Arc<ModelPrices>,
}

impl PriceBook {
    /// The prices of the longest entry that a lower-case name starts with, or else of the first pattern
    /// that it matches.
    pub(crate) fn resolve(&self, name: &str) -> Option<&Arc<ModelPrices>> {
        self.names.resolve(name).or_else(|| {
            self.rules.iter().find(|rule| rule.clause.fits(name)).map(|rule| &rule.prices)
        })
    }

    /// Sets the prices of a model. Returns the prices that they replace.
    pub(crate) fn insert(
        &mut self,
        model: &str,
        prices: Arc<ModelPrices>,
    ) -> Option<Arc<ModelPrices>> {
        with_lower_case(model, |name| self.names.insert(name, prices))
    }

    /// Adds prices under lower-case names, and patterns that are tried before the existing ones.
    pub(crate) fn merge(&mut self, prices: Vec<Named>, mut rules: Vec<Rule>) {
        for (name, prices) in prices {
            self.names.insert(&name, prices);
        }
        // Loading the same list every day must not repeat its patterns.
        let new: HashSet<Clause> = rules.iter().map(|rule| rule.clause.clone()).collect();
        rules.extend(self.rules.drain(..).filter(|rule| !new.contains(&rule.clause)));
        self.rules = rules;
    }

    /// All names and their prices, sorted by name.
    pub(crate) fn to_vec(&self) -> Vec<Named> {
        self.names.to_vec()
    }
}

/// A pattern for lower-case names, as genai-prices writes them.
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

    /// Its alternatives, each a pattern by itself.
    pub(crate) fn alternatives(self) -> Vec<Self> {
        match self {
            Self::Any(clauses) => clauses.into_iter().flat_map(Self::alternatives).collect(),
            other => vec![other],
        }
    }
}

/// The error for a price whose model name is blank.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("model name must not be empty")]
#[non_exhaustive]
pub struct EmptyModelNameError {}

/// Refuses a blank name, since every name starts with the empty one.
pub(crate) fn check_name(model: &str) -> Result<(), EmptyModelNameError> {
    if model.trim().is_empty() { Err(EmptyModelNameError {}) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pricing::ModelPricing;

    #[test]
    fn loading_the_same_list_again_does_not_grow_the_book() {
        let prices = Arc::new(ModelPricing::FREE.into());
        let rules =
            vec![Rule { clause: Clause::Contains("a".into()), prices: Arc::clone(&prices) }];
        let mut book = PriceBook::default();
        for _ in 0..3 {
            book.merge(vec![("m".into(), Arc::clone(&prices))], rules.clone());
            assert_eq!((book.rules.len(), book.to_vec().len()), (1, 1));
        }
    }
}
