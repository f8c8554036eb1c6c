//! Recovery from every shape of failure: the retries, their times and places.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{AgentEventName, ManualClock};
use runtime_orchestrator::{Answer, Attempt, Orchestrator, RecoveryConfig, Turn, TurnError};
use runtime_resilience::{Backoff, FaultKind, FaultScope, JitterMode, Provider, Route, Routes};
use runtime_sinks::testing::RecordingEventSink;
use tokio::task::yield_now;

use super::client::call;
use super::reply::Reply;
use super::server::Server;
use super::shapes::{self, Expected, Shape};
use crate::support::assert_lawful;

/// The first delay of the back-off, and its cap.
const DELAY: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(60);

/// The expected reaction to a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Another attempt at the same place, after a wait.
    Here(Duration),
    /// An attempt at the other provider, at once.
    There,
    /// No further attempt.
    Nowhere,
}

impl Then {
    /// The reaction with another provider.
    fn with_two(fault: &Expected) -> Self {
        match fault.kind {
            // Its recipe changes the request.
            FaultKind::ContextLength => Self::with_one(fault),
            _ if fault.elsewhere => Self::There,
            _ => Self::with_one(fault),
        }
    }

    /// The reaction without another provider.
    fn with_one(fault: &Expected) -> Self {
        let asked = fault.asked.unwrap_or_default();
        match fault.kind {
            _ if asked > CAP => Self::Nowhere,
            // A smaller request waits only if a wait was asked for.
            FaultKind::ContextLength => Self::Here(asked),
            _ if fault.retry => Self::Here((asked + DELAY).min(CAP)),
            _ => Self::Nowhere,
        }
    }
}

#[tokio::test]
async fn each_failure_switches_provider_if_that_can_help() {
    for shape in shapes::all() {
        let first = Server::start([shape.reply.clone(), Reply::ok("first")]).await;
        let other = Server::start([Reply::ok("other")]).await;
        let turn = run(&shape, &[&first, &other]).await;
        let name = &shape.name;
        let then = Then::with_two(&shape.fault);
        let asked = (first.requests().len(), other.requests().len());
        match then {
            Then::There => assert_eq!(asked, (1, 1), "{name}"),
            Then::Here(_) => assert_eq!(asked, (2, 0), "{name}"),
            Then::Nowhere => assert_eq!(asked, (1, 0), "{name}"),
        }
        turn.agrees(name, then);
        if !matches!(then, Then::Here(_)) {
            // At the same place time advanced, and the last reply was an answer.
            assert_eq!(turn.routes.snapshot()[0].rests, rest(&shape.fault), "{name}");
            let route = turn.routes.iter().next().unwrap();
            let counted = route.breaker().snapshot().counts.failures_in_a_row;
            assert_eq!(counted, u32::from(shape.fault.counts), "{name}");
        }
    }
}

#[tokio::test]
async fn each_failure_is_waited_for_or_final_without_a_switch() {
    for shape in shapes::all() {
        let only = Server::start([shape.reply.clone(), Reply::ok("only")]).await;
        let turn = run(&shape, &[&only]).await;
        let then = Then::with_one(&shape.fault);
        let asked = only.requests().len();
        assert_eq!(asked, if then == Then::Nowhere { 1 } else { 2 }, "{}", shape.name);
        turn.agrees(&shape.name, then);
    }
}

/// The rest of the failed place.
fn rest(fault: &Expected) -> Option<Duration> {
    const LONG: Duration = Duration::from_secs(900);
    let rest = match (fault.kind, fault.asked) {
        // A quota does not return in seconds, whatever wait is asked for.
        (FaultKind::Quota | FaultKind::Auth, asked) => asked.max(Some(LONG)),
        (_, Some(asked)) => Some(asked),
        (FaultKind::RateLimit, None) => Some(Duration::from_secs(5)),
        (FaultKind::Overload, None) => Some(Duration::from_secs(2)),
        (FaultKind::Request, None) => Some(LONG),
        _ => None,
    };
    rest.filter(|_| fault.cools != FaultScope::Call)
}

/// The result of a turn.
struct Ran {
    outcome: Result<Answer<String>, TurnError>,
    waited: Vec<Duration>,
    routes: Routes,
    events: RecordingEventSink,
}

impl Ran {
    fn agrees(&self, name: &str, then: Then) {
        let wait = match then {
            Then::Here(wait) if !wait.is_zero() => vec![wait],
            _ => Vec::new(),
        };
        assert_eq!(self.waited, wait, "{name}");
        match (then, &self.outcome) {
            (Then::Nowhere, Err(error)) => {
                assert!(error.is_final(), "{name}: {error}");
                assert_eq!(self.events.all(AgentEventName::RecoveryEscalated).len(), 1, "{name}");
            }
            (Then::Here(_) | Then::There, Ok(answer)) => {
                assert_eq!(answer.attempts, 2, "{name}");
                let switched = self.events.all(AgentEventName::RecoveryProviderSwitched).len();
                assert_eq!(switched == 1, then == Then::There, "{name}");
                assert_eq!(self.events.all(AgentEventName::RecoverySucceeded).len(), 1, "{name}");
            }
            (_, outcome) => panic!("{name}: {then:?}, and not {outcome:?}"),
        }
        assert_lawful(&self.events.events());
    }
}

/// Runs one turn on providers with the shape's failure, the first provider first.
async fn run(shape: &Shape, servers: &[&Server]) -> Ran {
    let clock = ManualClock::new();
    let events = RecordingEventSink::new();
    let names = ["first", "other"];
    let routes = names.iter().zip(servers).map(|(name, _)| Route::new(*name, "m"));
    let routes = Routes::ordered(routes).with_clock(Arc::new(clock.clone()));
    let session = Orchestrator::new("writer", "draft")
        .time(clock.clone())
        .event_sink(events.clone())
        .recovery(
            RecoveryConfig::default()
                .routes(routes.clone())
                .backoff(Backoff::default().jitter(JitterMode::None).cap(CAP)),
        )
        .session()
        .expect("the registry takes it");

    let ask = |attempt: Attempt| {
        let at = names.iter().position(|name| *name == attempt.provider());
        let at = at.expect("it is one of them");
        // The other provider has its own shapes.
        let provider = if at == 0 { shape.provider } else { Provider::Other };
        let (addr, path) = (servers[at].addr(), shape.name.clone());
        async move { call(addr, provider, &path).await }
    };
    let mut turn = pin!(session.run_turn_recovering(Turn::model("m"), ask));
    let mut waited = Vec::new();
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut turn => break outcome,
            () = yield_now() => {}
        }
        let told = events.all(AgentEventName::RecoveryAttempted);
        let mut waits = told.iter().filter_map(|event| {
            event.data.as_ref()?.get("wait_seconds")?.as_f64().map(Duration::from_secs_f64)
        });
        let Some(wait) = waits.nth(waited.len()) else { continue };
        // Not a nanosecond earlier.
        clock.advance(wait.saturating_sub(Duration::from_nanos(1)));
        let asked = servers[0].requests().len();
        for _ in 0..8 {
            tokio::select! {
                biased;
                outcome = &mut turn => panic!("{}: too early: {outcome:?}", shape.name),
                () = yield_now() => {}
            }
        }
        assert_eq!(servers[0].requests().len(), asked, "{}: too early", shape.name);
        clock.advance(Duration::from_nanos(1));
        waited.push(wait);
    };
    Ran { outcome, waited, routes, events }
}
