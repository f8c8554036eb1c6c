//! [`PricingTable`]: the prices of all models.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard};

use thiserror::Error;

use crate::book::PriceBook;
use crate::cost::Cost;
use crate::diff::TableDiff;
use crate::file::{PriceList, PriceReader, PricingFileError, PricingParseError};
use crate::index::with_lower_case;
use crate::prices::{ModelPrices, Named};
use crate::pricing::ModelPricing;
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Prices by model; clones share them.
///
/// A model is found under its own name, whatever its case, or else under the longest name that
/// its own begins with: `model-a-20260514` costs what `model-a` does. Only where there is none, the
/// clauses that a price list brought are asked.
///
/// ```
/// use runtime_usage::{ModelPricing, PricingTable, Usd};
///
/// let table = PricingTable::new();
/// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
/// table.register("model-a", pricing)?;
///
/// assert_eq!(table.get("Model-A-20260514"), Some(pricing));
/// assert_eq!(table.get("model-b"), None);
/// # Ok::<(), runtime_usage::EmptyModelNameError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct PricingTable {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    prices: RwLock<PriceBook>,
    /// Counts the changes of `prices`.
    version: AtomicU64,
    missed: Mutex<HashSet<Box<str>>>,
}

/// How many models without a price are remembered, so that the names in hostile requests
/// cannot fill the memory.
const MISSED_LIMIT: usize = 1_024;

