//! [`PricingTable`]: the prices of all models.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::book::{EmptyModelNameError, PriceBook, check_name};
use crate::cost::Cost;
use crate::diff::TableDiff;
use crate::file::{PriceList, PriceReader, PricingFileError, PricingParseError};
use crate::names::{NameMatch, with_lower_case};
use crate::prices::ModelPrices;
use crate::pricing::ModelPricing;
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;

/// Prices by model name. Clones share one table.
///
/// Names are looked up without regard to case. A name that is not in the table may match a name pattern
/// of a merged price list, or be a [version](NameMatch::Version) of an entry, as `model-a-20260514` is of
/// `model-a`, or an entry in a [region](NameMatch::Place). Nothing else has a price: `model-a-pro` is
/// another model. [`resolve`](Self::resolve) says how a name matched.
///
/// ```
/// use runtime_usage::{ModelPricing, PricingTable, Usd};
///
/// let table = PricingTable::new();
/// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
/// table.register("model-a", pricing)?;
///
/// assert_eq!(table.get("Model-A-20260514"), Some(pricing));
/// assert_eq!(table.get("model-a-pro"), None);
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

/// The prices of a model, and how its name found them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PriceMatch {
    /// The prices.
    pub prices: Arc<ModelPrices>,
    /// How the name matched.
    pub how: NameMatch,
}

/// How many models without a price are remembered. The bound keeps hostile names from filling the
/// memory.
const MISSED_LIMIT: usize = 1_024;

impl PricingTable {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty table in which a name also has the price of the longest entry that it begins with, as in
    /// the Python package: `gpt-5.5-pro` costs what `gpt-5` costs, if that is all there is.
    pub fn by_beginning() -> Self {
        let table = Self::new();
        table.change(|book| book.by_beginning = true);
        table
    }

