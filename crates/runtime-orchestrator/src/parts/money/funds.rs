//! The reservation of a turn.

use std::sync::Arc;

use runtime_usage::{
    Account, Charge, ModelPrices, Reservation, ServiceTier, Settlement, UnknownPrice,
    UnpricedModelError, UsageSnapshot, Usd,
};

use super::{Ask, Money};
use crate::error::{TurnError, UnestimatedTurnError};

/// A turn's reservation, and the prices behind it.
#[derive(Debug)]
pub(crate) struct Funds<'s> {
    /// `Some` with a budget, even for an amount of zero.
    reservation: Option<Reservation<'s>>,
    /// The turn is also billed by these prices, even if they change meanwhile.
    prices: Option<Arc<ModelPrices>>,
    /// Whether an account on the path requires the worst case.
    strict: bool,
    tier: ServiceTier,
    /// The estimated input and the maximum output, for `output_tokens`.
    bound: Option<Box<(UsageSnapshot, Option<u64>)>>,
}

impl Money {
    /// Reserves the expected cost of the turn, or refuses the turn.
    #[inline]
    pub(crate) fn fund(&self, model: &str, ask: &Ask) -> Result<Funds<'_>, TurnError> {
        let Some(account) = self.account() else { return Ok(Funds::of(ask.tier)) };
        let take = |amount| {
            if ask.wrap_up { account.reserve_wrap_up(amount) } else { account.reserve(amount) }
        };
        // An overspent account refuses first, whatever the amount.
        let nothing = take(Usd::ZERO)?;
        let take = |amount: Usd| {
            if amount.is_zero() {
                return Ok(nothing);
            }
            nothing.release();
            take(amount)
        };
        if model.is_empty() {
            let reservation = Some(take(ask.reserve.unwrap_or_default())?);
            let mut funds = Funds::of(ask.tier);
            funds.reservation = reservation;
            return Ok(funds);
        }
        let prices = match self.tracker.prices(model) {
            Some(known) => Some(known),
            None => assumption(account, model)?,
        };
        let strict = account.path().any(|account| account.limit().is_strict());
        let amount = if strict {
            worst_case(model, ask, prices.as_deref())?
        } else {
            ask.reserve.unwrap_or_else(|| self.expected(account, model, ask, prices.as_deref()))
        };
        let reservation = Some(take(amount)?);
        let bound = ask.estimate.map(|input| Box::new((input, ask.max_output)));
        Ok(Funds { reservation, prices, strict, tier: ask.tier, bound })
    }

    /// The price of the expected usage. If the output is unknown, at least the budgets' reservation
    /// per turn.
    fn expected(
        &self,
        account: &Account,
        model: &str,
        ask: &Ask,
        prices: Option<&ModelPrices>,
    ) -> Usd {
        let per_turn = account.path().map(|account| account.limit().per_turn).max();
        let per_turn = per_turn.unwrap_or_default();
        let Some(mut usage) = ask.estimate else { return per_turn };
        let output = ask.output(|| self.usual.tokens(model));
        usage.output_audio_tokens = usage.output_audio_tokens.min(output.unwrap_or(0));
        usage.output_tokens = output.unwrap_or(0) - usage.output_audio_tokens;
        let cost = prices.map(|prices| prices.cost(&usage, ask.tier)).unwrap_or_default();
        if output.is_some() { cost } else { cost.max(per_turn) }
    }
}

/// The maximum cost of the turn in any service tier. The provider may serve, and bill, another tier
/// than the requested one.
fn worst_case(
    model: &str,
    ask: &Ask,
    prices: Option<&ModelPrices>,
) -> Result<Usd, UnestimatedTurnError> {
    let refuse = |missing| UnestimatedTurnError { model: model.into(), missing };
    let mut usage = ask.estimate.ok_or_else(|| refuse("estimate"))?;
    let output = ask.max_output.ok_or_else(|| refuse("max_output"))?;
    usage.output_tokens = output.saturating_sub(usage.output_audio_tokens);
    let worst = prices.and_then(|prices| {
        served_tiers(ask.tier).map(|tier| prices.worst_case(&usage, tier)).max()
    });
    Ok(worst.max(ask.reserve).unwrap_or_default())
}

/// The tiers that a provider may serve, and bill. Only a request for it gets ultrafast.
fn served_tiers(requested: ServiceTier) -> impl Iterator<Item = ServiceTier> {
    let all = ServiceTier::ALL.into_iter();
    all.filter(move |tier| *tier != ServiceTier::Ultrafast || requested == *tier)
}

/// The highest price that the budgets assume, unless one of them denies unpriced models.
fn assumption(
    account: &Account,
    model: &str,
) -> Result<Option<Arc<ModelPrices>>, UnpricedModelError> {
    let mut assumed: Option<ModelPrices> = None;
    for account in account.path() {
        match &account.limit().unknown_price {
            UnknownPrice::Assume(pricing) => {
                let own = ModelPrices::from(*pricing);
                assumed = Some(assumed.map_or_else(|| own.clone(), |others| others.dearer(&own)));
            }
            UnknownPrice::Free => {}
            // Everything else is denied.
            _ => return Err(UnpricedModelError::new(model)),
        }
    }
    Ok(assumed.map(Arc::new))
}

impl Funds<'_> {
    /// The funds of a turn without a budget.
    const fn of(tier: ServiceTier) -> Self {
        Self { reservation: None, prices: None, strict: false, tier, bound: None }
    }

    /// The same funds for a turn that outlives the session's value.
    pub(crate) fn into_owned(mut self) -> Funds<'static> {
        let reservation = self.reservation.take().map(Reservation::into_owned);
        let (prices, bound) = (self.prices.take(), self.bound.take());
        Funds { reservation, prices, strict: self.strict, tier: self.tier, bound }
    }

    /// The reserved amount.
    pub(crate) fn reserved(&self) -> Usd {
        self.reservation.as_ref().map(Reservation::amount).unwrap_or_default()
    }

    /// The prices at the admission, if there is a budget and they are known or assumed.
    pub(crate) fn prices(&self) -> Option<&ModelPrices> {
        self.prices.as_deref()
    }

    /// Whether an account requires the worst case.
    pub(crate) const fn is_strict(&self) -> bool {
        self.strict
    }

    /// The requested tier.
    pub(crate) const fn tier(&self) -> ServiceTier {
        self.tier
    }

    /// The maximum number of output tokens that overspends no budget. `None` if it is unknown.
    pub(crate) fn output_tokens(&self) -> Option<u64> {
        let (reservation, prices) = (self.reservation.as_ref()?, self.prices()?);
        let (input, most) = self.bound.as_deref()?;
        let available = reservation.available();
        let tiers = served_tiers(self.tier).filter(|tier| self.strict || *tier == self.tier);
        let bought = tiers.map(|tier| prices.output_tokens_for(input, available, tier));
        let bought = bought.min().filter(|bought| *bought < u64::MAX && available < Usd::MAX);
        match (bought, *most) {
            (Some(bought), Some(most)) => Some(bought.min(most)),
            (bought, most) => bought.or(most),
        }
    }

    /// Settles the reservation with the cost of the call.
    #[inline]
    pub(crate) fn settle(mut self, charge: Charge<'_>) -> Settlement {
        let reservation = self.reservation.take();
        reservation.map(|reservation| reservation.settle(charge)).unwrap_or_default()
    }
}

/// Releases an unsettled reservation: only a call that was never sent is not settled.
impl Drop for Funds<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take() {
            reservation.release();
        }
    }
}
