//! Draining: wait, cancel the rest, wait for the last events, flush.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use runtime_events::{Clock, Sleeper};
use runtime_sinks::{EventSink, UsageSink};

use super::apart::{Job, apart};
use crate::limits::later;
use crate::log::log;
use crate::park::Timer;
use crate::parts::sinks::Sinks;
use crate::parts::sinks::caught;
use crate::report::Drained;
use crate::roster::{Member, Roster};

/// The time for cancelled sessions to emit their last events, and for sinks to flush.
const FOR_SINKS: Duration = Duration::from_secs(1);

/// A drain that has begun.
pub(crate) struct Drain {
    roster: Arc<Roster>,
    clock: Arc<dyn Clock>,
    sleeper: Option<Arc<dyn Sleeper>>,
    sinks: SinkSet,
    until: Instant,
}

impl Drain {
    /// Begins to drain. `sinks` and the sinks of the open sessions are flushed at the end.
    pub(crate) fn begin(
        roster: Arc<Roster>,
        clock: Arc<dyn Clock>,
        sleeper: Option<Arc<dyn Sleeper>>,
        mut sinks: SinkSet,
        timeout: Duration,
    ) -> Self {
        let now = clock.now();
        let until = later(now, timeout);
        for member in roster.begin(now) {
            sinks.add(member.sinks());
        }
        Self { roster, clock, sleeper, sinks, until }
    }

    pub(crate) async fn run(mut self) -> Drained {
        if let Some(closing) = self.roster.to_be_closed()
            && !self.emptied(closing.min(self.until)).await
        {
            for member in self.roster.close() {
                self.sinks.add(member.sinks());
            }
        }
        if !self.emptied(self.until).await {
            let grace = later(self.clock.now(), FOR_SINKS);
            deliver(self.roster.cancel_rest(), self.has_threads()).await;
            self.emptied(grace).await;
        }
        self.finish().await
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

    fn has_threads(&self) -> bool {
        self.sleeper.as_ref().is_none_or(|sleeper| sleeper.has_threads())
    }

    async fn finish(self) -> Drained {
        let failures = self.sinks.flush(self.has_threads()).await;
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
            undelivered = drained.undelivered,
            in_time = drained.in_time,
            "drained"
        );
        drained
    }
}

/// Delivers the last events of cancelled sessions. Sessions with the same sinks share a thread: a
/// sink that blocks holds up only them.
async fn deliver(cancelled: Vec<Arc<dyn Member>>, has_threads: bool) {
    let mut by_sinks: HashMap<_, Vec<Arc<dyn Member>>> = HashMap::new();
    for member in cancelled {
        let Sinks { events, usage } = member.sinks();
        // In the order of the sessions, where there is one thread for all.
        let key = has_threads.then(|| (events.as_ref().map(address), usage.as_ref().map(address)));
        by_sinks.entry(key).or_default().push(member);
    }
    let job = |members: Vec<Arc<dyn Member>>| -> Job<()> {
        Box::new(move || members.iter().for_each(|member| member.deliver()))
    };
    apart(by_sinks.into_values().map(job).collect(), (FOR_SINKS, has_threads)).await;
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
pub(crate) struct SinkSet {
    events: HashMap<usize, Arc<dyn EventSink>>,
    usage: HashMap<usize, Arc<dyn UsageSink>>,
}

impl SinkSet {
    pub(crate) fn add(&mut self, Sinks { events, usage }: Sinks) {
        if let Some(sink) = events {
            self.events.entry(address(&sink)).or_insert(sink);
        }
        if let Some(sink) = usage {
            self.usage.entry(address(&sink)).or_insert(sink);
        }
    }

    /// Flushes all sinks. Returns their errors.
    async fn flush(&self, has_threads: bool) -> Vec<String> {
        let events = self.events.values().cloned();
        let events = events.map(|sink| -> Job<_> { Box::new(move || caught(|| sink.flush())) });
        let usage = self.usage.values().cloned();
        let usage = usage.map(|sink| -> Job<_> { Box::new(move || caught(|| sink.flush())) });
        let flushed = apart(events.chain(usage).collect(), (FOR_SINKS, has_threads)).await;
        let late = || Some(format!("the sink has not returned after {FOR_SINKS:?}"));
        flushed.into_iter().filter_map(|failure| failure.unwrap_or_else(late)).collect()
    }
}

fn address<S: ?Sized>(sink: &Arc<S>) -> usize {
    Arc::as_ptr(sink).cast::<()>().addr()
}
