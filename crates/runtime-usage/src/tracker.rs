//! [`UsageTracker`]: what was used and what it cost.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::prices::ModelPrices;
use crate::reported::ReportedUsage;
use crate::signed::SignedUsd;
use crate::snapshot::UsageSnapshot;
use crate::summary::{ModelUsage, UsageSummary};
use crate::table::PricingTable;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Adds up usage and cost per model.
///
/// It keeps totals and no list of turns, so that turn, memory and answer cost the same after ten
/// turns and after ten million; what grows is one entry per model name. A turn is priced when it is
/// recorded: a price registered later holds for the turns that follow.
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
/// assert_eq!(tracker.format_cost(), "$0.02");
/// assert_eq!(tracker.budget_remaining(Usd::from_dollars(1)).to_string(), "$0.98");
/// # Ok::<(), runtime_usage::EmptyModelNameError>(())
/// ```
#[derive(Debug, Default)]
pub struct UsageTracker {
    pricing: PricingTable,
    books: Mutex<Books>,
}

/// What recording a turn found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "it says whether the turn had a price, and what was spent so far"]
#[non_exhaustive]
pub struct RecordedTurn {
    /// What the turn cost; nothing where the model has no price.
    pub cost: Usd,
    /// Whether the cost is known.
    pub priced: bool,
    /// Whether the cost is what the provider itself reported.
    pub reported: bool,
    /// Whether this is the first turn of a model without a price: the one to report.
    pub first_unpriced: bool,
    /// What all turns cost, this one included.
    pub total: Usd,
}

impl UsageTracker {
    /// A tracker with the prices of the process, [`PricingTable::global`].
    pub fn new() -> Self {
        Self::with_pricing(PricingTable::global().clone())
    }

    /// A tracker with prices of its own.
    pub fn with_pricing(pricing: PricingTable) -> Self {
        Self { pricing, books: Mutex::default() }
    }

    /// The prices it uses.
    pub const fn pricing(&self) -> &PricingTable {
        &self.pricing
    }

    /// Records a turn of the standard tier at the price of its model.
    pub fn record_turn(&self, model: &str, usage: &UsageSnapshot) -> RecordedTurn {
        self.record_at(model, usage, ServiceTier::Standard)
    }

    /// Records what a provider reported of a turn: at the cost it names, or else at the price of
    /// the model in the tier that served it.
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
    /// assert_eq!(tracker.record("m", &usage).cost, Usd::from_dollars(1));
    /// let turn = tracker.record("m", &usage.cost(Usd::from_cents(70)));
    /// assert_eq!(turn.cost, Usd::from_cents(70));
    /// assert!(turn.reported);
    /// # Ok::<(), runtime_usage::EmptyModelNameError>(())
    /// ```
    pub fn record(&self, model: &str, usage: &ReportedUsage) -> RecordedTurn {
        self.record_in(model, usage, ServiceTier::Standard)
    }

    /// [`record`](Self::record), with the tier to price by where the provider does not say which
    /// one served the turn: the one that was asked for.
    pub fn record_in(&self, model: &str, usage: &ReportedUsage, tier: ServiceTier) -> RecordedTurn {
        match usage.cost {
            Some(cost) => self.record_known(model, &usage.tokens, cost, true),
            None => self.record_at(model, &usage.tokens, usage.tier.unwrap_or(tier)),
        }
    }

    /// Records a turn whose cost is known: a price was assumed.
    pub fn record_priced(&self, model: &str, usage: &UsageSnapshot, cost: Usd) -> RecordedTurn {
        self.record_known(model, usage, cost, false)
    }

