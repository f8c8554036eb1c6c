//! The ways a turn ends. Each settles it once, and the first one counts.

use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{TurnEnded, Word};
use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Data, FailureScenario,
    SpanOutcome,
};
use runtime_policy::GuardrailViolatedError;
use runtime_resilience::{CallOutcome, Demand, Failure, Fault, FaultKind, Reach, TimeoutPhase};
use runtime_usage::ReportedUsage;

use crate::error::{BoxError, DeadlineExceededError, TurnError, TurnTimeoutError};
use crate::failure::{failure, refused_inside};
use crate::limits::Kind;
use crate::parts::money::Bill;
use crate::tell;
use crate::turn::active::{ActiveTurn, Answer, Call, Settled};
use crate::turn::part::Part;
use crate::wait::{Interrupted, NoThreadError};

impl ActiveTurn<'_> {
    /// `None`: nobody but an observer has read the usage.
    pub(super) fn answered(&mut self, usage: Option<ReportedUsage>) -> Settled {
        let usage = usage.or_else(|| self.take_observed());
        if !self.close(true) {
            // It was cut short, and billed then.
            return self.bill.take().map(|bill| Settled::of(*bill)).unwrap_or_default();
        }
        self.settle_rate(usage.as_ref());
        let mut bill = self.bill_answer(usage);
        if self.core.stream.is_heard() {
            let [_, completed, _] = self.part.names();
            let event = self.ended(completed, AgentEventStatus::Completed);
            let mut event = event.with_outcome(SpanOutcome::Ok);
            event.data = self.data(Some(&bill), None);
            self.core.stream.emit(event);
        }
        self.part.ended(Some(&bill), SpanOutcome::Ok);
        tell::marks(&self.core.stream, &bill.marks);
        if let Part::Turn { .. } = self.part {
            // Of a turn with attempts it is judged once the turn has ended.
            bill.over_budget = tell::overspent(&self.core.stream, &self.core.money);
        }
        Settled::of(bill)
    }

    /// What is known to have been used stands for what was reserved of the rate. What was never sent
    /// gives it back; what is not known keeps it.
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

    fn bill_answer(&mut self, usage: Option<ReportedUsage>) -> Bill {
        let Some(funds) = self.funds.take() else { return Bill::default() };
        let unread = usage.is_none();
        if unread && !funds.reserved().is_zero() {
            return self.core.money.bill_unknown(&self.model, funds).unwrap_or_default();
        }
        let usage = usage.unwrap_or_default();
        if !unread {
            self.core.money.note_length(&self.model, &usage);
        }
        self.core.money.bill(&self.model, funds, &usage)
    }

    pub(crate) fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> Failure {
        let failure = failure(error, &self.core.setup.classifier);
        if failure.error().is::<NoThreadError>() {
            self.call = Call::Unsent;
        }
        self.learn_from(&failure);
        if self.close(false) {
            let class = failure.failure_class();
            self.stopped(SpanOutcome::Failed, class, Some(failure.scenario()), &failure);
        }
        failure
    }

    /// Facts about a failure keep it from the breaker, and from the bill.
    fn learn_from(&mut self, failure: &Failure) {
        if !failure.counts() || refused_inside(failure) {
            // Ours, or nobody's: a rate limit says nothing about the provider's health.
            self.cancel_call();
        }
        let fault = failure.fault();
        self.slow_down(&fault);
        self.observed = self.take_observed().map(Box::new);
        if fault.may_be_billed() || self.observed.is_some() || self.settled {
            return;
        }
        self.call = Call::Refused;
        if let Some(rate) = self.rate.take() {
            // A request that was refused is counted as one, without its tokens.
            let sent = fault.reach != Reach::NotSent;
            rate.adjust(if sent { Demand::request() } else { Demand::default() });
        }
    }

    /// A rate limit is told to all who share the limiter; where there are routes, they tell it.
    fn slow_down(&self, fault: &Fault) {
        /// However long was asked for: who is told again waits again.
        const LONGEST: Duration = Duration::from_secs(3_600);
        let (Some(rate), Some(asked)) = (&self.rate, fault.asked) else { return };
        if fault.kind == FaultKind::RateLimit && !self.part.is_routed() {
            rate.limiter().pause(asked.min(LONGEST));
        }
    }

    /// The model's answer came and a guardrail objected: it is paid for all the same.
    pub(crate) fn withheld(&mut self, violation: &GuardrailViolatedError) {
        if self.close(true) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, None, violation);
        }
    }

    /// A guardrail objected to the prompt: nothing was called.
    pub(crate) fn rejected(&mut self, violation: &GuardrailViolatedError) {
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, None, violation);
        }
    }

    /// The call has returned an answer: the breaker has what it needs.
    pub(crate) fn call_succeeded(&mut self) {
        self.call = Call::Returned;
        self.pace.answered();
        self.spend(CallOutcome::Success);
    }

    pub(crate) fn answer<T>(&mut self, value: T, usage: Option<ReportedUsage>) -> Answer<T> {
        let model = Arc::clone(&self.model);
        let settled = self.answered(usage);
        let Settled { usage, cost, cost_reported, estimated, marks, over_budget } = settled;
        let (attempts, provider) = (1, None);
        Answer {
            value,
            usage,
            cost,
            cost_reported,
            estimated,
            marks,
            over_budget,
            attempts,
            model,
            provider,
        }
    }

    /// The call was never sent.
    pub(super) fn withdrawn(&mut self) {
        self.call = Call::Unsent;
        self.take_observed();
        self.cancel_call();
        if self.close(false) {
            let class = AgentFailureClass::Cancelled;
            self.stopped(SpanOutcome::Cancelled, class, None, &Message("the call was not sent"));
        }
    }

    /// The call was cut short; or, while guardrails look at the prompt, did not begin.
    pub(crate) fn interrupted(&mut self, interrupted: Interrupted) -> TurnError {
        let call_began = self.call != Call::Unsent;
        let (error, outcome): (TurnError, _) = match interrupted {
            // Its own timeout is a failure of what was called, and the breaker's business; the
            // session's deadline and its end are not.
            Interrupted::Time(Kind::Timeout(phase), timeout) => {
                if phase == TimeoutPhase::Total {
                    self.cancel_call();
                }
                (TurnTimeoutError { timeout, phase }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Time(Kind::Deadline, deadline) => {
                self.cancel_call();
                (DeadlineExceededError { deadline, call_began }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Closed(end) => {
                self.cancel_call();
                (end.closed(call_began).into(), SpanOutcome::Cancelled)
            }
        };
        if self.close(false) {
            let class = if outcome == SpanOutcome::Cancelled {
                AgentFailureClass::Cancelled
            } else {
                error.failure_class()
            };
            self.stopped(outcome, class, error.scenario(), &error);
        }
        error
    }

    /// Spends the permit; `false` if the turn was settled before.
    fn close(&mut self, success: bool) -> bool {
        if mem::replace(&mut self.settled, true) {
            return false;
        }
        self.spend(match success {
            _ if self.call == Call::Unsent => CallOutcome::Ignored,
            true => CallOutcome::Success,
            false => CallOutcome::Failure,
        });
        true
    }

    /// Says so rather than dropping the permit: dropped by a neighbour's panic under `join!`, it
    /// would count as failed.
    fn cancel_call(&mut self) {
        self.spend(CallOutcome::Ignored);
    }

    fn spend(&mut self, outcome: CallOutcome) {
        let Some(permit) = self.permit.take() else { return };
        let breaker = permit.breaker().clone();
        if let Some(change) = permit.record(outcome) {
            tell::breaker(&self.core.stream, breaker.name(), change);
        }
    }

    /// A turn without an answer is billed by what was observed; else, if its call was sent, by
    /// what it had reserved.
    fn stopped(
        &mut self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        scenario: Option<FailureScenario>,
        error: &dyn Error,
    ) {
        let observed = self.take_observed();
        self.settle_rate(observed.as_ref());
        let funds = self.funds.take();
        let bill = funds.filter(|_| self.call.may_cost() || observed.is_some()).and_then(|funds| {
            let Some(mut usage) = observed else {
                return self.core.money.bill_unknown(&self.model, funds);
            };
            // The call was cut: what came after this was seen is not known.
            usage.estimated |= self.call != Call::Returned && usage.cost.is_none();
            Some(self.core.money.bill(&self.model, funds, &usage))
        });
        if self.core.stream.is_heard() {
            let status = match outcome {
                SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
                _ => AgentEventStatus::Failed,
            };
            let [.., failed] = self.part.names();
            let mut event = self
                .ended(failed, status)
                .with_failure_class(class)
                .with_detail(error.to_string())
                .with_outcome(outcome);
            event.data = self.data(bill.as_ref(), scenario);
            self.core.stream.emit(event);
        }
        self.part.ended(bill.as_ref(), outcome);
        if let Some(bill) = bill {
            tell::marks(&self.core.stream, &bill.marks);
            self.bill = Some(Box::new(bill));
        }
        if self.call == Call::Returned {
            tell::overspent(&self.core.stream, &self.core.money);
        }
        self.core.log_failure("turn", &error);
    }

    fn ended(&self, name: AgentEventName, status: AgentEventStatus) -> AgentEvent {
        self.part.event(&self.core.stream, name, status, self.span)
    }

    fn data(&self, bill: Option<&Bill>, scenario: Option<FailureScenario>) -> Option<Data> {
        let mut ended = TurnEnded::default();
        if !self.model.is_empty() {
            ended.model = Some(Word::Shared(&self.model));
            if let Some(bill) = bill {
                bill.note(&mut ended);
                tell::balance(&self.core.money, &mut ended);
            }
        }
        match self.part.place() {
            Some(place) => {
                ended.attempt = Some(place.number);
                ended.provider = place.provider.as_ref().map(Word::Shared);
                ended.hedge = place.hedge;
            }
            None => ended.scenario = scenario.map(|scenario| Word::Literal(scenario.as_str())),
        }
        Some(ended.data()).filter(|data| !data.is_empty())
    }
}

impl Bill {
    /// The facts of a bill, into the payload of an event.
    pub(crate) fn note(&self, ended: &mut TurnEnded<'_>) {
        if let Some(usage) = &self.usage {
            ended.input_tokens = Some(usage.input_tokens);
            ended.output_tokens = Some(usage.output_tokens);
            ended.cache_write_tokens = usage.cache_write_tokens;
            ended.cache_write_1h_tokens = usage.cache_write_1h_tokens;
            ended.cache_read_tokens = usage.cache_read_tokens;
            ended.input_audio_tokens = usage.input_audio_tokens;
            ended.output_audio_tokens = usage.output_audio_tokens;
            ended.reasoning_tokens = usage.reasoning_tokens;
        }
        ended.cost_usd = Some(self.cost.to_f64());
        ended.estimated = self.estimated;
        ended.cost_reported = self.reported;
    }
}

impl Settled {
    fn of(bill: Bill) -> Self {
        let Bill { usage, cost, estimated, reported: cost_reported, marks, over_budget } = bill;
        let usage = usage.unwrap_or_default();
        Self { usage, cost, cost_reported, estimated, marks, over_budget }
    }
}

impl Drop for ActiveTurn<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.polling {
            self.core.life.note_panic();
            self.close(false);
            let class = AgentFailureClass::Unknown;
            let panicked = Message("the caller's code panicked");
            self.stopped(SpanOutcome::Panicked, class, None, &panicked);
        } else {
            self.cancel_call();
            self.close(false);
            let class = AgentFailureClass::Cancelled;
            let lost = self.pace.pulse().is_some_and(|pulse| pulse.has_lost());
            let dropped =
                Message(if lost { "another attempt was faster" } else { "the turn was dropped" });
            self.stopped(SpanOutcome::Cancelled, class, None, &dropped);
        }
    }
}

/// A reason that is no error of anybody's.
#[derive(Debug)]
struct Message(&'static str);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Message {}
