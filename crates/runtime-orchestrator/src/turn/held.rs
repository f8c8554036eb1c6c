//! What a call has taken at admission, until its outcome spends it.

use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{CallOutcome, Demand, Fault, FaultKind, Permit, RateReservation, Reach};
use runtime_usage::{ReportedUsage, Usd};

use crate::parts::money::{Bill, Funds, Money};
use crate::parts::pace::Pulse;
use crate::parts::stream::Stream;
use crate::tell;

/// The permit, the rate and the money that a call holds, and how far the call has come.
pub(crate) struct Held<'s> {
    permit: Option<Permit>,
    rate: Option<Box<RateReservation>>,
    funds: Option<Funds<'s>>,
    call: Call,
    observed: Option<Box<ReportedUsage>>,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// It has not begun: guardrails look at the prompt. How that ends is not the breaker's business,
    /// and costs nothing.
    Unsent,
    /// It may have been made, and may have to be paid for.
    Sent,
    /// It was not reached, or was refused before it was read: it has failed and costs nothing.
    Refused,
    /// It has returned an answer: what was observed of its usage is all there is.
    Returned,
}

impl<'s> Held<'s> {
    #[inline]
    pub(crate) fn new(
        permit: Option<Permit>,
        rate: Option<RateReservation>,
        funds: Funds<'s>,
    ) -> Self {
        let (rate, funds) = (rate.map(Box::new), Some(funds));
        Self { permit, rate, funds, call: Call::Unsent, observed: None }
    }

    /// The money that is reserved.
    pub(crate) fn reserved(&self) -> Usd {
        self.funds.as_ref().map(Funds::reserved).unwrap_or_default()
    }

    /// How many tokens of output the money buys.
    pub(crate) fn output_tokens(&self) -> Option<u64> {
        self.funds.as_ref()?.output_tokens()
    }

    /// The rate that is reserved, where there is a limiter.
    pub(crate) fn rate(&self) -> Option<&RateReservation> {
        self.rate.as_deref()
    }

    /// The usage so far, as the provider reports it.
    pub(crate) fn observe(&mut self, usage: Option<ReportedUsage>) {
        self.observed = usage.map(Box::new);
    }

    /// The usage that was observed, here or inside the attempt.
    #[inline]
    pub(crate) fn take_observed(&mut self, pulse: Option<&Arc<Pulse>>) -> Option<ReportedUsage> {
        self.observed.take().map(|usage| *usage).or_else(|| pulse?.take_usage())
    }
}

/// # How far the call has come
impl Held<'_> {
    /// Whether the call may have been made.
    pub(crate) fn is_sent(&self) -> bool {
        self.call != Call::Unsent
    }

    /// Whether an answer is here.
    pub(crate) fn is_answered(&self) -> bool {
        self.call == Call::Returned
    }

    /// From here the call may have been made.
    pub(crate) const fn sent(&mut self) {
        self.call = Call::Sent;
    }

    /// The call was not made after all.
    pub(crate) const fn unsent(&mut self) {
        self.call = Call::Unsent;
    }

    /// The call has returned an answer: the breaker has what it needs.
    pub(crate) fn answered(&mut self, stream: &Stream) {
        self.call = Call::Returned;
        self.spend(stream, CallOutcome::Success);
    }

    /// The call has failed, and this is known of it. A call that was refused before it was read costs
    /// nothing. A rate limit is told to all who share the limiter, unless the route does so.
    pub(crate) fn failed(&mut self, fault: &Fault, routed: bool) {
        /// However long was asked for: the next refusal makes everybody wait again.
        const LONGEST: Duration = Duration::from_secs(3_600);
        if let (Some(rate), Some(asked)) = (&self.rate, fault.asked)
            && fault.kind == FaultKind::RateLimit
            && !routed
        {
            rate.limiter().pause(asked.min(LONGEST));
        }
        if fault.may_be_billed() || self.observed.is_some() {
            return;
        }
        self.call = Call::Refused;
        if let Some(rate) = self.rate.take() {
            // A request that was refused is counted as one, without its tokens.
            let sent = fault.reach != Reach::NotSent;
            rate.adjust(if sent { Demand::request() } else { Demand::default() });
        }
    }
}

/// # Spending
impl Held<'_> {
    /// Gives the breaker this outcome, unless it has one.
    ///
    /// A cancelled call says so rather than dropping the permit: dropped by a neighbour's panic under
    /// `join!`, it would count as failed.
    #[inline]
    pub(crate) fn spend(&mut self, stream: &Stream, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        let breaker = permit.breaker().clone();
        if let Some(change) = permit.record(outcome) {
            tell::breaker(stream, breaker.name(), change);
        }
    }

    /// Puts the usage in the place of the rate that was reserved. A call that was never sent gives it
    /// back; one whose usage is not known keeps it.
    #[inline]
    fn settle_rate(&mut self, usage: Option<&ReportedUsage>) {
        let Some(rate) = self.rate.take() else { return };
        match usage {
            Some(usage) => {
                let tokens = &usage.tokens;
                let used = Demand::request()
                    .input_tokens(tokens.total_input_tokens())
                    .output_tokens(tokens.total_output_tokens());
                rate.adjust(used);
            }
            None if self.call == Call::Unsent => rate.cancel(),
            None => drop(rate),
        }
    }

    /// Bills an answer. Where nobody has read its usage, it costs what was reserved.
    #[inline]
    pub(crate) fn bill_answer(
        &mut self,
        money: &Money,
        model: &Arc<str>,
        usage: Option<ReportedUsage>,
    ) -> Bill {
        self.settle_rate(usage.as_ref());
        let Some(funds) = self.funds.take() else { return Bill::default() };
        match usage {
            None if !funds.reserved().is_zero() => {
                money.bill_unknown(model, funds).unwrap_or_default()
            }
            None => money.bill(model, funds, &ReportedUsage::default()),
            Some(usage) => {
                money.note_length(model, &usage);
                money.bill(model, funds, &usage)
            }
        }
    }

    /// Bills a call without an answer by what was observed; else, if it was sent, by what was
    /// reserved.
    pub(crate) fn bill_failure(
        &mut self,
        money: &Money,
        model: &Arc<str>,
        observed: Option<ReportedUsage>,
    ) -> Option<Bill> {
        self.settle_rate(observed.as_ref());
        let funds = self.funds.take()?;
        match (observed, self.call) {
            (Some(mut usage), call) => {
                // The call was cut: what came after this was seen is not known.
                usage.estimated |= call != Call::Returned && usage.cost.is_none();
                Some(money.bill(model, funds, &usage))
            }
            (None, Call::Sent | Call::Returned) => money.bill_unknown(model, funds),
            (None, Call::Unsent | Call::Refused) => None,
        }
    }
}
