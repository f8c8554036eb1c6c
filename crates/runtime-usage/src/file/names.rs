//! [`Prices`]: the prices in a list, and which of several providers a bare model name refers to.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use crate::book::Rule;
use crate::names::forms;
use crate::prices::{ModelPrices, Named};
use crate::snapshot::UsageSnapshot;
use crate::usd::Usd;

/// The prices in a list. The fields are those of [`PriceList`](super::PriceList).
#[derive(Debug, Default)]
pub(super) struct Prices {
    pub(super) models: usize,
    pub(super) named: Vec<Named>,
    pub(super) rules: Vec<Rule>,
    pub(super) ambiguous: Vec<Box<str>>,
}

/// Prices and a name that they may get.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) name: Box<str>,
    pub(super) claim: Claim,
    pub(super) prices: Arc<ModelPrices>,
}

impl Candidate {
    /// The claims of a provider to a model's name: with its own name before it, and bare.
    pub(super) fn both(
        provider: &str,
        name: &str,
        is_maker: bool,
        prices: &Arc<ModelPrices>,
    ) -> [Self; 2] {
        let bare = if is_maker { Claim::Maker } else { Claim::Bare };
        [(format!("{provider}/{name}").into(), Claim::Qualified), (name.into(), bare)]
            .map(|(name, claim)| Self { name, claim, prices: prices.clone() })
    }
}

/// The strength of a claim to a name, from the weakest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// A provider uses the name.
    Bare,
    /// The maker of the model uses the name.
    Maker,
    /// It is a provider and a model.
    Qualified,
}

impl Prices {
    /// Gives each name to the strongest claim. If several are equally strong and have different prices,
    /// the highest price wins and the name is ambiguous. A provider that is not the maker and charges
    /// nothing has no claim to a bare name, because the model is part of a subscription there. So no
    /// model is cheap or free because of a reseller.
    pub(super) fn settle(mut candidates: Vec<Candidate>) -> Self {
        candidates.retain(|candidate| {
            candidate.claim != Claim::Bare || !dearness(&candidate.prices).is_zero()
        });
        // The maker's own entry wins over a version of it that only others list.
        let makers = candidates.iter().filter(|candidate| candidate.claim == Claim::Maker);
        let makers: HashSet<Box<str>> = makers.map(|candidate| candidate.name.clone()).collect();
        candidates.retain(|Candidate { name, claim, .. }| {
            *claim != Claim::Bare
                || makers.contains(name)
                || !forms(name).any(|(form, _)| makers.contains(form))
        });
        candidates.sort_by(|a, b| (&a.name, Reverse(a.claim)).cmp(&(&b.name, Reverse(b.claim))));
        let mut settled = Self::default();
        for same in candidates.chunk_by(|a, b| a.name == b.name) {
            let best = &same[0];
            let equals = || same.iter().take_while(|candidate| candidate.claim == best.claim);
            let mut prices = &best.prices;
            if equals().any(|candidate| candidate.prices != best.prices) {
                settled.ambiguous.push(best.name.clone());
                // Of equal prices the first one, in the order of the list.
                for candidate in equals() {
                    if dearness(&candidate.prices) > dearness(prices) {
                        prices = &candidate.prices;
                    }
                }
            }
            settled.named.push((best.name.clone(), prices.clone()));
        }
        settled
    }
}

/// The price of a million tokens in and a million out.
fn dearness(prices: &ModelPrices) -> Usd {
    prices.standard().cost(&UsageSnapshot::new(1_000_000, 1_000_000))
}
