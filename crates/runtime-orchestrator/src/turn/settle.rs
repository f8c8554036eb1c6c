//! The ways a turn ends. The first one settles it; later ones change nothing.

use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;

use runtime_events::payload::{TurnEnded, Word, Words};
use runtime_events::{AgentEventStatus, AgentFailureClass, Data, FailureScenario, SpanOutcome};
use runtime_policy::GuardrailViolatedError;
use runtime_resilience::{CallOutcome, Failure, TimeoutPhase};
use runtime_usage::ReportedUsage;

use crate::core::{Core, interrupts};
use crate::error::{BoxError, DeadlineExceededError, TurnError, TurnTimeoutError, text_of};
use crate::failure::{failure, refused_inside};
use crate::limits::Kind;
use crate::parts::money::{Bill, Money};
use crate::tell;
use crate::turn::active::{ActiveTurn, Answer, Settled};
use crate::turn::part::Part;
use crate::wait::{Interrupted, NoThreadError, flagged};

impl ActiveTurn<'_> {
    /// Settles an answered call. Without a usage, the observed one counts. A turn that was cut
    /// short keeps its bill.
    ///
    /// It fills `bill`, which is empty: see [`Till::bill`](crate::parts::money::Till::bill).
    fn answered(&mut self, usage: Option<&ReportedUsage>, bill: &mut Bill) {
        if self.close(CallOutcome::Success) {
            billed(self, usage, bill);
        } else if let Some(before) = self.bill.take() {
            *bill = *before;
        }
    }

    pub(crate) fn failed<E: Into<BoxError> + 'static>(&mut self, error: E) -> Failure {
        // The rules of the classifier are the caller's code.
        let Self { core, polling, .. } = &mut *self;
        let (classifier, clock) = (&core.setup.recovery.classifier, core.time.clock());
        let failure = flagged(polling, || failure(error, classifier, clock.utc_now()));
        if failure.error().is::<NoThreadError>() {
            self.held.unsent();
        }
        let observed = self.held.take_observed(self.pace.pulse());
        self.held.observe(observed);
        if !self.settled {
            self.held.failed(&failure.fault(), self.part.is_routed());
        }
        // A rate limit, or an error of the caller's own, does not count against the provider.
        let counts = failure.counts() && !refused_inside(&failure);
        if self.close(if counts { CallOutcome::Failure } else { CallOutcome::Ignored }) {
            let class = failure.failure_class();
            self.stopped(SpanOutcome::Failed, class, Some(failure.scenario()), &failure);
        }
        failure
    }

    /// Settles after a guardrail's objection: to the prompt, before the call, or to the answer,
    /// which is billed.
    pub(crate) fn objected(&mut self, violation: &GuardrailViolatedError) {
        if self.close(CallOutcome::Success) {
            let class = AgentFailureClass::GuardrailViolation;
            self.stopped(SpanOutcome::Failed, class, None, violation);
        }
    }

    /// Notes that the call has returned an answer.
    #[inline]
    pub(crate) fn call_succeeded(&mut self) {
        self.pace.answered();
        self.held.answered(&self.core.stream);
    }

    pub(crate) fn answer<T>(&mut self, value: T, usage: Option<&ReportedUsage>) -> Answer<T> {
        let model = Arc::clone(&self.model);
        let mut bill = Bill::default();
        self.answered(usage, &mut bill);
        let Bill {
            usage,
            cost,
            finish_reasons,
            estimated,
            reported: cost_reported,
            marks,
            over_budget,
        } = bill;
        let (attempts, provider) = (1, None);
        Answer {
            value,
            usage: usage.unwrap_or_default(),
            cost,
            cost_reported,
            estimated,
            finish_reasons,
            marks,
            over_budget,
            attempts,
            model,
            provider,
        }
    }

    /// Settles a call that was never sent.
    ///
    /// Permit and reservations are released, but the iteration counts. The turn ends as cancelled.
    pub fn release(mut self) {
        self.held.unsent();
        self.held.take_observed(self.pace.pulse());
        if self.close(CallOutcome::Ignored) {
            let class = AgentFailureClass::Cancelled;
            self.stopped(SpanOutcome::Cancelled, class, None, &Message("the call was not sent"));
        }
    }

    /// [Releases](Self::release) a call that was not sent, if the turn's time or the session is over by now: for a
    /// caller that has waited for something of its own since the admission.
    ///
    /// [`run`](Self::run) then returns the reason.
    pub fn release_if_late(&mut self) {
        if let Some(late) = interrupts(&self.core, &self.pace) {
            self.held.unsent();
            drop(self.interrupted(late));
        }
    }

    /// Settles an interrupted call, or one that guardrails have not yet let begin.
    pub(crate) fn interrupted(&mut self, interrupted: Interrupted) -> TurnError {
        let call_began = self.held.is_sent();
        // The call's own timeout counts as a failure for the breaker. The timeout of the whole
        // turn, the session's deadline and its end do not.
        let mut blame = CallOutcome::Ignored;
        let (error, outcome): (TurnError, _) = match interrupted {
            Interrupted::Time(Kind::Timeout(phase), timeout) => {
                if phase != TimeoutPhase::Total {
                    blame = CallOutcome::Failure;
                }
                (TurnTimeoutError { timeout, phase }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Time(Kind::Deadline, deadline) => {
                (DeadlineExceededError { deadline, call_began }.into(), SpanOutcome::TimedOut)
            }
            Interrupted::Closed(end) => (end.closed(call_began).into(), SpanOutcome::Cancelled),
        };
        if self.close(blame) {
            let class = if outcome == SpanOutcome::Cancelled {
                AgentFailureClass::Cancelled
            } else {
                error.failure_class()
            };
            self.stopped(outcome, class, error.scenario(), &error);
        }
        error
    }

    /// Settles the turn and records the outcome at the breaker. `false` if the turn was already
    /// settled.
    #[inline]
    fn close(&mut self, outcome: CallOutcome) -> bool {
        if mem::replace(&mut self.settled, true) {
            return false;
        }
        if let Some(mut vigil) = self.vigil.take() {
            vigil.leave(&*self.core);
        }
        let outcome = if self.held.is_sent() { outcome } else { CallOutcome::Ignored };
        self.held.spend(&self.core.stream, outcome);
        true
    }

    /// Ends the turn without an answer.
    fn stopped(
        &mut self,
        outcome: SpanOutcome,
        class: AgentFailureClass,
        scenario: Option<FailureScenario>,
        error: &(dyn Error + 'static),
    ) {
        let Core { stream, money, .. } = &*self.core;
        let observed = self.held.take_observed(self.pace.pulse());
        let bill = self.held.bill_failure(money.till(stream.payer()), &self.model, observed);
        if stream.is_heard() {
            let status = match outcome {
                SpanOutcome::Cancelled => AgentEventStatus::Cancelled,
                _ => AgentEventStatus::Failed,
            };
            let [.., failed] = self.part.names();
            let mut event = self
                .part
                .event(stream, failed, status, self.span)
                .with_failure_class(class)
                .with_detail(text_of(error))
                .with_outcome(outcome);
            let bill = bill.as_ref().map(|bill| (bill, money));
            event.data = data(&self.part, &self.model, bill, scenario);
            stream.emit(event);
        }
        self.part.ended(bill.as_ref(), outcome);
        if let Some(bill) = bill {
            tell::marks(stream, &bill.marks);
            self.bill = Some(Box::new(bill));
        }
        if self.held.is_answered() {
            tell::overspent(stream, money);
        }
        self.core.log_failure("turn", error);
    }
}

/// The bill of an answer, and the events that tell it.
fn billed(turn: &mut ActiveTurn<'_>, usage: Option<&ReportedUsage>, bill: &mut Bill) {
    let observed = if usage.is_none() { turn.held.take_observed(turn.pace.pulse()) } else { None };
    let usage = usage.or(observed.as_ref());
    let Core { stream, money, .. } = &*turn.core;
    turn.held.bill_answer(money.till(stream.payer()), &turn.model, usage, bill);
    let [_, completed, _] = turn.part.names();
    let ends = (completed, AgentEventStatus::Completed, turn.part.spans(stream, turn.span));
    stream.emit_with(turn.part.names_of(&turn.model), ends, |event| {
        event.outcome = Some(SpanOutcome::Ok);
        event.data = data(&turn.part, &turn.model, Some((bill, money)), None);
    });
    turn.part.ended(Some(bill), SpanOutcome::Ok);
    tell::marks(stream, &bill.marks);
    if let Part::Turn { .. } = turn.part {
        // For a turn with attempts, the budget is checked at the end of the turn.
        bill.over_budget = tell::overspent(stream, money);
    }
}

/// The payload of a call's last event.
fn data(
    part: &Part<'_>,
    model: &Arc<str>,
    bill: Option<(&Bill, &Money)>,
    scenario: Option<FailureScenario>,
) -> Option<Data> {
    let mut ended = TurnEnded::default();
    if !model.is_empty() {
        ended.model = Some(Word::Shared(model));
        if let Some((bill, money)) = bill {
            bill.note(&mut ended);
            tell::balance(money, &mut ended);
        }
    }
    match part.place() {
        Some(place) => {
            ended.attempt = Some(place.number);
            ended.provider = place.provider.as_ref().map(Word::Shared);
            ended.hedge = place.hedge;
        }
        None => ended.scenario = scenario.map(|scenario| Word::Literal(scenario.as_str())),
    }
    let mut data = ended.data();
    if let Some((bill, _)) = bill.filter(|_| !model.is_empty()) {
        bill.note_finish(&mut data);
    }
    Some(data).filter(|data| !data.is_empty())
}

impl Bill {
    /// Writes why the answer ended into the data of an event.
    #[inline]
    pub(crate) fn note_finish(&self, data: &mut Data) {
        if self.finish_reasons == [None; 6] {
            return;
        }
        let words: Vec<_> = self.finish_reasons.iter().flatten().map(|it| it.as_str()).collect();
        let ended =
            TurnEnded { finish_reasons: Some(Words::Written(&words)), ..TurnEnded::default() };
        ended.write(data);
    }

    /// Writes the bill into the payload of an event.
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
    pub(super) fn of(turn: &mut ActiveTurn<'_>, usage: Option<&ReportedUsage>) -> Self {
        let mut bill = Bill::default();
        turn.answered(usage, &mut bill);
        Self {
            usage: bill.usage.unwrap_or_default(),
            cost: bill.cost,
            cost_reported: bill.reported,
            estimated: bill.estimated,
            finish_reasons: bill.finish_reasons,
            marks: bill.marks,
            over_budget: bill.over_budget,
        }
    }

    /// The answer of this model that was billed so.
    pub fn answer<T>(self, value: T, model: impl Into<Arc<str>>) -> Answer<T> {
        Answer {
            usage: self.usage,
            cost: self.cost,
            cost_reported: self.cost_reported,
            estimated: self.estimated,
            finish_reasons: self.finish_reasons,
            marks: self.marks,
            over_budget: self.over_budget,
            ..Answer::recorded(value, model)
        }
    }
}

impl Drop for ActiveTurn<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        if self.polling {
            self.core.life.note_panic();
            self.close(CallOutcome::Failure);
            let class = AgentFailureClass::Unknown;
            let panicked = Message("the caller's code panicked");
            self.stopped(SpanOutcome::Panicked, class, None, &panicked);
        } else {
            cancelled(self);
        }
    }
}

/// The bill of a call without an answer, which is cancelled if it goes on.
pub(crate) fn unanswered(turn: &mut ActiveTurn<'_>) -> Answer<()> {
    if !turn.settled {
        cancelled(turn);
    }
    turn.answer((), None)
}

fn cancelled(turn: &mut ActiveTurn<'_>) {
    turn.close(CallOutcome::Ignored);
    let class = AgentFailureClass::Cancelled;
    let lost = turn.pace.pulse().is_some_and(|pulse| pulse.has_lost());
    let dropped = Message(if lost { "another attempt was faster" } else { "the turn was dropped" });
    turn.stopped(SpanOutcome::Cancelled, class, None, &dropped);
}

/// A reason that is not the caller's error.
#[derive(Debug)]
struct Message(&'static str);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Message {}