    fn record_at(&self, model: &str, usage: &UsageSnapshot, tier: ServiceTier) -> RecordedTurn {
        let mut books = self.books();
        let account = books.account(model);
        let cost = account.price.current(&self.pricing, model).map(|p| p.cost(usage, tier));
        let priced = cost.is_some();
        let cost = cost.unwrap_or_default();
        account.usage.add(usage, cost, priced);
        books.total.add(usage, cost, priced);
        let total = books.total.cost;
        drop(books);
        RecordedTurn {
            cost,
            priced,
            reported: false,
            first_unpriced: !priced && self.pricing.first_miss(model),
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
        let mut books = self.books();
        let account = books.account(model);
        account.usage.add(usage, cost, true);
        account.usage.reported_turns += u64::from(reported);
        books.total.add(usage, cost, true);
        books.total.reported_turns += u64::from(reported);
        let total = books.total.cost;
        drop(books);
        RecordedTurn { cost, priced: true, reported, first_unpriced: false, total }
    }

    /// What this usage of a model would cost now; nothing where it has no price.
    pub fn cost_for_turn(&self, model: &str, usage: &UsageSnapshot) -> Usd {
        self.pricing.cost(model, usage).unwrap_or_default()
    }

    /// What all turns cost. [`Usd::MAX`] where that is too much.
    pub fn total_cost(&self) -> Usd {
        self.books().total.cost
    }

    /// The input tokens of all turns, those of caches not among them.
    pub fn total_input_tokens(&self) -> u64 {
        self.books().total.tokens.input_tokens
    }

    /// The output tokens of all turns.
    pub fn total_output_tokens(&self) -> u64 {
        self.books().total.tokens.output_tokens
    }

    /// The number of turns.
    pub fn turns(&self) -> u64 {
        self.books().total.turns
    }

    /// Turns, tokens and cost of all models together.
    pub fn totals(&self) -> ModelUsage {
        self.books().total
    }

    /// The total cost as people read it: `$0.0033` below a cent, `$12.50` from there on.
    pub fn format_cost(&self) -> String {
        self.total_cost().to_string()
    }

    /// What is left of a budget; negative once it is overspent.
    pub fn budget_remaining(&self, budget: Usd) -> SignedUsd {
        budget.signed_sub(self.total_cost())
    }

    /// Whether more was spent than the budget allows.
    pub fn is_over_budget(&self, budget: Usd) -> bool {
        self.total_cost() > budget
    }

    /// The totals, under the original's keys.
    pub fn summary(&self) -> UsageSummary {
        UsageSummary::of(&self.totals())
    }

    /// The cost of each model.
    pub fn per_model_summary(&self) -> BTreeMap<Arc<str>, Usd> {
        let books = self.books();
        books.accounts.iter().map(|account| (account.model.clone(), account.usage.cost)).collect()
    }

    /// Turns, tokens and cost of each model.
    pub fn per_model(&self) -> BTreeMap<Arc<str>, ModelUsage> {
        let books = self.books();
        books.accounts.iter().map(|account| (account.model.clone(), account.usage)).collect()
    }

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Books {
    accounts: Vec<Account>,
    /// Where the account of a model is.
    places: HashMap<Arc<str>, usize>,
    /// Where the account used last is: most often the one that is used next.
    last: usize,
    total: ModelUsage,
}

#[derive(Debug)]
struct Account {
    model: Arc<str>,
    usage: ModelUsage,
    price: CachedPrice,
}

impl Books {
    fn account(&mut self, model: &str) -> &mut Account {
        let place = self.place(model);
        self.last = place;
        &mut self.accounts[place]
    }

    fn place(&mut self, model: &str) -> usize {
        if self.accounts.get(self.last).is_some_and(|account| *account.model == *model) {
            return self.last;
        }
        if let Some(&place) = self.places.get(model) {
            return place;
        }
        let (place, model) = (self.accounts.len(), Arc::<str>::from(model));
        self.places.insert(model.clone(), place);
        self.accounts.push(Account {
            model,
            usage: ModelUsage::default(),
            price: CachedPrice::default(),
        });
        place
    }
}

/// A price as it was at some version of the table.
#[derive(Debug, Default)]
struct CachedPrice {
    version: Option<u64>,
    prices: Option<Arc<ModelPrices>>,
}

impl CachedPrice {
    fn current(&mut self, table: &PricingTable, model: &str) -> Option<&ModelPrices> {
        // Read before the price is: a change in between makes the cache look stale, never fresh.
        let version = table.version();
        if self.version != Some(version) {
            *self = Self { version: Some(version), prices: table.prices(model) };
        }
        self.prices.as_deref()
    }
}
