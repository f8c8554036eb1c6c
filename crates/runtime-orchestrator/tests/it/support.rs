//! A fixture on a manual clock, futures polled by hand, and the laws of every event stream.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, ManualClock, SpanOutcome,
};
use runtime_orchestrator::{OrchestrationSession, Orchestrator, RecoveryConfig, Timeout};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitState};
use runtime_sinks::testing::RecordingEventSink;
use runtime_sinks::{EventSink, SinkError};
use runtime_usage::{Balance, ModelPricing, PricingTable, UsageSnapshot, Usd};

pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// A writer on a manual clock that keeps its events.
pub(crate) struct Fixture {
    pub(crate) clock: ManualClock,
    pub(crate) events: RecordingEventSink,
    pub(crate) breaker: CircuitBreaker,
    pub(crate) orchestrator: Orchestrator,
    /// As the orchestrator has it.
    pub(crate) recovery: RecoveryConfig,
}

impl Fixture {
    /// With a breaker that opens at the first failure.
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        let events = RecordingEventSink::new();
        let breaker = breaker(&clock, 1);
        let orchestrator = Orchestrator::new("writer", "draft")
            .time(clock.clone())
            .event_sink(events.clone())
            .circuit_breaker(breaker.clone())
            .pricing(prices());
        Self { clock, events, breaker, orchestrator, recovery: RecoveryConfig::default() }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(Orchestrator) -> Orchestrator) -> Self {
        self.orchestrator = change(self.orchestrator);
        self
    }

    pub(crate) fn recovery(
        mut self,
        change: impl FnOnce(RecoveryConfig) -> RecoveryConfig,
    ) -> Self {
        self.recovery = change(self.recovery);
        self.orchestrator = self.orchestrator.recovery(self.recovery.clone());
        self
    }

    pub(crate) fn deadline(self, after: Duration) -> Self {
        let deadline = limit(&self.clock, after);
        self.with(|orchestrator| orchestrator.deadline(deadline))
    }

    /// The only event with this name.
    pub(crate) fn only(&self, name: AgentEventName) -> Arc<AgentEvent> {
        let all = self.events.all(name);
        assert_eq!(all.len(), 1, "{name}: {all:#?}");
        Arc::clone(&all[0])
    }

    /// After the wait, one probe passes and closes the breaker: no place is leaked.
    pub(crate) fn assert_no_probe_is_leaked(&self) {
        self.clock.advance(WAIT);
        self.breaker.try_acquire().unwrap().success();
        assert_eq!(self.breaker.state(), CircuitState::Closed);
    }

    /// Opens the breaker and waits until it admits a probe.
    pub(crate) fn half_open(&self) {
        self.breaker.record_failure();
        self.clock.advance(WAIT);
        assert_eq!(self.breaker.state(), CircuitState::HalfOpen);
    }
}

/// A timeout on this clock. With a default sleeper a `Duration` converts into one, on the session's
/// clock.
#[cfg(feature = "tokio")]
pub(crate) fn limit(_: &ManualClock, after: Duration) -> Timeout {
    after.into()
}

#[cfg(not(feature = "tokio"))]
pub(crate) fn limit(clock: &ManualClock, after: Duration) -> Timeout {
    Timeout::on(after, Arc::new(clock.clone()))
}

pub(crate) fn breaker(clock: &ManualClock, threshold: u32) -> CircuitBreaker {
    // Without a lease a hanging probe stays, so leaks are noticed.
    let config = CircuitBreakerConfig::default()
        .failure_threshold(threshold.try_into().unwrap())
        .recovery_timeout(WAIT)
        .half_open_lease(Duration::MAX);
    CircuitBreaker::with_clock("svc", config, Arc::new(clock.clone()))
}

/// One model, `m`: one dollar per million input tokens, two per million output tokens.
pub(crate) fn prices() -> PricingTable {
    let prices = PricingTable::new();
    prices.register("m", price(1, 2)).unwrap();
    prices
}

pub(crate) fn price(input: u64, output: u64) -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(input), Usd::from_dollars(output))
}

/// A million input tokens: one dollar for model `m`.
pub(crate) fn dollar() -> UsageSnapshot {
    UsageSnapshot::new(1_000_000, 0)
}

