//! All prices of a table: by name, and by clauses for names that are not known.

use std::collections::HashSet;
use std::sync::Arc;

use crate::clause::Clause;
use crate::file::PriceList;
use crate::index::PrefixIndex;
use crate::prices::{ModelPrices, Named};

/// Prices under lower-case names, and under clauses that are asked in their order.
#[derive(Debug, Default)]
pub(crate) struct PriceBook {
    names: PrefixIndex,
    rules: Vec<Rule>,
}

/// Prices of the models whose names fit a clause.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) clause: Clause,
    pub(crate) prices: Arc<ModelPrices>,
}

impl PriceBook {
    /// The prices under a lower-case name or the longest beginning of it, else of the first
    /// clause it fits.
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

    /// Adds a list. Its clauses are asked before those that were there.
    pub(crate) fn merge(&mut self, list: PriceList) {
        let (prices, mut rules) = list.into_parts();
        for (name, prices) in prices {
            self.names.insert(&name, prices);
        }
        // Who loads the same list every day does not ask its clauses twice.
        let new: HashSet<Clause> = rules.iter().map(|rule| rule.clause.clone()).collect();
        rules.extend(self.rules.drain(..).filter(|rule| !new.contains(&rule.clause)));
        self.rules = rules;
    }

    /// The number of names.
    pub(crate) const fn len(&self) -> usize {
        self.names.len()
    }

    /// All prices with their names, sorted.
    pub(crate) fn to_vec(&self) -> Vec<Named> {
        self.names.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::PriceReader;

    #[test]
    fn a_list_that_is_loaded_every_day_does_not_make_the_book_grow() {
        let list = PriceReader::new()
            .read(
                r#"[{"id": "p", "models": [{"id": "m", "match": {"contains": "a"},
                    "prices": {"input_mtok": 1, "output_mtok": 1}}]}]"#,
            )
            .unwrap();
        let mut book = PriceBook::default();
        for _ in 0..3 {
            book.merge(list.clone());
            assert_eq!((book.rules.len(), book.len()), (1, 2));
        }
    }
}
