//! Fan-out, closures and errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use runtime_events::AgentEvent;
use runtime_sinks::{
    EventFanOut, EventSink, FanOutError, RingBufferEventSink, RingBufferUsageSink, SinkError,
    SinkStats, UsageFanOut, UsageRecord, UsageSink,
};

use crate::common::{event, record};

#[test]
fn all_sinks_are_called_even_if_some_fail() {
    let (first, last) = (RingBufferEventSink::new(), RingBufferEventSink::new());
    let all = EventFanOut::new()
        .with(first.clone())
        .with(|_: &Arc<AgentEvent>| Err(SinkError::new("post", "connection refused")))
        .with(|_: &Arc<AgentEvent>| -> Result<(), SinkError> { panic!("a bug in a sink") })
        .with(Arc::new(last.clone()));

    let error = all.emit(&event(1)).unwrap_err();
    assert_eq!((first.len(), last.len()), (1, 1));
    assert_eq!(
        error.to_string(),
        "cannot emit to all sinks: 2 of 4 failed: \
         sink 1: cannot post: connection refused; sink 2: panicked: a bug in a sink"
    );
    let source = error.cause().downcast_ref::<FanOutError>().unwrap();
    let places: Vec<usize> = source.failures.iter().map(|(place, _)| *place).collect();
    assert_eq!((places, source.sinks), (vec![1, 2], 4));
}

/// A queue before the sinks counts by it, as by a sink that panics behind the queue itself.
#[test]
fn sink_that_panics_has_lost_all_events_that_it_was_given() {
    struct Broken;
    impl EventSink for Broken {
        fn emit(&self, _event: &Arc<AgentEvent>) -> Result<(), SinkError> {
            Ok(())
        }

        fn emit_all(&self, _events: &[Arc<AgentEvent>]) -> Result<(), SinkError> {
            panic!("a bug in a sink")
        }
    }
    let all = EventFanOut::new().with(RingBufferEventSink::new()).with(Broken);
    let events = [event(1), event(2), event(3)];
    assert_eq!(all.emit_all(&events).unwrap_err().lost(), 3);
}

#[test]
fn usage_records_fan_out() {
    let latest = RingBufferUsageSink::new();
    let all = UsageFanOut::new()
        .with(|_: &UsageRecord| Err(SinkError::new("insert", "disk full")))
        .with(latest.clone());
    let error = all.clone().record(&record(7)).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot record to all sinks: 1 of 2 failed: sink 0: cannot insert: disk full"
    );
    assert_eq!(latest.records(), [record(7)]);
    assert!(UsageSink::flush(&all).is_ok());
}

#[test]
fn flush_reaches_every_sink() {
    #[derive(Default)]
    struct Flushed(AtomicU32);

    impl EventSink for Flushed {
        fn emit(&self, _event: &Arc<AgentEvent>) -> Result<(), SinkError> {
            Ok(())
        }

        fn flush(&self) -> Result<(), SinkError> {
            // Relaxed: one thread writes and reads it.
            self.0.fetch_add(1, Ordering::Relaxed);
            Err(SinkError::new("flush", "disk full"))
        }
    }

    let sinks = [Arc::new(Flushed::default()), Arc::new(Flushed::default())];
    let all = EventFanOut::new().with(sinks[0].clone()).with(sinks[1].clone());
    assert!(
        all.flush().unwrap_err().to_string().starts_with("cannot flush all sinks: 2 of 2 failed")
    );
    assert_eq!(sinks.map(|sink| sink.0.load(Ordering::Relaxed)), [1, 1]);
}

#[test]
fn shared_sink_is_flushed_and_has_its_stats() {
    struct Inner;

    impl EventSink for Inner {
        fn emit(&self, _event: &Arc<AgentEvent>) -> Result<(), SinkError> {
            Ok(())
        }

        fn stats(&self) -> Option<SinkStats> {
            let mut stats = SinkStats::default();
            stats.accepted = 7;
            Some(stats)
        }
    }

    impl UsageSink for Inner {
        fn record(&self, _record: &UsageRecord) -> Result<(), SinkError> {
            Ok(())
        }

        fn flush(&self) -> Result<(), SinkError> {
            Err(SinkError::new("flush", "disk full"))
        }
    }

    let events: Arc<dyn EventSink> = Arc::new(Inner);
    assert_eq!(EventSink::stats(&events).unwrap().accepted, 7);
    let usage: Arc<dyn UsageSink> = Arc::new(Inner);
    assert_eq!(UsageSink::flush(&usage).unwrap_err().to_string(), "cannot flush: disk full");
}

#[test]
fn empty_fan_out_accepts_events() {
    let none = EventFanOut::default();
    assert!(none.emit(&event(1)).is_ok() && none.flush().is_ok());
}