    /// The table of the process, which trackers use by default. It starts empty.
    #[doc(alias = "PRICING_TABLE")]
    pub fn global() -> &'static Self {
        static GLOBAL: LazyLock<PricingTable> = LazyLock::new(PricingTable::new);
        &GLOBAL
    }

    /// Creates a table from a price list in any [`PriceFormat`](crate::PriceFormat). The format is
    /// recognised; [`PriceReader`] offers more control.
    ///
    /// # Errors
    ///
    /// [`PricingParseError`] if the format is unknown or an entry is invalid. It names every invalid
    /// entry.
    ///
    /// ```
    /// use runtime_usage::PricingTable;
    ///
    /// let error = PricingTable::from_json(
    ///     r#"{"models": {
    ///         "model-a": {"input_per_million": 3, "output_per_million": 15},
    ///         "model-b": {"input_per_million": 3, "output_per_million": -15}
    ///     }}"#,
    /// );
    /// let text = error.unwrap_err().to_string();
    /// assert!(text.contains("at `models.model-b.output_per_million`: "));
    /// assert!(text.contains("`-15`: must not be negative"));
    /// ```
    pub fn from_json(json: &str) -> Result<Self, PricingParseError> {
        let table = Self::new();
        table.merge(PriceReader::new().read(json)?);
        Ok(table)
    }

    /// Sets the prices of a model. Returns the standard prices that they replace.
    ///
    /// # Errors
    ///
    /// [`EmptyModelNameError`] if the name is blank.
    pub fn register(
        &self,
        model: &str,
        prices: impl Into<ModelPrices>,
    ) -> Result<Option<ModelPricing>, EmptyModelNameError> {
        check_name(model)?;
        let prices = Arc::new(prices.into());
        let replaced = self.change(|book| book.insert(model, prices));
        Ok(replaced.map(|prices| *prices.standard()))
    }

    /// Merges the price list in a file, in any [`PriceFormat`](crate::PriceFormat). Returns the number
    /// of models in it.
    ///
    /// # Errors
    ///
    /// [`PricingFileError`] if the file cannot be read or is not a valid price list. The table is
    /// unchanged then.
    pub fn load_file(&self, path: impl AsRef<Path>) -> Result<usize, PricingFileError> {
        PriceReader::new().read_file(path).map(|list| self.merge(list))
    }

    /// Merges a price list. Returns the number of models in it.
    ///
    /// The list replaces the prices of models that are already in the table.
    pub fn merge(&self, list: PriceList) -> usize {
        self.change(|book| book.merge(list.prices, list.rules));
        list.models
    }

    /// The standard prices of a model with a short context, if it has any.
    pub fn get(&self, model: &str) -> Option<ModelPricing> {
        self.with_prices(model, |prices| *prices.standard())
    }

    /// All prices of a model, and how its name found them.
    ///
    /// ```
    /// use runtime_usage::{ModelPricing, NameMatch, PricingTable, Usd};
    ///
    /// let table = PricingTable::new();
    /// let pricing = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    /// table.register("claude-sonnet-4-5", pricing)?;
    ///
    /// let how = |name| table.resolve(name).map(|found| found.how);
    /// assert_eq!(how("Claude-Sonnet-4-5"), Some(NameMatch::Exact));
    /// assert_eq!(how("claude-sonnet-4-5-20250929"), Some(NameMatch::Version));
    /// assert_eq!(how("claude-sonnet-4-5-thinking"), None);
    /// # Ok::<(), runtime_usage::EmptyModelNameError>(())
    /// ```
    pub fn resolve(&self, model: &str) -> Option<PriceMatch> {
        let found = |(prices, how): (&Arc<_>, _)| PriceMatch { prices: Arc::clone(prices), how };
        with_lower_case(model, |name| self.book().resolve(name).map(found))
    }

    /// All prices of a model, if it has any.
    pub fn prices(&self, model: &str) -> Option<Arc<ModelPrices>> {
        self.with_prices(model, Arc::clone)
    }

    /// The cost of a turn in a service tier, line by line, if the model has prices.
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

    /// The differences between this table and another one.
    pub fn diff(&self, other: &Self) -> TableDiff {
        TableDiff::between(&self.to_vec(), &other.to_vec())
    }

    /// All names and their prices, sorted by name.
    pub fn to_vec(&self) -> Vec<(Box<str>, Arc<ModelPrices>)> {
        self.book().to_vec()
    }

    /// Returns `true` once per model, so that a missing price is reported once. It remembers 1,024
    /// models. For further models and for a blank name it returns `false`.
    pub(crate) fn first_miss(&self, model: &str) -> bool {
        let enter = |name: &str| {
            let mut missed = self.shared.missed.lock().unwrap_or_else(PoisonError::into_inner);
            missed.len() < MISSED_LIMIT && !missed.contains(name) && missed.insert(name.into())
        };
        check_name(model).is_ok() && with_lower_case(model, enter)
    }

    /// A number that changes with every change of the prices.
    pub(crate) fn version(&self) -> u64 {
        // Acquire pairs with the Release in `change`: a reader of the new number sees the new prices.
        self.shared.version.load(Ordering::Acquire)
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn book(&self) -> RwLockReadGuard<'_, PriceBook> {
        self.shared.prices.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn with_prices<R>(
        &self,
        model: &str,
        f: impl FnOnce(&Arc<ModelPrices>) -> R,
    ) -> Option<R> {
        with_lower_case(model, |name| self.book().resolve(name).map(|(prices, _)| f(prices)))
    }

    fn change<R>(&self, f: impl FnOnce(&mut PriceBook) -> R) -> R {
        let mut prices = self.shared.prices.write().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut prices);
        // Release pairs with the Acquire in `version`. It comes after the change: a reader that saw the
        // number too early would keep an old price for good.
        self.shared.version.fetch_add(1, Ordering::Release);
        drop(prices);
        result
    }
}

/// Whether the table of the process has prices for a model.
pub fn has_pricing(model: &str) -> bool {
    PricingTable::global().prices(model).is_some()
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

/// Merges the price list in a file into the table of the process; see [`PricingTable::load_file`].
///
/// # Errors
///
/// [`PricingFileError`] if the file cannot be read or is not a valid price list.
pub fn load_pricing_from_file(path: impl AsRef<Path>) -> Result<usize, PricingFileError> {
    PricingTable::global().load_file(path)
}