impl PricingTable {
    /// A table without prices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table of the process, which trackers use unless told otherwise. It starts empty.
    #[doc(alias = "PRICING_TABLE")]
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<PricingTable> = LazyLock::new(PricingTable::new);
        &GLOBAL
    }

    /// A table with the prices of a JSON text; see [`merge_json`](Self::merge_json).
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if anything in the text is not as it should be.
    pub fn from_json(json: &str) -> Result<Self, PricingParseError> {
        let table = Self::new();
        table.merge_json(json)?;
        Ok(table)
    }

    /// Sets the prices of a model, and returns the standard ones that they replace.
    ///
    /// # Errors
    ///
    /// [`EmptyModelNameError`] if the name is blank: every name begins with the empty one.
    pub fn register(
        &self,
        model: &str,
        prices: impl Into<ModelPrices>,
    ) -> Result<Option<ModelPricing>, EmptyModelNameError> {
        if is_blank(model) {
            return Err(EmptyModelNameError::new());
        }
        let prices = Arc::new(prices.into());
        let replaced = self.change(|book| with_lower_case(model, |name| book.insert(name, prices)));
        Ok(replaced.map(|prices| *prices.standard()))
    }

    /// Adds the prices of a JSON text, all or none, and returns how many models it names.
    ///
    /// The text is in one of the forms of [`PriceFormat`](crate::PriceFormat), which is recognised.
    /// [`PriceReader`] can be told more, and tells more. A model that already has a price gets
    /// the new one, and of two entries for one model the later one holds.
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if the text has none of these forms, or if an entry is broken; all
    /// broken ones are named. The table is as before then.
    ///
    /// ```
    /// use runtime_usage::PricingTable;
    ///
    /// let table = PricingTable::new();
    /// let error = table.merge_json(
    ///     r#"{"models": {
    ///         "model-a": {"input_per_million": 3, "output_per_million": 15},
    ///         "model-b": {"input_per_million": 3, "output_per_million": -15}
    ///     }}"#,
    /// );
    /// let text = error.unwrap_err().to_string();
    /// assert!(text.starts_with("prices at `models.model-b.output_per_million`: `-15` is not"));
    /// assert!(table.is_empty());
    /// ```
    pub fn merge_json(&self, json: &str) -> Result<usize, PricingParseError> {
        PriceReader::new().read(json).map(|list| self.merge(list))
    }

    /// Adds the prices of a file, all or none, and returns how many models it names; see
    /// [`merge_json`](Self::merge_json).
    ///
    /// # Errors
    ///
    /// [`PricingFileError`] if the file cannot be read or its text is refused. The table is as
    /// before then.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<usize, PricingFileError> {
        PriceReader::new().read_file(path).map(|list| self.merge(list))
    }

    /// Adds the prices of a list that was read, and returns how many models it names.
    pub fn merge(&self, list: PriceList) -> usize {
        let models = list.models();
        self.change(|book| book.merge(list));
        models
    }

    /// The standard price of a model with a short context: the one under its name, else under the
    /// longest beginning of it.
    pub fn get(&self, model: &str) -> Option<ModelPricing> {
        self.with_prices(model, |prices| *prices.standard())
    }

    /// All prices of a model.
    pub fn prices(&self, model: &str) -> Option<Arc<ModelPrices>> {
        self.with_prices(model, Arc::clone)
    }

    /// What this usage of a model costs in a service tier, line by line, if the model has a price.
    ///
    /// ```
    /// use runtime_usage::{ModelPricing, PricingTable, ServiceTier, UsageSnapshot, Usd};
    ///
    /// let table = PricingTable::new();
    /// table.register("m", ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15)))?;
    /// let usage = UsageSnapshot::new(1_000, 200);
    /// let cost = table.price("m", &usage, ServiceTier::Standard).expect("it has a price");
    /// assert_eq!(cost.total, "0.006".parse()?);
    /// assert_eq!(cost.items().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "explain")]
    pub fn price(&self, model: &str, usage: &UsageSnapshot, tier: ServiceTier) -> Option<Cost> {
        self.with_prices(model, |prices| prices.price(usage, tier))
    }

    /// Where this table and another disagree on a model.
    pub fn diff(&self, other: &Self) -> TableDiff {
        TableDiff::between(&self.to_prices(), &other.to_prices())
    }

    /// Whether the model has a price.
    pub fn contains(&self, model: &str) -> bool {
        self.with_prices(model, |_| ()).is_some()
    }

    /// What this usage of a model costs in the standard tier, if the model has a price.
    pub fn cost(&self, model: &str, usage: &UsageSnapshot) -> Option<Usd> {
        self.with_prices(model, |prices| prices.cost(usage, ServiceTier::Standard))
    }

    /// The number of models with a price of their own.
    pub fn len(&self) -> usize {
        self.book().len()
    }

    /// Whether there are no prices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All standard prices with the names they are kept under, sorted.
    pub fn to_vec(&self) -> Vec<(Box<str>, ModelPricing)> {
        self.to_prices().into_iter().map(|(name, prices)| (name, *prices.standard())).collect()
    }

    fn to_prices(&self) -> Vec<Named> {
        self.book().to_vec()
    }

    /// Whether nobody has asked this of the model before: true once per model, so that a
    /// missing price is reported once.
    ///
    /// Remembers 1,024 models; of others it says false. False of a blank name, too.
    pub fn first_miss(&self, model: &str) -> bool {
        if is_blank(model) {
            return false;
        }
        with_lower_case(model, |name| {
            let mut missed = self.shared.missed.lock().unwrap_or_else(PoisonError::into_inner);
            missed.len() < MISSED_LIMIT && !missed.contains(name) && missed.insert(name.into())
        })
    }

    /// A number that differs whenever the prices do.
    pub(crate) fn version(&self) -> u64 {
        // Acquire pairs with the Release in `change`: who sees the new number sees the new prices.
        self.shared.version.load(Ordering::Acquire)
    }

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
    fn book(&self) -> RwLockReadGuard<'_, PriceBook> {
        self.shared.prices.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_prices<R>(&self, model: &str, f: impl FnOnce(&Arc<ModelPrices>) -> R) -> Option<R> {
        with_lower_case(model, |name| self.book().resolve(name).map(f))
    }

    fn change<R>(&self, f: impl FnOnce(&mut PriceBook) -> R) -> R {
        let mut prices = self.shared.prices.write().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut prices);
        // Release pairs with the Acquire in `version`. It comes after the change: who sees the
        // number too early would keep an old price for good.
        self.shared.version.fetch_add(1, Ordering::Release);
        drop(prices);
        result
    }
}

/// Whether the model has a price in the table of the process.
pub fn has_pricing(model: &str) -> bool {
    PricingTable::global().contains(model)
}

/// Sets the prices of a model in the table of the process.
///
/// # Errors
///
/// [`EmptyModelNameError`] if the name is blank.
pub fn register_pricing(
    model: &str,
    prices: impl Into<ModelPrices>,
) -> Result<Option<ModelPricing>, EmptyModelNameError> {
    PricingTable::global().register(model, prices)
}

/// Adds the prices of a file to the table of the process; see [`PricingTable::merge_json`].
///
/// # Errors
///
/// [`PricingFileError`] if the file cannot be read or its text is refused.
pub fn load_pricing_from_file(path: impl AsRef<Path>) -> Result<usize, PricingFileError> {
    PricingTable::global().load_file(path)
}

/// A price was given for a model without a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a model name is empty")]
#[non_exhaustive]
pub struct EmptyModelNameError {}

impl EmptyModelNameError {
    pub(crate) const fn new() -> Self {
        Self {}
    }
}

pub(crate) fn is_blank(model: &str) -> bool {
    model.trim().is_empty()
}
