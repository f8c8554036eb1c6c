//! [`UsageTracker`]: adds up usage and cost.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::names::NameMatch;
use crate::prices::ModelPrices;
use crate::reported::ReportedUsage;
use crate::snapshot::UsageSnapshot;
use crate::summary::{ModelUsage, UsageSummary};
use crate::table::PricingTable;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Adds up usage and cost per model.
///
/// A tracker keeps totals, not a list of turns. Its memory and the time per turn stay the same after
/// millions of turns and grow only with the number of model names. A turn is priced when it is
/// recorded: a price registered later applies to the turns that follow.
///
/// ```
/// use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, UsageTracker, Usd};
///
/// let pricing = PricingTable::new();
/// pricing.register(
///     "gpt-5",
///     ModelPricing::per_million(Usd::from_cents(125), Usd::from_dollars(10)),
/// )?;
///
/// let tracker = UsageTracker::with_pricing(pricing);
/// let turn = tracker.record_turn("gpt-5", &UsageSnapshot::new(12_000, 800));
/// assert_eq!(turn.cost, Usd::from_nanos(23_000_000));
/// assert_eq!(tracker.total_cost().to_string(), "$0.023");
/// assert_eq!(tracker.totals().turns, 1);
/// # Ok::<(), runtime_usage::EmptyModelNameError>(())
/// ```
#[derive(Debug, Default)]
pub struct UsageTracker {
    pricing: PricingTable,
    /// Made for the first turn: a tracker that waits for one is small.
    books: Mutex<Option<Box<Books>>>,
}

/// The cost of a turn that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it tells whether the turn had a price, and the total so far"]
#[non_exhaustive]
pub struct RecordedTurn {
    /// The cost of the turn. Zero if the model has no price.
    pub cost: Usd,
    /// Whether the cost is known.
    pub priced: bool,
    /// Whether the provider itself reported the cost.
    pub reported: bool,
    /// Whether this is the first turn of a model without a price: the one to log.
    pub first_unpriced: bool,
    /// How the name of the model found its price, if it is not the name of the entry: the match to log.
    /// Only the first turn of a model in a tracker has it.
    pub first_loose: Option<NameMatch>,
    /// The cost of all turns, including this one.
    pub total: Usd,
}

impl UsageTracker {
    /// Creates a tracker that uses the prices of the process, [`PricingTable::global`].
    pub fn new() -> Self {
        Self::with_pricing(PricingTable::global().clone())
    }

    /// Creates a tracker with its own prices.
    pub fn with_pricing(pricing: PricingTable) -> Self {
        Self { pricing, books: Mutex::default() }
    }

    /// The prices that the tracker uses.
    pub const fn pricing(&self) -> &PricingTable {
        &self.pricing
    }

    /// The current prices of a model, if it has any. Those of the model that was used last are at hand,
    /// without a look-up.
    pub fn prices(&self, model: &str) -> Option<Arc<ModelPrices>> {
        let at_hand = |books: &mut Box<Books>| {
            let entry = books.last_used(model)?;
            Some(entry.price.current(&self.pricing, model).cloned())
        };
        let at_hand = self.books().as_mut().and_then(at_hand);
        at_hand.unwrap_or_else(|| self.pricing.prices(model))
    }

    /// Records a turn at the standard price of its model.
    pub fn record_turn(&self, model: &str, usage: &UsageSnapshot) -> RecordedTurn {
        self.record_at(model, usage, ServiceTier::Standard)
    }

    /// Records a turn as the provider reported it. `tier` is the tier that was requested.
    ///
    /// The cost is the one that the provider names, or else the price of the model in the tier that
    /// served the turn, or in `tier` if the provider does not name one.
    ///
    /// ```
    /// use runtime_usage::{
    ///     ModelPrices, ModelPricing, PricingTable, ReportedUsage, ServiceTier, UsageSnapshot,
    ///     UsageTracker, Usd,
    /// };
    ///
    /// let flat = |dollars| {
    ///     ModelPricing::per_million(Usd::from_dollars(dollars), Usd::from_dollars(dollars))
    /// };
    /// let pricing = PricingTable::new();
    /// pricing.register("m", ModelPrices::new(flat(4)).tier(ServiceTier::Flex, flat(2)))?;
    /// let tracker = UsageTracker::with_pricing(pricing);
    ///
    /// let usage = ReportedUsage::from(UsageSnapshot::new(500_000, 0)).tier(ServiceTier::Flex);
    /// let turn = tracker.record("m", &usage, ServiceTier::Standard);
    /// assert_eq!(turn.cost, Usd::from_dollars(1));
    /// let usage = usage.cost(Usd::from_cents(70));
    /// let turn = tracker.record("m", &usage, ServiceTier::Standard);
    /// assert_eq!(turn.cost, Usd::from_cents(70));
    /// assert!(turn.reported);
    /// # Ok::<(), runtime_usage::EmptyModelNameError>(())
    /// ```
    pub fn record(&self, model: &str, usage: &ReportedUsage, tier: ServiceTier) -> RecordedTurn {
        match usage.cost {
            Some(cost) => self.record_known(model, &usage.tokens, cost, true),
            None => self.record_at(model, &usage.tokens, usage.tier.unwrap_or(tier)),
        }
    }

    /// Records a turn at a given cost, such as one computed from an assumed price.
    #[inline]
    pub fn record_priced(&self, model: &str, usage: &UsageSnapshot, cost: Usd) -> RecordedTurn {
        self.record_known(model, usage, cost, false)
    }