/// The spent amount by the events.
pub(crate) fn billed(events: &[Arc<AgentEvent>]) -> Usd {
    let costs = events.iter().filter_map(|event| {
        let ended = [AgentEventName::TurnCompleted, AgentEventName::TurnFailed];
        let data = event.data.as_ref().filter(|_| ended.contains(&event.event))?;
        data.get("cost_usd")?.as_f64()
    });
    costs.map(|cost| Usd::try_from(cost).unwrap()).sum()
}

/// Checks that account, tracker and events agree, and that nothing is reserved.
pub(crate) fn assert_books_agree(fixture: &Fixture, session: &OrchestrationSession) {
    let Balance { spent, reserved, .. } = session.account().unwrap().balance();
    assert_eq!(spent, billed(&fixture.events.events()));
    assert_eq!(spent, session.tracker().total_cost());
    assert_eq!(reserved, Usd::ZERO);
}

/// Counts wake-ups.
#[derive(Default)]
pub(crate) struct CountingWaker(AtomicUsize);

impl CountingWaker {
    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls `future` up to `polls` times, then drops it.
pub(crate) fn poll_times<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(CountingWaker::default()));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    (0..polls).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

/// The output of a future that is ready without help.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    poll_times(8, future).unwrap()
}

/// The output of a future that other threads end, such as a drain that flushes sinks.
pub(crate) fn wait_for<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    let mut output = None;
    spin_until(|| {
        let Poll::Ready(ready) = future.as_mut().poll(&mut cx) else { return false };
        output = Some(ready);
        true
    });
    output.unwrap()
}

/// Is pending for this number of polls.
pub(crate) async fn yields(times: usize) {
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs `code` on a thread that is left behind if it locks itself out.
pub(crate) fn returns<T: Send + 'static>(code: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(code);
    spin_until(|| thread.is_finished());
    thread.join().unwrap()
}

/// A sink that blocks while its gate is shut.
#[derive(Clone, Default)]
pub(crate) struct GatedSink {
    pub(crate) taken: RecordingEventSink,
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    shut: bool,
    waiting: usize,
}

impl GatedSink {
    pub(crate) fn shut(&self) {
        self.gate.0.lock().unwrap().shut = true;
    }

    pub(crate) fn open(&self) {
        self.gate.0.lock().unwrap().shut = false;
        self.gate.1.notify_all();
    }

    /// The number of threads that the sink blocks.
    pub(crate) fn blocks(&self) -> usize {
        self.gate.0.lock().unwrap().waiting
    }

    fn pass(&self) {
        let mut gate = self.gate.0.lock().unwrap();
        gate.waiting += 1;
        gate = self.gate.1.wait_while(gate, |gate| gate.shut).unwrap();
        gate.waiting -= 1;
    }
}

impl EventSink for GatedSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.pass();
        self.taken.emit(event)
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.pass();
        Ok(())
    }
}

/// Waits until `holds`, without a clock, up to a bound.
pub(crate) fn spin_until(holds: impl FnMut() -> bool) {
    assert!(spins(holds), "the condition did not become true");
}

/// Whether `holds` became true within the bound.
pub(crate) fn spins(mut holds: impl FnMut() -> bool) -> bool {
    (0..5_000_000_u32).any(|_| {
        thread::yield_now();
        holds()
    })
}

/// The laws of one session's stream: `seq` without gaps, no time runs backwards, every span begins
/// once and ends once with an outcome, inside its parent, with one first and one last event.
pub(crate) fn assert_lawful(events: &[Arc<AgentEvent>]) {
    let stream = Stream::read(events);
    assert!(stream.open.is_empty(), "spans left open: {:?}", stream.open);
    assert!(stream.ended, "no terminal event: {events:#?}");
    assert!(events.is_sorted_by_key(|event| (event.emitted_at, event.elapsed)), "{events:#?}");
    assert_whole(events);
}

/// Checks that the reader finds no defect in a log of sessions: no number is missing, and every
/// span begins once and ends once, inside its parent.
pub(crate) fn assert_whole(events: &[Arc<AgentEvent>]) {
    let timeline = runtime_report::Timeline::read(events.iter().map(|event| &**event));
    assert_eq!(timeline.findings(), []);
}

