//! Reads `data.json` of genai-prices: an array of providers, in dollars per million tokens.

mod clause;
mod grammar;

use std::sync::Arc;

use self::grammar::Field;
use super::names::{Candidate, Prices};
use super::node::Node;
use super::quotes::Quotes;
use super::skipped::SkipReason;
use super::walk::{Path, Per, Walk};
use crate::book::{Clause, Rule, RuleProvider};
use crate::kind::TokenKind;
use crate::prices::ModelPrices;
use crate::tier::ServiceTier;
use crate::usd::Usd;

pub(super) fn read(root: &Node<'_>, as_of: Option<&str>, walk: &mut Walk) -> Prices {
    let mut found = Found::default();
    let providers = walk.list(Path::Root, root, "an array of providers").into_iter().flatten();
    for (place, provider) in providers.enumerate() {
        found.provider(item(&Path::Root, place, provider), provider, as_of, walk);
    }
    Prices { models: found.models, rules: found.rules, ..Prices::settle(found.candidates) }
}

#[derive(Debug, Default)]
struct Found {
    models: usize,
    candidates: Vec<Candidate>,
    rules: Vec<Rule>,
}

impl Found {
    fn provider(&mut self, at: Path<'_>, node: &Node<'_>, as_of: Option<&str>, walk: &mut Walk) {
        if walk.object(at, node, "a provider").is_none() {
            return;
        }
        let id = id_of(at, node, "the id of a provider", walk);
        // The names of the provider's own models.
        let own = node
            .get("model_match")
            .filter(|own| !own.is_null())
            .map_or(Clause::Never, |own| clause::read(Path::Key(&at, "model_match"), own, walk));
        let models = walk.required(at, node, "models");
        let (Some(id), Some(models)) = (id, models) else { return };
        let provider = Arc::new(RuleProvider { id, own });
        let at = Path::Key(&at, "models");
        let models = walk.list(at, models, "an array of models").into_iter().flatten();
        for (place, model) in models.enumerate() {
            self.model(&provider, item(&at, place, model), model, as_of, walk);
        }
    }

    fn model(
        &mut self,
        provider: &Arc<RuleProvider>,
        at: Path<'_>,
        node: &Node<'_>,
        as_of: Option<&str>,
        walk: &mut Walk,
    ) {
        if walk.object(at, node, "a model").is_none() {
            return;
        }
        let id = id_of(at, node, "the id of a model", walk);
        let names = node
            .get("match")
            .map_or(Clause::Never, |names| clause::read(Path::Key(&at, "match"), names, walk));
        let prices = walk.whole(|walk| {
            let prices = walk.required(at, node, "prices")?;
            let prices = prices_at(Path::Key(&at, "prices"), prices, as_of, walk)?;
            Some(with_variants(at, node, prices, as_of, walk))
        });
        let prices = prices.flatten();
        let Some((id, prices)) = id.zip(prices) else { return };
        let prices = Arc::new(prices);
        self.models += 1;
        self.name(provider, &id, &prices);
        for clause in names.alternatives() {
            match clause {
                Clause::Equals(name) => self.name(provider, &name, &prices),
                Clause::Never => {}
                clause => {
                    let (provider, prices) = (Arc::clone(provider), Arc::clone(&prices));
                    self.rules.push(Rule { provider, clause, prices });
                }
            }
        }
    }

    fn name(&mut self, provider: &RuleProvider, name: &str, prices: &Arc<ModelPrices>) {
        let is_maker = provider.own.fits(name);
        self.candidates.extend(Candidate::both(&provider.id, name, is_maker, prices));
    }
}

/// The place of a provider or a model in its list: by its id, since nobody counts a thousand models.
fn item<'a>(list: &'a Path<'a>, place: usize, node: &'a Node<'_>) -> Path<'a> {
    match node.get("id") {
        Some(Node::Text(id)) if !id.is_empty() => Path::Key(list, id),
        _ => Path::Index(list, place),
    }
}

/// The id of a provider or a model.
fn id_of(at: Path<'_>, node: &Node<'_>, expected: &str, walk: &mut Walk) -> Option<Box<str>> {
    let id_at = Path::Key(&at, "id");
    let id = walk.required(at, node, "id")?;
    let id = walk.text(id_at, id, expected)?;
    walk.name(id_at, id)
}

/// The prices of a model: one set, or several with conditions. The last set whose condition holds
/// counts, or the first set if none holds.
///
/// A table does not know the time of day. If prices depend on it, the higher ones count.
fn prices_at(
    at: Path<'_>,
    node: &Node<'_>,
    as_of: Option<&str>,
    walk: &mut Walk,
) -> Option<ModelPrices> {
    let Node::List(conditional) = node else { return one_set(at, node, walk) };
    let mut first = None;
    let mut chosen: Option<ModelPrices> = None;
    let mut hourly: Option<ModelPrices> = None;
    for (place, price) in conditional.iter().enumerate() {
        let at = Path::Index(&at, place);
        if walk.object(at, price, "a price with a condition").is_none() {
            continue;
        }
        let Some(prices) = walk.required(at, price, "prices") else { continue };
        let Some(prices) = one_set(Path::Key(&at, "prices"), prices, walk) else { continue };
        match Condition::of(price.get("constraint"), as_of) {
            Condition::Holds => (chosen, hourly) = (Some(prices), None),
            Condition::Later => {
                walk.skip(at, SkipReason::NotNow);
                first = first.or(Some(prices));
            }
            Condition::Sometimes => {
                hourly = Some(hourly.map_or_else(|| prices.clone(), |other| other.dearer(&prices)));
            }
        }
    }
    match (chosen.or(first), hourly) {
        (Some(always), Some(hourly)) => Some(always.dearer(&hourly)),
        (always, hourly) => always.or(hourly),
    }
}

