//! Draining: wait, cancel the rest, wait for the last events, flush.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_sinks::{EventSink, UsageSink};

use crate::limits::later;
use crate::log::log;
use crate::park::Timer;
use crate::parts::stream::caught;
use crate::report::Drained;
use crate::roster::Roster;

/// The time for cancelled sessions to emit their last events.
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
    /// Begins to drain. `sinks` and the sinks of the open sessions are flushed at the end.
    pub(crate) fn begin(
        roster: Arc<Roster>,
        clock: Arc<dyn Clock>,
        sleeper: Option<Arc<dyn Sleeper>>,
        mut sinks: Sinks,
        timeout: Duration,
    ) -> Self {
        let until = later(clock.now(), timeout);
        for member in roster.begin() {
            sinks.add(member.event_sink(), member.usage_sink());
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

    fn grace(&self) -> Instant {
        later(self.clock.now(), GRACE)
    }

    /// Whether the roster was empty by `until`.
    async fn emptied(&self, until: Instant) -> bool {
        let mut watch = Watch { roster: &self.roster, key: None };
        let mut timer = Timer::new(Arc::clone(&self.clock), self.sleeper.clone(), until);
        poll_fn(|cx| {
            if watch.is_empty(cx.waker()) {
                return Poll::Ready(true);
            }
            if until <= self.clock.now() {
                return Poll::Ready(false);
            }
            Pin::new(&mut timer).poll(cx).map(|()| false)
        })
        .await
    }

    fn finish(self) -> Drained {
        let failures = self.sinks.flush();
        let mut drained = self.roster.report();
        drained.sink_failures = failures;
        for left in &drained.left_over {
            log!(warn, session = %left.session_id, role = %left.role, phase = %left.phase, left_over = %left, "session left over by a drain");
        }
        for failure in &drained.sink_failures {
            log!(warn, error = %failure, "cannot flush a sink");
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

/// A place among the wakers of the roster.
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

/// The sinks of several orchestrators, each once. The keys are addresses, which stay valid because
/// the sinks are held here.
#[derive(Default)]
pub(crate) struct Sinks {
    events: HashMap<usize, Arc<dyn EventSink>>,
    usage: HashMap<usize, Arc<dyn UsageSink>>,
}

impl Sinks {
    pub(crate) fn add(
        &mut self,
        events: Option<&Arc<dyn EventSink>>,
        usage: Option<&Arc<dyn UsageSink>>,
    ) {
        if let Some(sink) = events {
            let at = Arc::as_ptr(sink).cast::<()>().addr();
            self.events.entry(at).or_insert_with(|| Arc::clone(sink));
        }
        if let Some(sink) = usage {
            let at = Arc::as_ptr(sink).cast::<()>().addr();
            self.usage.entry(at).or_insert_with(|| Arc::clone(sink));
        }
    }

    /// Flushes all sinks. Returns their errors.
    fn flush(&self) -> Vec<String> {
        let events = self.events.values().filter_map(|sink| caught(|| sink.flush()));
        let usage = self.usage.values().filter_map(|sink| caught(|| sink.flush()));
        events.chain(usage).collect()
    }
}
