//! The sizes of the values that turns and tools move, and the allocations of a turn. Unlike times,
//! both are exact.

use std::future::ready;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use runtime_orchestrator::{ActiveTurn, BoxError, TelemetryConfig, Turn};
use runtime_resilience::CircuitBreaker;
use runtime_sinks::{RingBufferEventSink, RingBufferUsageSink};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use crate::support::Fixture;

/// A call without captures.
fn call() -> std::future::Ready<Result<(), BoxError>> {
    ready(Ok(()))
}

#[test]
fn turns_and_futures_are_small() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = size_of_val(&session.run_turn(Turn::model("m"), call));
    let recovering = size_of_val(&session.run_turn_recovering(Turn::model("m"), |_| call()));
    let tool = size_of_val(&session.run_tool("search", call));
    let begin = size_of_val(&session.begin_turn(Turn::model("m")));
    let sizes = [
        ("Turn<()>", size_of::<Turn>(), 136),
        ("ActiveTurn", size_of::<ActiveTurn<'_>>(), 256),
        ("the future of run_turn", turn, 900),
        ("the future of run_turn_recovering", recovering, 2_048),
        ("the future of run_tool", tool, 600),
        ("the future of begin_turn", begin, 576),
    ];
    for (what, size, most) in sizes {
        println!("{what}: {size} bytes");
        assert!(size <= most, "{what} has {size} bytes, and may have {most}");
    }
}

/// Two events, each shared by the session and its sink, and the data of the second. The first has one pair.
#[test]
fn turn_allocates_three_times() {
    let kept = NonZeroUsize::new(16).unwrap();
    let fixture = Fixture::new().with(|orchestrator| {
        orchestrator
            .circuit_breaker(CircuitBreaker::new("svc"))
            .budget(Limit::enforced(Usd::from_dollars(1_000)))
            .max_iterations(u32::MAX)
            .event_sink(RingBufferEventSink::with_capacity(kept))
            .usage_sink(RingBufferUsageSink::with_capacity(kept))
            .telemetry(TelemetryConfig::default().event_log(kept))
    });
    let session = fixture.orchestrator.session().unwrap();
    let model: Arc<str> = "m".into();
    let turn = || {
        let turn = Turn::model(Arc::clone(&model)).usage(UsageSnapshot::new(1_000, 200));
        let mut turn = pin!(session.run_turn(turn, call));
        assert!(turn.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    };
    // Rings and maps have reached their size.
    (0..64).for_each(|_| turn());
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| turn()));
    let (allocations, bytes) = (counted.count_total, counted.bytes_total);
    println!("100 turns: {allocations} allocations, {bytes} bytes");
    assert!(allocations <= 300, "{allocations} allocations in 100 turns");
    assert_eq!(counted.count_current, 0, "nothing stays");
}

#[test]
fn futures_are_send_even_if_the_reply_is_not_sync() {
    const fn assert_send<T: Send>(_: &T) {}
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let reply = async || Ok::<_, BoxError>(std::cell::Cell::new(1));
    assert_send(&session.run_turn(Turn::model("m"), reply));
    assert_send(&session.run_turn_recovering(Turn::model("m"), async |_| reply().await));
    assert_send(&session.run_tool("search", reply));
    assert_send(&session.begin_turn(Turn::model("m").guarded("prompt")));
    assert_send(&session.pause_for_input("?"));
}