/// Adds the prices of service tiers. A tier may leave out kinds, which then have the standard price.
fn with_variants(
    at: Path<'_>,
    node: &Node<'_>,
    mut prices: ModelPrices,
    as_of: Option<&str>,
    walk: &mut Walk,
) -> ModelPrices {
    let at = Path::Key(&at, "price_variants");
    let Some(variants) = node.get("price_variants").filter(|variants| !variants.is_null()) else {
        return prices;
    };
    let variants = walk.list(at, variants, "an array of variants").into_iter().flatten();
    for (place, variant) in variants.enumerate() {
        let at = Path::Index(&at, place);
        let Some(of) = walk.required(at, variant, "prices") else { continue };
        if matches!(Condition::of(variant.get("constraint"), as_of), Condition::Later) {
            walk.skip(at, SkipReason::NotNow);
            continue;
        }
        match variant.get("when").map(tier_of) {
            Some(Some(ServiceTier::Standard)) => {}
            Some(Some(tier)) => {
                let quotes = quotes(Path::Key(&at, "prices"), of, walk);
                prices = quotes.finish_tier(tier, prices);
            }
            _ => walk.skip(at, SkipReason::Surcharge),
        }
    }
    prices
}

/// The tier that a variant is for: `{"processing": "batch"}` or `{"service_tier": "flex"}`.
fn tier_of(when: &Node<'_>) -> Option<ServiceTier> {
    let [(key, Node::Text(word))] = when.entries() else { return None };
    match (&**key, &**word) {
        ("processing", "batch") => Some(ServiceTier::Batch),
        ("service_tier", "default") => Some(ServiceTier::Standard),
        ("service_tier", word) => word.parse().ok(),
        _ => None,
    }
}

/// When a price applies.
enum Condition {
    Holds,
    /// From a later day on.
    Later,
    /// At some hours of the day, or under an unknown condition.
    Sometimes,
}

impl Condition {
    fn of(constraint: Option<&Node<'_>>, as_of: Option<&str>) -> Self {
        match constraint {
            None | Some(Node::Null) => Self::Holds,
            Some(constraint) => match constraint.get("start_date") {
                Some(Node::Text(start)) if as_of.is_none_or(|day| **start <= *day) => Self::Holds,
                Some(Node::Text(_)) => Self::Later,
                _ => Self::Sometimes,
            },
        }
    }
}

fn one_set(at: Path<'_>, node: &Node<'_>, walk: &mut Walk) -> Option<ModelPrices> {
    let mut quotes = quotes(at, node, walk);
    if matches!(node, Node::Object(prices) if prices.is_empty()) {
        // A model without a price is free.
        quotes.set(ServiceTier::Standard, 0, TokenKind::Input, Usd::ZERO);
    }
    if quotes.is_empty() {
        walk.skip(at, SkipReason::NoTokenPrices);
        return None;
    }
    // Output without a price is not used or not charged: an embedding has none.
    if quotes.has_base(TokenKind::Input) && !quotes.has_base(TokenKind::Output) {
        quotes.set(ServiceTier::Standard, 0, TokenKind::Output, Usd::ZERO);
    }
    let prices = quotes.finish();
    if prices.is_none() {
        walk.skip(at, SkipReason::Incomplete);
    }
    prices
}

fn quotes(at: Path<'_>, node: &Node<'_>, walk: &mut Walk) -> Quotes {
    let mut quotes = Quotes::default();
    let entries = walk.object(at, node, "an object of prices").into_iter().flatten();
    for (key, value) in entries.clone() {
        if Field::parse(key).is_none() && !value.is_null() {
            // A fee for requests, searches or seconds.
            walk.skip(Path::Key(&at, key), SkipReason::Surcharge);
        }
    }
    let mut fields: Vec<_> = entries
        .filter_map(|(key, value)| Some((Field::parse(key)?, &**key, value)))
        .filter(|(_, _, value)| !value.is_null())
        .collect();
    // The price of text overrides the price of any input, whichever comes first.
    fields.sort_by_key(|(field, _, _)| field.qualifiers);
    for (Field { kind, .. }, key, value) in fields {
        let at = Path::Key(&at, key);
        if matches!(value, Node::Object(_)) {
            tiered(at, kind, value, &mut quotes, walk);
        } else if let Some(price) = walk.usd(at, value, Per::Million) {
            quotes.set(ServiceTier::Standard, 0, kind, price);
        }
    }
    quotes
}

/// `{"base": 3, "tiers": [{"start": 200000, "price": 6}]}`: a tier applies above its start.
fn tiered(at: Path<'_>, kind: TokenKind, node: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    let mut set = |above, at: Path<'_>, price: Option<&Node<'_>>, walk: &mut Walk| {
        if let Some(price) = price.and_then(|price| walk.usd(at, price, Per::Million)) {
            quotes.set(ServiceTier::Standard, above, kind, price);
        }
    };
    let base = walk.required(at, node, "base");
    set(0, Path::Key(&at, "base"), base, walk);
    let Some(tiers) = walk.required(at, node, "tiers") else { return };
    let at = Path::Key(&at, "tiers");
    for (place, tier) in walk.list(at, tiers, "an array of tiers").into_iter().flatten().enumerate()
    {
        let at = Path::Index(&at, place);
        let start = walk
            .required(at, tier, "start")
            .and_then(|start| walk.whole_number(Path::Key(&at, "start"), start));
        let price = walk.required(at, tier, "price");
        if let Some(start) = start {
            set(start, Path::Key(&at, "price"), price, walk);
        }
    }
}
