//! The breaker as a tower layer: the contract of a service, and the breaker's own promises.

use std::cell::Cell;
use std::future::{self, Future, Ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use runtime_resilience::{
    CallError, CallOutcome, CircuitBreaker, CircuitBreakerConfig, CircuitState,
    tower::BreakerLayer, tower::BreakerService,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::support::{WAIT, breaker, half_open, poll_once, ready, threshold};

type Answer = Pin<Box<dyn Future<Output = Result<u32, &'static str>>>>;

/// A service that insists on the contract: a call needs a readiness of its own instance.
struct Inner {
    asked: Rc<Cell<u32>>,
    is_ready: Poll<Result<(), &'static str>>,
    readied: bool,
    answer: fn() -> Answer,
}

impl Inner {
    fn new(answer: fn() -> Answer) -> Self {
        Self { asked: Rc::default(), is_ready: Poll::Ready(Ok(())), readied: false, answer }
    }
}

impl Clone for Inner {
    fn clone(&self) -> Self {
        Self { asked: self.asked.clone(), readied: false, ..*self }
    }
}

impl Service<()> for Inner {
    type Response = u32;
    type Error = &'static str;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.asked.set(self.asked.get() + 1);
        self.readied |= self.is_ready == Poll::Ready(Ok(()));
        self.is_ready
    }

    fn call(&mut self, (): ()) -> Self::Future {
        assert!(self.readied, "called without being ready");
        self.readied = false;
        (self.answer)()
    }
}

fn answers() -> Answer {
    Box::pin(future::ready(Ok(1)))
}

fn fails() -> Answer {
    Box::pin(future::ready(Err("down")))
}

fn hangs() -> Answer {
    Box::pin(future::pending())
}

fn is_ready<S: Service<()>>(service: &mut S) -> Poll<Result<(), S::Error>> {
    service.poll_ready(&mut Context::from_waker(Waker::noop()))
}

fn layered(breaker: &CircuitBreaker, answer: fn() -> Answer) -> BreakerService<Inner> {
    BreakerLayer::new(breaker.clone()).layer(Inner::new(answer))
}

/// One call, as a caller who keeps the contract makes it.
fn call<S: Service<()>>(service: &mut S) -> Result<S::Response, S::Error> {
    assert!(matches!(is_ready(service), Poll::Ready(Ok(()))));
    ready(service.call(()))
}

#[test]
fn layer_passes_answers_and_errors_on_and_opens() {
    let (breaker, _, _) = breaker(threshold(2));
    assert_eq!(call(&mut layered(&breaker, answers)), Ok(1));
    let mut service = layered(&breaker, fails);
    assert_eq!(call(&mut service), Err(CallError::Failed("down")));
    assert_eq!(call(&mut service), Err(CallError::Failed("down")));
    assert!(matches!(call(&mut service), Err(CallError::Open(_))));
}

#[test]
fn it_is_ready_when_the_service_is() {
    let (breaker, _, _) = breaker(threshold(1));
    let mut inner = Inner::new(answers);
    inner.is_ready = Poll::Pending;
    let mut service = BreakerLayer::new(breaker.clone()).layer(inner.clone());
    assert!(is_ready(&mut service).is_pending());

    inner.is_ready = Poll::Ready(Err("broken"));
    let mut service = BreakerLayer::new(breaker.clone()).layer(inner);
    assert_eq!(is_ready(&mut service), Poll::Ready(Err(CallError::Failed("broken"))));
    assert_eq!(breaker.state(), CircuitState::Closed, "it was not a call");
}

#[test]
fn open_breaker_refuses_without_polling_readiness() {
    let (breaker, _, _) = breaker(threshold(1));
    let mut inner = Inner::new(answers);
    inner.is_ready = Poll::Pending;
    let asked = inner.asked.clone();
    let mut service = BreakerLayer::new(breaker.clone()).layer(inner);
    breaker.record_failure();
    assert!(matches!(call(&mut service), Err(CallError::Open(_))));
    assert_eq!(asked.get(), 0);
    assert_eq!(breaker.snapshot().not_permitted, 1);
}

#[test]
fn call_after_unpolled_readiness_is_refused() {
    let (breaker, clock, _) = breaker(threshold(1));
    let mut service = layered(&breaker, answers);
    breaker.record_failure();
    assert!(is_ready(&mut service).is_ready());
    clock.advance(WAIT);
    assert!(matches!(ready(service.call(())), Err(CallError::Open(_))), "it was not readied");
    assert_eq!(call(&mut service), Ok(1));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_breaker_that_opens_between_readiness_and_call_refuses() {
    let (breaker, _, _) = breaker(threshold(1));
    let mut service = layered(&breaker, answers);
    assert!(is_ready(&mut service).is_ready());
    breaker.record_failure();
    assert!(matches!(ready(service.call(())), Err(CallError::Open(_))));
}

#[test]
fn waiting_for_readiness_holds_no_place_of_a_probe() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    let (mut one, mut other) = (layered(&breaker, answers), layered(&breaker, answers));
    assert!(is_ready(&mut one).is_ready());
    assert_eq!(call(&mut other), Ok(1));
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn ready_instance_is_called_and_its_clone_is_not_ready() {
    let (breaker, _, _) = breaker(threshold(1));
    let mut service = layered(&breaker, answers);
    assert!(is_ready(&mut service).is_ready());
    let mut clone = service.clone();
    assert_eq!(ready(service.call(())), Ok(1));

    breaker.record_failure();
    assert!(is_ready(&mut clone).is_ready());
    let mut other = clone.clone();
    breaker.reset();
    assert!(matches!(ready(clone.call(())), Err(CallError::Open(_))), "it was refused");
    assert_eq!(call(&mut other), Ok(1), "its clone was not");
}

#[test]
fn a_dropped_answer_is_a_cancelled_call_polled_or_not() {
    let (breaker, _, _) = half_open(CircuitBreakerConfig::default());
    let mut service = layered(&breaker, hangs);
    for polls in 0..2 {
        assert!(is_ready(&mut service).is_ready());
        let mut answer = Box::pin(service.call(()));
        for _ in 0..polls {
            assert!(poll_once(&mut answer).is_pending());
        }
        assert_eq!(breaker.snapshot().probes, 1);
        drop(answer);
        assert_eq!(breaker.snapshot().probes, 0);
        assert_eq!(breaker.state(), CircuitState::HalfOpen);
    }
}

#[test]
fn panic_in_service_or_answer_fails_and_beside_it_cancels() {
    let makes: fn() -> Answer = || panic!("on purpose");
    let polls: fn() -> Answer = || Box::pin(async { panic!("on purpose") });
    for answer in [makes, polls] {
        let (breaker, _, _) = breaker(threshold(1));
        let mut service = layered(&breaker, answer);
        assert!(catch_unwind(AssertUnwindSafe(|| call(&mut service))).is_err());
        assert_eq!(breaker.state(), CircuitState::Open);
    }

    let (breaker, _, _) = breaker(threshold(1));
    let mut service = layered(&breaker, hangs);
    assert!(is_ready(&mut service).is_ready());
    let mut answer = Box::pin(service.call(()));
    let beside = || {
        assert!(poll_once(&mut answer).is_pending());
        let _answer = answer;
        panic!("on purpose");
    };
    assert!(catch_unwind(AssertUnwindSafe(beside)).is_err());
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[test]
fn a_judge_decides_which_results_are_failures() {
    let (breaker, _, _) = breaker(threshold(1));
    let quota: fn(&Result<u32, &str>) -> CallOutcome = |result| match result {
        Ok(_) => CallOutcome::Failure,
        Err(_) => CallOutcome::Ignored,
    };
    let layer = BreakerLayer::new(breaker.clone()).judged_by(quota);
    assert!(call(&mut layer.layer(Inner::new(fails))).is_err());
    assert_eq!(breaker.state(), CircuitState::Closed);
    assert_eq!(call(&mut layer.layer(Inner::new(answers))), Ok(1));
    assert_eq!(breaker.state(), CircuitState::Open);
}

#[test]
fn layer_needs_no_bounds_on_a_service() {
    /// Neither `Clone` nor `'static` nor `Send`.
    struct Borrows<'a>(&'a Cell<u32>);
    impl Service<u32> for Borrows<'_> {
        type Response = u32;
        type Error = ();
        type Future = Ready<Result<u32, ()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: u32) -> Self::Future {
            self.0.set(request);
            future::ready(Ok(request))
        }
    }

    let seen = Cell::new(0);
    let mut service = BreakerLayer::new(CircuitBreaker::new("svc")).layer(Borrows(&seen));
    assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(ready(service.call(7)), Ok(7));
    assert_eq!(seen.get(), 7);
}
