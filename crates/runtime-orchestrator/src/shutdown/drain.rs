//! Draining: wait, cancel the rest, wait for its last words, flush.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_sinks::{EventSink, UsageSink};

use super::Drained;
use crate::log::log;
use crate::orchestrator::Setup;
use crate::session::roster::Roster;
use crate::session::stream::caught;
use crate::wait::{later, thread_waker};

/// What cancelled sessions have to say their last events.
const GRACE: Duration = Duration::from_secs(1);

/// A drain that has begun.
pub(crate) struct Drain {
    roster: Arc<Roster>,
    clock: Arc<dyn Clock>,
    sleeper: Option<Arc<dyn Sleeper>>,
    sinks: Sinks,
    until: Instant,
}

impl Drain {
    /// `sinks` are flushed at the end, and those of the sessions that are open now.
    pub(crate) fn begin(
        roster: Arc<Roster>,
        clock: Arc<dyn Clock>,
        sleeper: Option<Arc<dyn Sleeper>>,
        mut sinks: Sinks,
        timeout: Duration,
    ) -> Self {
        let until = later(clock.now(), timeout);
        for core in roster.begin() {
            sinks.add(&core.setup);
        }
        Self { roster, clock, sleeper, sinks, until }
    }

    pub(crate) async fn run(self) -> Drained {
        if !self.emptied(self.until).await {
            self.roster.cancel_rest();
            self.emptied(self.grace()).await;
        }
        self.finish()
    }

    pub(crate) fn run_blocking(self) -> Drained {
        if !self.emptied_blocking(self.until) {
            self.roster.cancel_rest();
            self.emptied_blocking(self.grace());
        }
        self.finish()
    }

    fn grace(&self) -> Instant {
        later(self.clock.now(), GRACE)
    }

    /// Whether the last session had left when the time was over.
    async fn emptied(&self, until: Instant) -> bool {
        let mut watch = Watch { roster: &self.roster, key: None };
        let mut timer = None;
        poll_fn(|cx| {
            if watch.is_empty(cx.waker()) {
                return Poll::Ready(true);
            }
            let left = until.saturating_duration_since(self.clock.now());
            if left.is_zero() {
                return Poll::Ready(false);
            }
            let timer = timer
                .get_or_insert_with(|| self.sleeper.as_ref().map(|sleeper| sleeper.sleep(left)));
            match timer {
                Some(timer) => Pin::new(timer).poll(cx).map(|()| false),
                None => Poll::Pending,
            }
        })
        .await
    }

    fn emptied_blocking(&self, until: Instant) -> bool {
        let waker = thread_waker();
        let mut watch = Watch { roster: &self.roster, key: None };
        loop {
            if watch.is_empty(&waker) {
                return true;
            }
            let left = until.saturating_duration_since(self.clock.now());
            if left.is_zero() {
                return false;
            }
            match &self.sleeper {
                Some(sleeper) => sleeper.park(left),
                None => thread::park_timeout(left),
            }
        }
    }

    fn finish(self) -> Drained {
        let failures = self.sinks.flush();
        let mut drained = self.roster.report();
        drained.sink_failures = failures;
        for left in &drained.left_over {
            log!(warn, session = %left.session_id, role = %left.role, phase = %left.phase, left_over = %left, "left over by a drain");
        }
        for failure in &drained.sink_failures {
            log!(warn, error = %failure, "a sink was not flushed");
        }
        log!(
            info,
            ended = drained.ended,
            left_over = drained.left_over.len(),
            in_time = drained.in_time,
            "drained"
        );
        drained
    }
}

/// A place on the roster's list of those to wake when it is empty.
struct Watch<'r> {
    roster: &'r Roster,
    key: Option<u64>,
}

impl Watch<'_> {
    fn is_empty(&mut self, waker: &Waker) -> bool {
        self.roster.watch(&mut self.key, waker)
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.roster.unwatch(key);
        }
    }
}

/// The sinks of some orchestrators, each once. Keyed by where they are: held here, they stay there.
#[derive(Default)]
pub(crate) struct Sinks {
    events: HashMap<usize, Arc<dyn EventSink>>,
    usage: HashMap<usize, Arc<dyn UsageSink>>,
}

impl Sinks {
    pub(crate) fn of(setup: &Setup) -> Self {
        let mut sinks = Self::default();
        sinks.add(setup);
        sinks
    }

    fn add(&mut self, setup: &Setup) {
        if let Some(sink) = &setup.event_sink {
            let at = Arc::as_ptr(sink).cast::<()>().addr();
            self.events.entry(at).or_insert_with(|| Arc::clone(sink));
        }
        if let Some(sink) = &setup.usage_sink {
            let at = Arc::as_ptr(sink).cast::<()>().addr();
            self.usage.entry(at).or_insert_with(|| Arc::clone(sink));
        }
    }

    /// What kept them from writing.
    fn flush(&self) -> Vec<String> {
        let events = self.events.values().filter_map(|sink| caught(|| sink.flush()));
        let usage = self.usage.values().filter_map(|sink| caught(|| sink.flush()));
        events.chain(usage).collect()
    }
}
