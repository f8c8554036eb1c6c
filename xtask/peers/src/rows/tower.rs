//! A call through a closed breaker that is a layer around a tower service.

use std::convert::Infallible;
use std::future;
use std::hint::black_box;
use std::task::{Context, Waker};

use runtime_resilience::{CircuitBreaker, tower::BreakerLayer};
use tower::{Layer, Service, service_fn};
use tower_resilience_circuitbreaker::CircuitBreakerLayer;

use super::at_once;
use crate::measure::Work;
use crate::suite::Suite;

pub(super) fn add(suite: &mut Suite) {
    let ours = BreakerLayer::new(CircuitBreaker::new("peers"));
    // Like ours, it opens after five consecutive failures.
    let peer = CircuitBreakerLayer::builder().consecutive_failures(5).build();
    let peer = peer.expect("five is not zero");

    let ours = suite.ours("breaker, tower layer", Work::alone(calls(ours.layer(echo()))));
    let peer = suite.case(
        "tower-resilience-circuitbreaker 0.14 layer, consecutive",
        Work::alone(calls(peer.layer(echo()))),
    );
    suite.case("tower service without a layer", Work::alone(calls(echo())));
    suite.ratio("breaker, tower layer", ours, peer, 0.2);
}

type Answer = future::Ready<Result<u32, Infallible>>;

/// The inner service, which answers at once.
fn echo() -> impl Service<u32, Response = u32, Error = Infallible, Future = Answer> + Clone + Send {
    service_fn(|request: u32| future::ready(Ok(request)))
}

/// Waits for readiness, calls the service, and polls once.
fn calls<S: Service<u32>>(mut service: S) -> impl FnMut() -> bool {
    move || {
        let ready = service.poll_ready(&mut Context::from_waker(Waker::noop()));
        ready.is_ready() && at_once(service.call(black_box(1))).is_ok()
    }
}
