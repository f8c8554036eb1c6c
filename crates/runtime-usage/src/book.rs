//! The prices of a table, by name, and by pattern for names that are not known.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use thiserror::Error;

use crate::names::{self, NameMatch, with_lower_case};
use crate::prices::{ModelPrices, Named};

/// Prices under lower-case names, and under patterns that are tried in order.
#[derive(Debug, Default)]
pub(crate) struct PriceBook {
    names: BTreeMap<Box<str>, Arc<ModelPrices>>,
    rules: Vec<Rule>,
    /// Whether a name also has the prices of the longest entry that it begins with.
    pub(crate) by_beginning: bool,
}

/// The prices of the models whose names match a pattern of a provider.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) provider: Arc<RuleProvider>,
    pub(crate) clause: Clause,
    pub(crate) prices: Arc<ModelPrices>,
}

/// A provider with patterns.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct RuleProvider {
    /// Its name, which stands before the bare name of a model: `openai/gpt-5`.
    pub(crate) id: Box<str>,
    /// The names that are its own: no other provider's pattern prices them.
    pub(crate) own: Clause,
}

impl PriceBook {
    /// The prices of a lower-case name, and how it found them.
    pub(crate) fn resolve(&self, name: &str) -> Option<(&Arc<ModelPrices>, NameMatch)> {
        if let Some(prices) = self.names.get(name) {
            return Some((prices, NameMatch::Exact));
        }
        if let Some(prices) = self.by_beginning(name) {
            return Some((prices, NameMatch::Beginning));
        }
        if let Some(prices) = self.by_rule(name) {
            return Some((prices, NameMatch::Pattern));
        }
        names::forms(name).find_map(|(form, how)| self.names.get(form).map(|prices| (prices, how)))
    }

    /// A provider's pattern prices the models that stand behind its name, and its own bare names.
    /// A bare name that no provider has for its own belongs to the first pattern that it matches.
    fn by_rule(&self, name: &str) -> Option<&Arc<ModelPrices>> {
        let mut is_owned = false;
        let mut other = None;
        for Rule { provider, clause, prices } in &self.rules {
            let qualified =
                name.strip_prefix(&*provider.id).and_then(|rest| rest.strip_prefix('/'));
            if qualified.is_some_and(|model| clause.fits(model)) {
                return Some(prices);
            }
            let is_own = provider.own.fits(name);
            is_owned |= is_own;
            if clause.fits(name) {
                if is_own {
                    return Some(prices);
                }
                other = other.or(Some(prices));
            }
        }
        other.filter(|_| !is_owned)
    }

    fn by_beginning(&self, name: &str) -> Option<&Arc<ModelPrices>> {
        let ends = name.char_indices().map(|(end, _)| end).rev();
        let mut beginnings = ends.filter(|_| self.by_beginning).map(|end| &name[..end]);
        beginnings.find_map(|beginning| self.names.get(beginning))
    }

    /// Sets the prices of a model. Returns the prices that they replace.
    pub(crate) fn insert(
        &mut self,
        model: &str,
        prices: Arc<ModelPrices>,
    ) -> Option<Arc<ModelPrices>> {
        with_lower_case(model, |name| self.names.insert(name.into(), prices))
    }

    /// Adds prices under lower-case names, and patterns that are tried before the existing ones.
    pub(crate) fn merge(&mut self, prices: Vec<Named>, mut rules: Vec<Rule>) {
        self.names.extend(prices);
        // Loading the same list every day must not repeat its patterns.
        let of = |rule: &Rule| (Arc::clone(&rule.provider), rule.clause.clone());
        let new: HashSet<_> = rules.iter().map(of).collect();
        rules.extend(self.rules.drain(..).filter(|rule| !new.contains(&of(rule))));
        self.rules = rules;
    }

    /// All names and their prices, sorted by name.
    pub(crate) fn to_vec(&self) -> Vec<Named> {
        self.names.iter().map(|(name, prices)| (name.clone(), Arc::clone(prices))).collect()
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

/// Refuses a blank name.
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
        let provider = Arc::new(RuleProvider { id: "p".into(), own: Clause::Never });
        let clause = Clause::Contains("a".into());
        let rules = vec![Rule { provider, clause, prices: Arc::clone(&prices) }];
        let mut book = PriceBook::default();
        for _ in 0..3 {
            book.merge(vec![("m".into(), Arc::clone(&prices))], rules.clone());
            assert_eq!((book.rules.len(), book.to_vec().len()), (1, 1));
        }
    }
}
