//! The cost of a turn, by how many turns its session has made, and by how many others are made beside it.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator, TelemetryConfig, Turn};
use runtime_resilience::CircuitBreaker;
use runtime_sinks::{RingBufferEventSink, RingBufferUsageSink};
use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};

use crate::measure::{median, nanos, now};
use crate::rows::at_once;

/// The turns before the measured ones.
const POINTS: [u32; 11] =
    [10, 32, 100, 316, 1_000, 3_162, 10_000, 31_623, 100_000, 316_228, 1_000_000];

/// Turns that are measured together.
const TOGETHER: u32 = 10;

/// The turns that all sessions of a point make, at least one session.
const TURNS: u32 = 100_000;

/// What rings keep.
const KEPT: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Each point, and the nanoseconds of a turn after so many.
pub(crate) fn all() -> Result<Vec<(u32, f64)>, BoxError> {
    POINTS.into_iter().map(|point| Ok((point, at(point)?))).collect()
}

fn at(point: u32) -> Result<f64, BoxError> {
    let mut took = Vec::new();
    for _ in 0..(TURNS / point).clamp(1, 1_001) {
        let session = session()?;
        turns(&session, point)?;
        // Few sessions get old, so more of each is measured.
        for _ in 0..(point / 1_000).clamp(1, 31) {
            let start = now();
            turns(&session, TOGETHER)?;
            took.push(nanos(now() - start) / f64::from(TOGETHER));
        }
    }
    Ok(median(&mut took).unwrap_or_default())
}

fn turns(session: &OrchestrationSession, count: u32) -> Result<(), BoxError> {
    let model: Arc<str> = "m".into();
    for _ in 0..count {
        let turn = Turn::model(Arc::clone(&model)).usage(UsageSnapshot::new(1_000, 200));
        let answer = at_once(session.run_turn(turn, async || Ok::<_, BoxError>(1)));
        black_box(answer?);
    }
    Ok(())
}

/// Tasks that each make turns of their own session, all of one orchestrator.
const TASKS: [u32; 3] = [1, 2, 8];

/// Each number of tasks, and the turns that all of them make in a second: the median of a few trials.
pub(crate) fn together() -> Result<Vec<(u32, f64)>, BoxError> {
    const TRIALS: usize = 9;
    let mut rates = TASKS.map(|tasks| (tasks, Vec::new()));
    for _ in 0..TRIALS {
        for (tasks, rates) in &mut rates {
            rates.push(rate(*tasks)?);
        }
    }
    let middle =
        |(tasks, mut rates): (u32, Vec<f64>)| (tasks, median(&mut rates).unwrap_or_default());
    Ok(rates.into_iter().map(middle).collect())
}

fn rate(tasks: u32) -> Result<f64, BoxError> {
    const EACH: u32 = 25_000;
    let orchestrator = orchestrator()?;
    let sessions = (0..tasks).map(|_| orchestrator.session()).collect::<Result<Vec<_>, _>>()?;
    let start = now();
    let ends = thread::scope(|scope| {
        let work = |session| scope.spawn(move || turns(&session, EACH));
        let running: Vec<_> = sessions.into_iter().map(work).collect();
        running.into_iter().map(ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let took = nanos(now() - start);
    for end in ends {
        end.map_err(|_| "a turn panicked")??;
    }
    Ok(f64::from(tasks * EACH) * 1e9 / took)
}

fn session() -> Result<OrchestrationSession, BoxError> {
    Ok(orchestrator()?.session()?)
}

/// With all that the Python original's has: a breaker, prices, an enforced budget, both sinks.
fn orchestrator() -> Result<Orchestrator, BoxError> {
    let prices = PricingTable::new();
    let price = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
    prices.register("m", price)?;
    let orchestrator = Orchestrator::new("writer", "draft")
        .project_id(42)
        .circuit_breaker(CircuitBreaker::new("openai"))
        .pricing(prices)
        .account(&Account::new(Limit::enforced(Usd::from_dollars(8_000_000))))
        .max_iterations(u32::MAX)
        .event_sink(RingBufferEventSink::with_capacity(KEPT))
        .usage_sink(RingBufferUsageSink::with_capacity(KEPT))
        .telemetry(TelemetryConfig::default().event_log(KEPT));
    Ok(orchestrator)
}
