//! Which of several providers a bare model name means.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::prices::{ModelPrices, Named};
use crate::snapshot::UsageSnapshot;
use crate::usd::Usd;

/// Prices and a name they may be kept under.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) name: Box<str>,
    pub(super) claim: Claim,
    pub(super) prices: Arc<ModelPrices>,
}

/// How good a claim to a name is: the later, the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claim {
    /// A provider names the model so.
    Bare,
    /// Its maker names it so.
    Maker,
    /// It is the beginning of a name, together with that of the provider.
    QualifiedBeginning,
    /// It is the provider and the model.
    Qualified,
}

/// The names with their prices.
#[derive(Debug, Default)]
pub(super) struct Settled {
    pub(super) prices: Vec<Named>,
    pub(super) ambiguous: Vec<Box<str>>,
}

/// Gives each name to the best claim. Where several are as good and disagree, the dearest price
/// holds and the name is ambiguous. Who is not the maker and asks nothing has no claim to a bare name:
/// it is part of a subscription. So nothing is cheap, or free, because of a reseller.
pub(super) fn settle(mut candidates: Vec<Candidate>) -> Settled {
    candidates.retain(|candidate| {
        candidate.claim != Claim::Bare || !dearness(&candidate.prices).is_zero()
    });
    candidates.sort_by(|a, b| (&a.name, Reverse(a.claim)).cmp(&(&b.name, Reverse(b.claim))));
    let mut settled = Settled::default();
    for same in candidates.chunk_by(|a, b| a.name == b.name) {
        let best = &same[0];
        let equals = || same.iter().take_while(|candidate| candidate.claim == best.claim);
        let mut prices = &best.prices;
        if equals().any(|candidate| candidate.prices != best.prices) {
            settled.ambiguous.push(best.name.clone());
            // Of equally dear ones the first, in the order of the text.
            for candidate in equals() {
                if dearness(&candidate.prices) > dearness(prices) {
                    prices = &candidate.prices;
                }
            }
        }
        settled.prices.push((best.name.clone(), prices.clone()));
    }
    settled
}

/// A million tokens in and as many out.
fn dearness(prices: &ModelPrices) -> Usd {
    prices.standard().cost(&UsageSnapshot::new(1_000_000, 1_000_000))
}
