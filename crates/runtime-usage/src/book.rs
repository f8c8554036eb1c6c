//! The prices of a table, by name, and by pattern for names that are not known.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clause::Clause;
use crate::file::PriceList;
use crate::index::PrefixIndex;
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

    pub(crate) fn insert(
        &mut self,
        name: &str,
        prices: Arc<ModelPrices>,
    ) -> Option<Arc<ModelPrices>> {
        self.names.insert(name, prices)
    }

    /// Adds a list. Its patterns are tried before the existing ones.
    pub(crate) fn merge(&mut self, list: PriceList) {
        let PriceList { prices, mut rules, .. } = list;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::PriceReader;

    #[test]
    fn loading_the_same_list_again_does_not_grow_the_book() {
        let list = PriceReader::new()
            .read(
                r#"[{"id": "p", "models": [{"id": "m", "match": {"contains": "a"},
                    "prices": {"input_mtok": 1, "output_mtok": 1}}]}]"#,
            )
            .unwrap();
        let mut book = PriceBook::default();
        for _ in 0..3 {
            book.merge(list.clone());
            assert_eq!((book.rules.len(), book.to_vec().len()), (1, 2));
        }
    }
}
