//! The session's events: one order, one number each, and a bounded memory of them.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use runtime_events::{AgentEvent, Clock, Labels};
use runtime_sinks::{EventSink, SinkError};

use crate::orchestrator::Setup;

/// Numbers events, keeps the last of them and hands all of them to the sink.
pub(crate) struct Stream {
    sink: Option<Arc<dyn EventSink>>,
    capacity: NonZeroUsize,
    keeps: bool,
    clock: Arc<dyn Clock>,
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    seq: u64,
    labels: Option<Arc<Labels>>,
    log: VecDeque<Arc<AgentEvent>>,
    sink_failures: u64,
}

/// A sink did not take an event. Only the first failure carries its text.
pub(crate) type SinkFailure = Option<String>;

impl Stream {
    /// That of a session that opened at `started`.
    pub(crate) fn new(setup: &Setup, started: Instant) -> Self {
        let labels = setup.labels.clone();
        let state = State { seq: 0, labels, log: VecDeque::new(), sink_failures: 0 };
        Self {
            sink: setup.event_sink.clone(),
            capacity: setup.event_log,
            keeps: setup.keeps_events,
            clock: Arc::clone(&setup.clock),
            started,
            state: Mutex::new(state),
        }
    }

    /// Whether anybody will see an event.
    pub(crate) const fn is_heard(&self) -> bool {
        self.keeps || self.sink.is_some()
    }

    /// Numbers `event`, keeps it and hands it to the sink, which must not call back.
    ///
    /// One lock around all of it: that is what keeps the order of parallel tools. A sink that
    /// fails or panics is counted; the session goes on.
    pub(crate) fn emit(&self, mut event: AgentEvent) -> SinkFailure {
        if !self.is_heard() {
            return None;
        }
        let mut state = self.state();
        // Under the lock, so that it grows with `seq`; first, for the clock is the caller's code.
        event.elapsed = Some(self.clock.now().saturating_duration_since(self.started));
        state.seq += 1;
        event.seq = Some(state.seq);
        event.labels.clone_from(&state.labels);
        let event = Arc::new(event);
        let evicted =
            if state.log.len() == self.capacity.get() { state.log.pop_front() } else { None };
        let failure = self.sink.as_ref().and_then(|sink| caught(|| sink.emit(&event)));
        if self.keeps {
            state.log.push_back(event);
        }
        let report = state.count(failure);
        drop(state);
        // Freed with the lock released.
        drop(evicted);
        report
    }

    /// Has the sink write what it has buffered; without the lock, for that may take a while.
    pub(crate) fn flush(&self) -> SinkFailure {
        let failure = self.sink.as_ref().and_then(|sink| caught(|| sink.flush()));
        self.state().count(failure)
    }

    /// What every event from here on carries.
    pub(crate) fn labels(&self) -> Option<Arc<Labels>> {
        self.state().labels.clone()
    }

    /// The events that are still kept, the number ever emitted, and the sink's failures.
    pub(crate) fn snapshot(&self) -> (Vec<Arc<AgentEvent>>, u64, u64) {
        let state = self.state();
        (state.log.iter().cloned().collect(), state.seq, state.sink_failures)
    }

    pub(crate) fn label(&self, key: String, value: String) {
        let mut state = self.state();
        Arc::make_mut(state.labels.get_or_insert_default()).insert(key, value);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What may panic in `emit` is the sink, and it is caught.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts a failure, and hands the first one on.
    fn count(&mut self, failure: Option<String>) -> SinkFailure {
        failure.filter(|_| {
            self.sink_failures += 1;
            self.sink_failures == 1
        })
    }
}

/// What kept a sink from doing what it was asked, if anything did.
pub(crate) fn caught(ask: impl FnOnce() -> Result<(), SinkError>) -> Option<String> {
    // The sink is not used for anything else here; what it left broken is its own.
    match catch_unwind(AssertUnwindSafe(ask)) {
        Ok(answer) => answer.err().map(|error| error.to_string()),
        Err(_) => Some("the sink panicked".to_owned()),
    }
}
