//! The memory of a session that waits: for its first turn, or for a person.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::ManualClock;
use runtime_lifecycle::{AgentRegistry, AgentStatus};
use runtime_orchestrator::{
    Capture, OrchestrationSession, Orchestrator, RecoveryConfig, TelemetryConfig,
};
use runtime_resilience::{RateLimiter, RateLimits, Route, Routes};
use runtime_sinks::{RingBufferEventSink, RingBufferUsageSink};
use runtime_usage::{Account, Limit, UnknownPrice, Usd};

use crate::support::{breaker, limit, price, prices};

/// The most that an idle session may take.
const MOST: usize = 2_176;

/// What is said of it to readers.
const GUIDE: &str = include_str!("../../../../docs/sessions.md");

/// The bytes of each of many values, with their share of the maps that they are in.
fn bytes_of<T>(mut make: impl FnMut() -> T) -> usize {
    const MANY: usize = 1_024;
    let mut kept = Vec::with_capacity(2 * MANY);
    // What is made once is there, and maps have begun to grow.
    kept.extend((0..16).map(|_| make()));
    let counted = allocation_counter::measure(|| kept.extend((0..MANY).map(|_| make())));
    usize::try_from(counted.bytes_current).unwrap() / MANY
}

fn idle(orchestrator: &Orchestrator) -> usize {
    bytes_of(|| orchestrator.session().unwrap())
}

fn bare() -> Orchestrator {
    Orchestrator::new("writer", "draft")
}

fn company() -> Account {
    Account::new(Limit::enforced(Usd::from_dollars(50)).named("company"))
}

fn routes() -> RecoveryConfig {
    RecoveryConfig::default().routes(Routes::ordered([Route::new("a", "m"), Route::new("b", "m")]))
}

/// All that an orchestrator can have.
fn everything(clock: &ManualClock, budget: Limit) -> Orchestrator {
    let kept = NonZeroUsize::new(16).unwrap();
    bare()
        .project_id(42)
        .label("tenant", "acme")
        .circuit_breaker(breaker(clock, 1))
        .rate_limiter(RateLimiter::new("svc", RateLimits::default()))
        .account(&company())
        .budget(budget)
        .pricing(prices())
        .deadline(limit(clock, Duration::from_secs(60)))
        .recovery(routes())
        .telemetry(TelemetryConfig::default().capture(Capture::unredacted()))
        .event_sink(RingBufferEventSink::with_capacity(kept))
        .usage_sink(RingBufferUsageSink::with_capacity(kept))
        .time(clock.clone())
}

#[test]
fn idle_session_is_small_in_every_configuration() {
    let (clock, kept) = (ManualClock::new(), NonZeroUsize::new(16).unwrap());
    let dollar = Limit::enforced(Usd::from_dollars(1));
    let assumed = dollar.clone().unknown_price(UnknownPrice::Assume(price(3, 15)));
    let unheard = TelemetryConfig::default().without_event_log();
    let capture = TelemetryConfig::default().capture(Capture::unredacted());
    let configurations = [
        ("nothing set", bare()),
        ("no event log", bare().telemetry(unheard)),
        ("a project", bare().project_id(42)),
        ("a label", bare().label("tenant", "acme")),
        ("a breaker", bare().circuit_breaker(breaker(&clock, 1))),
        ("a limiter", bare().rate_limiter(RateLimiter::new("svc", RateLimits::default()))),
        ("a shared account", bare().account(&company())),
        ("a budget", bare().budget(dollar.clone())),
        ("a budget in an account", bare().account(&company()).budget(dollar.named("run"))),
        ("an assumed price", bare().budget(assumed.clone())),
        ("rings", bare().event_sink(RingBufferEventSink::with_capacity(kept))),
        ("a usage ring", bare().usage_sink(RingBufferUsageSink::with_capacity(kept))),
        ("a deadline", bare().deadline(limit(&clock, Duration::from_secs(60)))),
        ("routes", bare().recovery(routes())),
        ("a capture", bare().telemetry(capture)),
        ("everything", everything(&clock, assumed.named("run"))),
    ];
    for (what, orchestrator) in configurations {
        let bytes = idle(&orchestrator);
        println!("a session with {what}: {bytes} bytes");
        assert!(bytes <= MOST, "a session with {what} takes {bytes} bytes, and may take {MOST}");
    }
}

/// A row of the guide: what it is about, and its number.
fn said(part: &str) -> usize {
    let row = GUIDE.lines().find_map(|line| line.strip_prefix("| ")?.strip_prefix(part));
    let row = row.unwrap_or_else(|| panic!("the guide says nothing of `{part}`"));
    let number = row.trim_matches(['|', ' ']).replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("`{part}` has no number, but `{row}`"))
}

#[test]
fn guide_says_what_a_session_takes() {
    let registry = AgentRegistry::new();
    let worker = bytes_of(|| {
        let id = Arc::clone(registry.create("writer", "draft", None).unwrap().id());
        for status in [AgentStatus::Initializing, AgentStatus::Running] {
            registry.transition(&id, status, None).unwrap();
        }
    });
    let rules = Arc::new(Limit::enforced(Usd::from_dollars(1)));
    let account = bytes_of(|| Account::new(Arc::clone(&rules)));
    let silent = idle(&bare().telemetry(TelemetryConfig::default().without_event_log()));
    let whole = idle(&bare());
    let (parent, child) = (bare().session().unwrap(), |parent: &OrchestrationSession| {
        bytes_of(|| parent.child("editor").unwrap())
    });
    let parts = [
        ("the session itself", silent - worker),
        ("its worker in the registry", worker),
        ("its first three events, which it keeps", whole - silent),
        ("an account of its own, for a budget", account),
        ("a child, beyond that: settings of its own", child(&parent) - whole),
        ("all together, at most", MOST),
    ];
    let mut wrong = Vec::new();
    for (part, bytes) in parts {
        let said = said(part);
        println!("{part}: {bytes} bytes, and the guide says {said}");
        // Not to the byte, since the maps of a registry grow by steps.
        if bytes.abs_diff(said) * 20 > said {
            wrong.push((part, bytes));
        }
    }
    assert!(wrong.is_empty(), "the guide says something else: {wrong:?}");
}
