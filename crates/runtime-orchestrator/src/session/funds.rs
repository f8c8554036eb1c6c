//! What a turn takes of budgets before its call, and holds while it runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use runtime_usage::{
    Budget, Charge, ModelPrices, Reservation, ServiceTier, Settlement, UnknownPrice,
    UnpricedModelError, UsageSnapshot, Usd,
};

use crate::error::{TurnError, UnestimatedTurnError};
use crate::session::core::Core;
use crate::turn::Ask;

/// A turn's reservation, and the prices it was made by.
#[derive(Debug, Default)]
pub(crate) struct Funds<'s> {
    /// There is one wherever there is a budget, if only of nothing.
    reservation: Option<Reservation<'s>>,
    prices: Option<Arc<ModelPrices>>,
    /// Whether nobody knows the prices and a budget says what to take for them.
    assumed: bool,
    ask: Ask,
}

impl Core {
    /// Reserves what the turn may cost, or refuses it.
    pub(crate) fn fund(&self, model: &str, ask: Ask) -> Result<Funds<'_>, TurnError> {
        let Some(account) = &self.account else { return Ok(Funds { ask, ..Funds::default() }) };
        let take = |amount| {
            if ask.wrap_up { account.reserve_wrap_up(amount) } else { account.reserve(amount) }
        };
        // One that is overspent says so first, whatever is asked.
        take(Usd::ZERO)?.release();
        let known = if model.is_empty() { None } else { self.setup.pricing.prices(model) };
        let assumed =
            if model.is_empty() || known.is_some() { None } else { assumption(account, model)? };
        let (is_assumed, prices) = (assumed.is_some(), known.or(assumed));
        let amount = self.quote(account, model, &ask, prices.as_deref())?;
        let reservation = Some(take(amount)?);
        Ok(Funds { reservation, prices, assumed: is_assumed, ask })
    }

    /// What a turn has to reserve.
    fn quote(
        &self,
        account: &Budget,
        model: &str,
        ask: &Ask,
        prices: Option<&ModelPrices>,
    ) -> Result<Usd, UnestimatedTurnError> {
        if model.is_empty() {
            return Ok(ask.reserve.unwrap_or_default());
        }
        if account.path().any(|account| account.limit().is_strict()) {
            let refuse = |missing| UnestimatedTurnError { model: model.into(), missing };
            let usage = ask.upper_bound().map_err(refuse)?;
            let worst = prices.map(|prices| prices.worst_case(&usage, ask.tier));
            return Ok(worst.max(ask.reserve).unwrap_or_default());
        }
        Ok(ask.reserve.unwrap_or_else(|| self.expected(account, model, ask, prices)))
    }

    /// The price of what the turn is expected to use; where that is not known, at the least what
    /// budgets say that a turn reserves.
    fn expected(
        &self,
        account: &Budget,
        model: &str,
        ask: &Ask,
        prices: Option<&ModelPrices>,
    ) -> Usd {
        let per_turn = account.path().map(|account| account.limit().turn_reserve()).max();
        let per_turn = per_turn.unwrap_or_default();
        let Some(mut usage) = ask.estimate else { return per_turn };
        let said = Some(usage.total_output_tokens()).filter(|tokens| *tokens > 0);
        let usual = said.or_else(|| self.setup.usual.tokens(model));
        let output = match (usual, ask.max_output) {
            (Some(usual), Some(most)) => Some(usual.min(most)),
            (usual, most) => usual.or(most),
        };
        usage.output_audio_tokens = usage.output_audio_tokens.min(output.unwrap_or(0));
        usage.output_tokens = output.unwrap_or(0) - usage.output_audio_tokens;
        let cost = prices.map(|prices| prices.cost(&usage, ask.tier)).unwrap_or_default();
        if output.is_some() { cost } else { cost.max(per_turn) }
    }
}

/// The price that the first budget which assumes one does, unless one denies such models.
fn assumption(
    account: &Budget,
    model: &str,
) -> Result<Option<Arc<ModelPrices>>, UnpricedModelError> {
    let mut assumed = None;
    for account in account.path() {
        match account.limit().unknown_price_rule() {
            UnknownPrice::Assume(pricing) => {
                assumed = assumed.or_else(|| Some(Arc::new(ModelPrices::from(*pricing))));
            }
            UnknownPrice::Free => {}
            // What is not known to be free is denied.
            _ => return Err(UnpricedModelError::new(model)),
        }
    }
    Ok(assumed)
}

impl Funds<'_> {
    /// The call was never sent.
    pub(crate) fn release(self) {
        if let Some(reservation) = self.reservation {
            reservation.release();
        }
    }

    /// What is reserved.
    pub(crate) fn reserved(&self) -> Usd {
        self.reservation.as_ref().map(Reservation::amount).unwrap_or_default()
    }

    /// The price that a budget assumes for a model without one.
    pub(crate) fn assumed(&self) -> Option<&ModelPrices> {
        self.prices.as_deref().filter(|_| self.assumed)
    }

    /// The tier that was asked for.
    pub(crate) const fn tier(&self) -> ServiceTier {
        self.ask.tier
    }

    /// How many tokens of output the reservation and what is left still buy; `None` where no
    /// budget is kept, or nobody knows the price.
    pub(crate) fn output_tokens(&self) -> Option<u64> {
        let (reservation, prices) = (self.reservation.as_ref()?, self.prices.as_deref()?);
        let account = reservation.budget();
        let available =
            if self.ask.wrap_up { account.available_wrap_up() } else { account.available() };
        if available == Usd::MAX {
            return None;
        }
        let left = available.saturating_add(reservation.amount());
        let input = self.ask.estimate.unwrap_or_default();
        let bought = prices.output_tokens_for(&input, left, self.ask.tier);
        Some(bought.min(self.ask.max_output.unwrap_or(u64::MAX)))
    }

    /// Settles with what the call cost. A listener of the budget that panics harms nobody here.
    pub(crate) fn settle(self, charge: Charge<'_>) -> Settlement {
        let Some(reservation) = self.reservation else { return Settlement::default() };
        // Every account is settled before a listener is asked, so what it left broken is its own.
        catch_unwind(AssertUnwindSafe(|| reservation.settle(charge))).unwrap_or_default()
    }
}

impl Ask {
    /// The estimate with all the output there may be, or what is missing of it.
    fn upper_bound(&self) -> Result<UsageSnapshot, &'static str> {
        let mut usage = self.estimate.ok_or("estimate")?;
        let output = self.max_output.ok_or("max_output")?;
        usage.output_tokens = output.saturating_sub(usage.output_audio_tokens);
        Ok(usage)
    }
}
