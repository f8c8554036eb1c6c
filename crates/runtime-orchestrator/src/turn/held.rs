//! The permit and the reservations of a call, until its outcome.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{
    CallOutcome, CircuitBreaker, Demand, Fault, FaultKind, Permit, RateReservation, Reach,
};
use runtime_usage::{ReportedUsage, UsageSnapshot, Usd};

use crate::parts::money::{Bill, Funds, Till};
use crate::parts::pace::Pulse;
use crate::parts::stream::Stream;
use crate::tell;

/// The permit, the rate and the money that a call holds, and the progress of the call.
pub(crate) struct Held<'s> {
    permit: Option<Permit<Cow<'s, CircuitBreaker>>>,
    rate: Option<Box<RateReservation>>,
    funds: Option<Funds<'s>>,
    call: Call,
    observed: Option<Box<ReportedUsage>>,
}

/// The progress of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    /// It has not begun: guardrails check the prompt. A failure here does not count for the breaker
    /// and costs nothing.
    Unsent,
    /// It may have been made and billed.
    Sent,
    /// It was not reached, was refused before it was read, or the provider failed. It costs nothing.
    Refused,
    /// It has returned an answer. No further usage can be observed.
    Returned,
}

impl<'s> Held<'s> {
    #[inline]
    pub(crate) fn new(
        permit: Option<Permit<Cow<'s, CircuitBreaker>>>,
        rate: Option<RateReservation>,
        funds: Funds<'s>,
    ) -> Self {
        let (rate, funds) = (rate.map(Box::new), Some(funds));
        Self { permit, rate, funds, call: Call::Unsent, observed: None }
    }

    /// The reserved money.
    pub(crate) fn reserved(&self) -> Usd {
        self.funds.as_ref().map(Funds::reserved).unwrap_or_default()
    }

    /// The number of output tokens that the money can pay for.
    pub(crate) fn output_tokens(&self) -> Option<u64> {
        self.funds.as_ref()?.output_tokens()
    }

    /// The reserved rate, if there is a limiter.
    pub(crate) fn rate(&self) -> Option<&RateReservation> {
        self.rate.as_deref()
    }

    /// The usage so far, as the provider reports it.
    pub(crate) fn observe(&mut self, usage: Option<ReportedUsage>) {
        self.observed = usage.map(Box::new);
    }

    /// The observed usage, from here or from inside the attempt.
    #[inline]
    pub(crate) fn take_observed(&mut self, pulse: Option<&Arc<Pulse>>) -> Option<ReportedUsage> {
        self.observed.take().map(|usage| *usage).or_else(|| pulse?.take_usage())
    }
}

/// # Progress of the call
impl Held<'_> {
    /// Whether the call may have been made.
    pub(crate) fn is_sent(&self) -> bool {
        self.call != Call::Unsent
    }

    /// Whether the call has returned an answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.call == Call::Returned
    }

    /// From here the call may have been made.
    pub(crate) const fn sent(&mut self) {
        self.call = Call::Sent;
    }

    /// The call was not made.
    pub(crate) const fn unsent(&mut self) {
        self.call = Call::Unsent;
    }

    /// The call has returned an answer, which the breaker counts as a success.
    #[inline]
    pub(crate) fn answered(&mut self, stream: &Stream) {
        self.call = Call::Returned;
        self.spend(stream, CallOutcome::Success);
    }

    /// The call has failed with this fault. A call that was refused before it was read costs
    /// nothing, nor does one that the provider failed. A rate limit pauses the shared limiter, unless the route pauses its own.
    pub(crate) fn failed(&mut self, fault: &Fault, routed: bool) {
        /// The longest pause. The next refusal starts another one.
        const LONGEST: Duration = Duration::from_secs(3_600);
        if let (Some(rate), Some(asked)) = (&self.rate, fault.asked)
            && fault.kind == FaultKind::RateLimit
            && !routed
        {
            rate.limiter().pause(asked.min(LONGEST));
        }
        // A strict budget keeps the dear reading of a reply that says nothing of usage.
        let is_strict = self.funds.as_ref().is_some_and(Funds::is_strict);
        let may_be_billed = fault.may_be_billed() || (fault.reach == Reach::Failed && is_strict);
        if may_be_billed || self.observed.is_some() {
            return;
        }
        self.call = Call::Refused;
        if let Some(rate) = self.rate.take() {
            // A refused request counts without its tokens.
            let sent = fault.reach != Reach::NotSent;
            rate.adjust(if sent { Demand::request() } else { Demand::default() });
        }
    }
}

/// # Spending
impl Held<'_> {
    /// Records the outcome at the breaker, if none was recorded.
    ///
    /// A cancelled call records its outcome instead of dropping the permit: a drop during a
    /// neighbour's panic under `join!` would count as a failure.
    #[inline]
    pub(crate) fn spend(&mut self, stream: &Stream, outcome: CallOutcome) {
        let Some(mut permit) = self.permit.take() else { return };
        if let Some(change) = permit.settle(outcome) {
            tell::breaker(stream, permit.breaker().name(), change);
        }
    }

    /// Replaces the reserved rate by the usage. A call that was never sent releases the rate; a
    /// call with unknown usage keeps it.
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

    /// Bills an answer. Without a usage, the reservation is billed.
    #[inline]
    pub(crate) fn bill_answer(
        &mut self,
        till: Till<'_>,
        model: &Arc<str>,
        usage: Option<&ReportedUsage>,
        bill: &mut Bill,
    ) {
        self.settle_rate(usage);
        let Some(funds) = self.funds.take() else { return };
        match usage {
            None if !funds.reserved().is_zero() => {
                *bill = till.bill_unknown(model, funds).unwrap_or_default();
            }
            // Neither the turn nor its budget knows of a cost.
            None => till.bill(model, funds, &UsageSnapshot::default().into(), bill),
            Some(usage) => {
                till.money.note_length(model, usage);
                till.bill(model, funds, usage, bill);
            }
        }
    }

    /// Bills a call without an answer by its observed usage, or else by its reservation if it was
    /// sent.
    pub(crate) fn bill_failure(
        &mut self,
        till: Till<'_>,
        model: &Arc<str>,
        observed: Option<ReportedUsage>,
    ) -> Option<Bill> {
        self.settle_rate(observed.as_ref());
        let funds = self.funds.take()?;
        match (observed, self.call) {
            (Some(mut usage), call) => {
                // The call was cut short: any later usage is unknown.
                usage.estimated |= call != Call::Returned && usage.cost.is_none();
                let mut bill = Bill::default();
                till.bill(model, funds, &usage, &mut bill);
                Some(bill)
            }
            (None, Call::Sent | Call::Returned) => till.bill_unknown(model, funds),
            (None, Call::Unsent | Call::Refused) => None,
        }
    }
}