    /// Adds what a model has used before this tracker began, such as in an earlier process.
    pub fn carry(&self, model: &str, before: &ModelUsage) {
        let mut locked = self.books();
        let books = locked.get_or_insert_default();
        books.entry(model).usage.merge(before);
        books.pay(before.cost);
        drop(locked);
    }

    fn record_at(&self, model: &str, usage: &UsageSnapshot, tier: ServiceTier) -> RecordedTurn {
        let mut locked = self.books();
        let books = locked.get_or_insert_default();
        let entry = books.entry(model);
        let cost = entry.price.current(&self.pricing, model).map(|p| p.cost(usage, tier));
        let priced = cost.is_some();
        let cost = cost.unwrap_or_default();
        let first_loose = entry.first_loose(&self.pricing);
        entry.usage.add(usage, cost, priced);
        let total = books.pay(cost);
        drop(locked);
        RecordedTurn {
            cost,
            priced,
            reported: false,
            first_unpriced: !priced && self.pricing.first_miss(model),
            first_loose,
            total,
        }
    }

    fn record_known(
        &self,
        model: &str,
        usage: &UsageSnapshot,
        cost: Usd,
        reported: bool,
    ) -> RecordedTurn {
        let mut locked = self.books();
        let books = locked.get_or_insert_default();
        let entry = books.entry(model);
        let first_loose = if reported { None } else { entry.first_loose(&self.pricing) };
        entry.usage.add(usage, cost, true);
        entry.usage.reported_turns += u64::from(reported);
        let total = books.pay(cost);
        drop(locked);
        RecordedTurn { cost, priced: true, reported, first_unpriced: false, first_loose, total }
    }

    /// The cost of all turns, capped at [`Usd::MAX`].
    #[doc(alias = "format_cost")]
    #[doc(alias = "budget_remaining")]
    #[doc(alias = "is_over_budget")]
    pub fn total_cost(&self) -> Usd {
        self.books().as_ref().map(|books| books.cost).unwrap_or_default()
    }

    /// The turns, tokens and cost of all models together.
    pub fn totals(&self) -> ModelUsage {
        let mut totals = ModelUsage::default();
        self.books().iter().flat_map(|books| &books.models).for_each(|it| totals.merge(&it.usage));
        totals
    }

    /// The totals, under the keys of the Python original.
    pub fn summary(&self) -> UsageSummary {
        UsageSummary::of(&self.totals())
    }

    /// The cost of each model.
    pub fn per_model_summary(&self) -> BTreeMap<Arc<str>, Usd> {
        self.per_model().into_iter().map(|(model, usage)| (model, usage.cost)).collect()
    }

    /// The turns, tokens and cost of each model.
    pub fn per_model(&self) -> BTreeMap<Arc<str>, ModelUsage> {
        let usage = |entry: &Entry| (entry.model.clone(), entry.usage);
        self.books().iter().flat_map(|books| &books.models).map(usage).collect()
    }

    // No change can panic half-way, so the contents of a poisoned lock are consistent.
    fn books(&self) -> MutexGuard<'_, Option<Box<Books>>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Books {
    models: Vec<Entry>,
    /// The index of each model's entry.
    places: HashMap<Arc<str>, usize>,
    /// The index of the entry used last, which is most often used next.
    last: usize,
    /// The cost of all models.
    cost: Usd,
}

#[derive(Debug)]
struct Entry {
    model: Arc<str>,
    usage: ModelUsage,
    price: CachedPrice,
    /// Whether the match of the name has been told.
    is_told: bool,
}

impl Entry {
    fn first_loose(&mut self, pricing: &PricingTable) -> Option<NameMatch> {
        if std::mem::replace(&mut self.is_told, true) {
            return None;
        }
        let found = pricing.resolve(&self.model)?;
        (found.how != NameMatch::Exact).then_some(found.how)
    }
}

impl Books {
    fn entry(&mut self, model: &str) -> &mut Entry {
        let place = self.place(model);
        self.last = place;
        &mut self.models[place]
    }

    /// Adds a cost. Returns the cost of all turns.
    const fn pay(&mut self, cost: Usd) -> Usd {
        self.cost = self.cost.saturating_add(cost);
        self.cost
    }

    fn last_used(&mut self, model: &str) -> Option<&mut Entry> {
        self.models.get_mut(self.last).filter(|entry| *entry.model == *model)
    }

    fn place(&mut self, model: &str) -> usize {
        if self.last_used(model).is_some() {
            return self.last;
        }
        if let Some(&place) = self.places.get(model) {
            return place;
        }
        let (place, model) = (self.models.len(), Arc::<str>::from(model));
        self.places.insert(model.clone(), place);
        self.models.push(Entry {
            model,
            usage: ModelUsage::default(),
            price: CachedPrice::default(),
            is_told: false,
        });
        place
    }
}

/// A price, and the version of the table that it was read from.
#[derive(Debug, Default)]
struct CachedPrice {
    version: Option<u64>,
    prices: Option<Arc<ModelPrices>>,
}

impl CachedPrice {
    fn current(&mut self, table: &PricingTable, model: &str) -> Option<&Arc<ModelPrices>> {
        // Read before the price: a change in between makes the cache look stale, never fresh.
        let version = table.version();
        if self.version != Some(version) {
            // A copy, whose references are counted here: trackers on several threads that count in one
            // place slow each other down.
            let copy = |prices: &Arc<ModelPrices>| Arc::new(ModelPrices::clone(prices));
            *self = Self { version: Some(version), prices: table.with_prices(model, copy) };
        }
        self.prices.as_ref()
    }
}