/// The laws of an open session, which may have running calls.
pub(crate) fn assert_lawful_so_far(events: &[Arc<AgentEvent>]) -> usize {
    let stream = Stream::read(events);
    assert!(!stream.ended, "a terminal event: {events:#?}");
    stream.open.len()
}

/// The stream of each session alone: the parent of a child's root span is removed.
pub(crate) fn by_session(events: &[Arc<AgentEvent>]) -> Vec<Vec<Arc<AgentEvent>>> {
    let mut streams = BTreeMap::<_, Vec<Arc<AgentEvent>>>::new();
    for event in events {
        let stream = streams.entry(event.session_id.clone()).or_default();
        let root = stream.first().map_or(event.span, |first| first.span);
        let mut own = AgentEvent::clone(event);
        own.parent = own.parent.filter(|_| own.span != root);
        stream.push(Arc::new(own));
    }
    streams.into_values().collect()
}

struct Stream {
    open: BTreeMap<u64, u64>,
    ended: bool,
}

impl Stream {
    fn read(events: &[Arc<AgentEvent>]) -> Self {
        let first = &events[0];
        assert_eq!(first.event, AgentEventName::AgentStarted);
        assert_eq!((first.parent, first.outcome), (None, None));
        let root = first.span.unwrap().get();
        let (mut open, mut closed, mut ended) = (BTreeMap::new(), Vec::new(), false);
        for (event, seq) in events.iter().zip(1..) {
            assert_eq!(event.seq, Some(seq), "{event:#?}");
            assert_eq!(event.session_id, first.session_id);
            assert!(!ended, "after the terminal event: {event:#?}");
            assert!(seq == 1 || event.event != AgentEventName::AgentStarted);
            match event.span.map(runtime_events::SpanId::get) {
                None => {
                    assert_eq!(event.outcome, None, "an outcome of no span: {event:#?}");
                    if event.event == AgentEventName::AgentBlocked {
                        assert!(event.data.as_ref().unwrap().get("reason").is_some());
                    }
                }
                Some(span) if span == root => {
                    assert_eq!(event.parent, None);
                    if let Some(outcome) = event.outcome {
                        ended = true;
                        assert!(open.is_empty(), "the session ended around {open:?}");
                        assert_terminal(event, outcome);
                    }
                }
                Some(span) => {
                    let parent = event.parent.unwrap().get();
                    assert!(parent == root || open.contains_key(&parent), "no parent: {event:#?}");
                    assert!(!closed.contains(&span), "the span had ended: {event:#?}");
                    if event.outcome.is_some() {
                        assert!(open.remove(&span).is_some(), "ended, not begun: {event:#?}");
                        closed.push(span);
                    } else if begins(event.event) {
                        assert_eq!(open.insert(span, seq), None, "begun twice: {event:#?}");
                    } else {
                        assert!(open.contains_key(&span), "outside any span: {event:#?}");
                    }
                }
            }
        }
        Self { open, ended }
    }
}

const fn begins(name: AgentEventName) -> bool {
    use AgentEventName as Name;
    matches!(name, Name::TurnStarted | Name::AttemptStarted | Name::ToolCalled | Name::WaitStarted)
}

fn assert_terminal(event: &AgentEvent, outcome: SpanOutcome) {
    let expected = match outcome {
        SpanOutcome::Ok => (AgentEventName::AgentCompleted, AgentEventStatus::Completed),
        SpanOutcome::Cancelled => (AgentEventName::AgentFailed, AgentEventStatus::Cancelled),
        _ => (AgentEventName::AgentFailed, AgentEventStatus::Failed),
    };
    assert_eq!((event.event, event.status), expected, "{event:#?}");
    let cancelled = event.failure_class == Some(AgentFailureClass::Cancelled);
    assert_eq!(cancelled, outcome == SpanOutcome::Cancelled, "{event:#?}");
}

pub(crate) fn last_outcome(fixture: &Fixture, name: AgentEventName) -> Option<SpanOutcome> {
    fixture.events.all(name).last().and_then(|event| event.outcome)
}
