//! [`PricingTable`]: the prices of all models.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard};

use thiserror::Error;

use crate::file::{PriceList, PricingFileError, PricingParseError};
use crate::index::{PrefixIndex, with_lower_case};
use crate::pricing::ModelPricing;
use crate::snapshot::UsageSnapshot;
use crate::usd::Usd;

/// Prices by model; clones share them.
///
/// A model is found under its own name, whatever its case, or else under the longest name that
/// its own begins with: `model-a-20260514` costs what `model-a` does.
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
    prices: RwLock<PrefixIndex>,
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

    /// Sets the price of a model, and returns the one it replaces.
    ///
    /// # Errors
    ///
    /// [`EmptyModelNameError`] if the name is blank: every name begins with the empty one.
    pub fn register(
        &self,
        model: &str,
        pricing: ModelPricing,
    ) -> Result<Option<ModelPricing>, EmptyModelNameError> {
        if is_blank(model) {
            return Err(EmptyModelNameError::new());
        }
        Ok(self.change(|prices| with_lower_case(model, |name| prices.insert(name, pricing))))
    }

    /// Adds the prices of a JSON text, all or none, and returns how many models it names.
    ///
    /// The text is an object with one key, `models`: an object of [`ModelPricing`] by model.
    /// Beside it, keys that begin with `_` are comments. A model that already has a price gets
    /// the new one, and of two entries for one model the later one holds.
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if the text is not of this form, lacks a price, knows too much, names
    /// a blank model, or if a price is negative or not finite. The table is as before then.
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
        let list = PriceList::from_json(json)?;
        let models = list.len();
        self.change(|prices| {
            for (name, pricing) in list.into_prices() {
                prices.insert(&name, pricing);
            }
        });
        Ok(models)
    }

    /// Adds the prices of a file, all or none, and returns how many models it names; see
    /// [`merge_json`](Self::merge_json).
    ///
    /// # Errors
    ///
    /// [`PricingFileError`] if the file cannot be read or its text is refused. The table is as
    /// before then.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<usize, PricingFileError> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path)
            .map_err(|source| PricingFileError::Read { path: path.to_owned(), source })?;
        self.merge_json(&json)
            .map_err(|source| PricingFileError::Parse { path: path.to_owned(), source })
    }

    /// The price of a model: the one under its name, else under the longest beginning of it.
    pub fn get(&self, model: &str) -> Option<ModelPricing> {
        with_lower_case(model, |name| self.prices().resolve(name).copied())
    }

    /// Whether the model has a price.
    pub fn contains(&self, model: &str) -> bool {
        self.get(model).is_some()
    }

    /// What this usage of a model costs, if the model has a price.
    pub fn cost(&self, model: &str, usage: &UsageSnapshot) -> Option<Usd> {
        self.get(model).map(|pricing| pricing.cost(usage))
    }

    /// The number of models with a price of their own.
    pub fn len(&self) -> usize {
        self.prices().len()
    }

    /// Whether there are no prices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All prices with the names they are kept under, sorted.
    pub fn to_vec(&self) -> Vec<(Box<str>, ModelPricing)> {
        self.prices().to_vec()
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
    fn prices(&self) -> RwLockReadGuard<'_, PrefixIndex> {
        self.shared.prices.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<R>(&self, f: impl FnOnce(&mut PrefixIndex) -> R) -> R {
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

/// Sets the price of a model in the table of the process.
///
/// # Errors
///
/// [`EmptyModelNameError`] if the name is blank.
pub fn register_pricing(
    model: &str,
    pricing: ModelPricing,
) -> Result<Option<ModelPricing>, EmptyModelNameError> {
    PricingTable::global().register(model, pricing)
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
