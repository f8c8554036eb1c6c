//! Turns and rate limits: waits for room, reservations and settlements.

use std::future::pending;
use std::num::{NonZeroU32, NonZeroU64};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEventName, Sleeper};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{Attempt, BoxError, Turn, TurnError};
use runtime_resilience::{
    CircuitState, Demand, Fault, FaultDetails, FaultError, FaultKind, GaveUp, Hedge, NoRetry,
    Provider, RateLimiter, RateLimits, Route, RouteRests, Routes, TimeoutPhase,
};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use crate::recovering::patiently;
use crate::support::{Fixture, assert_books_agree, assert_lawful_so_far, limit, now, spin_until};

const SIXTY: NonZeroU32 = NonZeroU32::new(60).unwrap();
const THOUSAND: NonZeroU64 = NonZeroU64::new(1_000).unwrap();

/// One request per second, one at a time.
fn slow(fixture: &Fixture) -> RateLimiter {
    let limits = RateLimits::default().requests_per_minute(SIXTY).burst(Duration::from_secs(1));
    RateLimiter::with_clock("svc", limits, Arc::new(fixture.clock.clone()))
}

/// A thousand input tokens and a thousand output tokens per minute.
fn by_tokens(fixture: &Fixture) -> RateLimiter {
    let limits =
        RateLimits::default().input_tokens_per_minute(THOUSAND).output_tokens_per_minute(THOUSAND);
    RateLimiter::with_clock("svc", limits, Arc::new(fixture.clock.clone()))
}

fn limited(limiter: impl FnOnce(&Fixture) -> RateLimiter) -> (Fixture, RateLimiter) {
    let fixture = Fixture::new();
    let limiter = limiter(&fixture);
    let shared = limiter.clone();
    (fixture.with(|o| o.rate_limiter(shared)), limiter)
}

async fn answers() -> Result<u32, BoxError> {
    Ok(42)
}

#[test]
fn turn_waits_until_there_is_room_and_no_longer() {
    let (fixture, _) = limited(slow);
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::unmetered(), answers)).unwrap();

    let mut turn = pin!(session.run_turn(Turn::unmetered(), answers));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(Duration::from_millis(999));
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(Duration::from_millis(1));
    let Poll::Ready(answer) = turn.as_mut().poll(&mut cx) else { panic!("there is room") };
    assert_eq!(answer.unwrap().value, 42);
}

#[test]
fn turn_waiting_for_room_holds_no_probe_and_returns_its_money() {
    let (fixture, limiter) = limited(slow);
    let fixture = fixture.with(|o| o.budget(Limit::enforced(Usd::from_dollars(5))));
    let session = fixture.orchestrator.session().unwrap();
    fixture.half_open();
    limiter.pause(Duration::from_secs(90));

    let turn = Turn::model("m").reserve(Usd::from_dollars(1));
    {
        let mut waiting = pin!(session.run_turn(turn, answers));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        assert_eq!(session.account().unwrap().balance().reserved, Usd::from_dollars(1));
        fixture.breaker.try_acquire().unwrap().cancel();
    }
    assert_books_agree(&fixture, &session);
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn room_too_late_is_refused_at_once_with_the_wait() {
    let (fixture, limiter) = limited(slow);
    limiter.pause(Duration::from_secs(90));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::unmetered().timeout(limit(&fixture.clock, Duration::from_secs(10)));
    let Err(TurnError::RateLimited(refused)) = now(session.run_turn(turn, answers)) else {
        panic!("the call was admitted")
    };
    assert_eq!(refused.retry_after, Some(Duration::from_secs(90)));
    let blocked = fixture.only(AgentEventName::AgentBlocked);
    assert_eq!(blocked.data.as_ref().unwrap().get("reason").unwrap(), "rate_limit");
    assert_eq!(fixture.events.all(AgentEventName::TurnStarted).len(), 0);
}

#[test]
fn wait_for_room_does_not_count_for_the_timeout() {
    for kind in [Turn::timeout, Turn::first_token_timeout] {
        let (fixture, limiter) = limited(slow);
        let session = fixture.orchestrator.session().unwrap();
        let ten = Duration::from_secs(10);
        let turn = || kind(Turn::unmetered(), limit(&fixture.clock, ten));
        let clock = &fixture.clock;
        let call = async || {
            clock.sleep(Duration::from_secs(8)).await;
            Ok::<_, BoxError>(42)
        };
        limiter.pause(Duration::from_secs(9));
        let answer = patiently(clock, session.run_turn(turn(), call)).unwrap();
        assert_eq!(answer.value, 42);
        limiter.pause(Duration::from_secs(9));
        let recovering = session.run_turn_recovering(turn(), |attempt| {
            assert!(attempt.time_left().is_none_or(|left| left == ten));
            call()
        });
        let answer = patiently(clock, recovering).unwrap();
        assert_eq!((answer.value, answer.attempts), (42, 1));
        assert_eq!(fixture.breaker.state(), CircuitState::Closed);
    }
}

#[test]
fn wait_for_room_does_not_count_for_the_first_token() {
    let (fixture, limiter) = limited(slow);
    limiter.pause(Duration::from_secs(90));
    let session = fixture.orchestrator.session().unwrap();
    let second = limit(&fixture.clock, Duration::from_secs(1));
    let turn = Turn::unmetered().first_token_timeout(second);
    let answer = patiently(&fixture.clock, session.run_turn(turn, answers)).unwrap();
    assert_eq!(answer.value, 42);
    assert_eq!(fixture.events.all(AgentEventName::AgentBlocked).len(), 0);
}

#[test]
fn wait_for_room_does_not_count_as_a_usual_first_token() {
    let (fixture, limiter) = limited(slow);
    let hedge = Hedge::at_quantile(1.0).minimum_samples(NonZeroU32::MIN);
    let fixture = fixture.recovery(|recovery| recovery.hedge(hedge));
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").repeatable();
    limiter.pause(Duration::from_mins(1));
    let clock = &fixture.clock;
    let usual = async |_| {
        clock.sleep(Duration::from_millis(500)).await;
        answers().await
    };
    patiently(clock, session.run_turn_recovering(turn(), usual)).unwrap();

    fixture.clock.advance(Duration::from_mins(1));
    let hangs = async |_| pending::<Result<u32, BoxError>>().await;
    let mut late = pin!(session.run_turn_recovering(turn(), hangs));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(late.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(Duration::from_secs(1));
    assert!(late.as_mut().poll(&mut cx).is_pending());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 3, "a hedge is sent");
}

#[test]
fn session_end_ends_the_wait_for_room() {
    let (fixture, limiter) = limited(slow);
    limiter.pause(Duration::from_secs(90));
    let session = fixture.orchestrator.session().unwrap();
    let mut turn = pin!(session.run_turn(Turn::unmetered(), answers));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    session.cancel("enough").unwrap();
    let Poll::Ready(Err(TurnError::Closed(closed))) = turn.as_mut().poll(&mut cx) else {
        panic!("it waits on")
    };
    assert_eq!((closed.status, closed.call_began), (AgentStatus::Cancelled, false));
}

#[test]
fn turn_settles_the_rate_with_its_tokens() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(UsageSnapshot::new(800, 400)).max_output(500);
    let left = || {
        let available = limiter.available();
        (available.input_tokens, available.output_tokens)
    };

    let active = now(session.begin_turn(turn())).unwrap();
    assert_eq!(left(), (Some(200), Some(600)));
    active.settle(UsageSnapshot::new(300, 100));
    assert_eq!(left(), (Some(700), Some(900)), "less was used");

    let active = now(session.begin_turn(turn().estimate(UsageSnapshot::new(100, 0)))).unwrap();
    active.settle(UsageSnapshot::new(300, 600));
    assert_eq!(left(), (Some(400), Some(300)), "more was used");

    let active = now(session.begin_turn(turn().estimate(UsageSnapshot::new(400, 100)))).unwrap();
    active.release();
    assert_eq!(left(), (Some(400), Some(300)), "nothing was sent");
}

#[test]
fn turn_demands_the_usual_output_up_to_its_maximum() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let turn = |most| Turn::model("m").estimate(UsageSnapshot::new(1, 0)).max_output(most);
    let asked = |most| {
        fixture.clock.advance(Duration::from_mins(1));
        let active = now(session.begin_turn(turn(most))).unwrap();
        (1_000 - limiter.available().output_tokens.unwrap(), active)
    };
    for _ in 0..20 {
        let (most, active) = asked(900);
        assert_eq!(most, 900, "nothing is usual yet");
        active.settle(UsageSnapshot::new(1, 400));
    }
    let (usual, active) = asked(900);
    assert!((400..=450).contains(&usual), "{usual}");
    active.release();
    let (short, active) = asked(30);
    assert_eq!(short, 30);
    active.release();
}

#[test]
fn demand_that_never_fits_is_refused_at_once() {
    let (fixture, _) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(UsageSnapshot::new(1_001, 0));
    let error = now(session.run_turn_recovering(turn, |_| answers())).unwrap_err();
    let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
    assert_eq!(unrecovered.gave_up, GaveUp::NothingHelps(NoRetry::Pointless));
    assert!(error.is_refusal());
}

#[test]
fn breaker_opened_during_the_wait_releases_the_room() {
    let (fixture, limiter) = limited(by_tokens);
    drop(limiter.try_reserve(Demand::request().input_tokens(1_000)).unwrap());
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(UsageSnapshot::new(800, 0));
    let mut waiting = pin!(session.run_turn(turn, answers));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    fixture.breaker.force_open();
    fixture.clock.advance(Duration::from_secs(48));
    let Poll::Ready(refused) = waiting.as_mut().poll(&mut cx) else { panic!("it waits on") };
    assert!(matches!(refused, Err(TurnError::CircuitOpen(_))));
    assert_eq!(limiter.available().input_tokens, Some(800));
}

#[test]
fn refused_call_counts_as_a_request_without_tokens() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(UsageSnapshot::new(800, 400));
    let fails = async || {
        let fault = Fault::of(FaultKind::RateLimit);
        Err::<u32, _>(FaultError::new(fault, FaultDetails::default()))
    };
    now(session.run_turn(turn, fails)).unwrap_err();
    assert!(limiter.check(Demand::request().input_tokens(1_000).output_tokens(1_000)).is_ok());
    assert_eq!(session.tracker().total_cost(), Usd::ZERO);
}

#[test]
fn unreached_call_returns_its_request() {
    for (phase, left) in [(TimeoutPhase::Connect, 1), (TimeoutPhase::Provider, 0)] {
        let (fixture, limiter) = limited(slow);
        let session = fixture.orchestrator.session().unwrap();
        let fails = async || {
            let fault = Fault::of(FaultKind::Timeout(phase));
            Err::<u32, _>(FaultError::new(fault, FaultDetails::default()))
        };
        now(session.run_turn(Turn::unmetered(), fails)).unwrap_err();
        assert_eq!(limiter.available().requests, Some(left), "{phase:?}");
    }
}

#[test]
fn call_with_unknown_usage_keeps_its_reservation() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(UsageSnapshot::new(800, 400));
    drop(now(session.begin_turn(turn)).unwrap());
    assert!(limiter.check(Demand::request().input_tokens(201)).is_err());
}

const FIFTY_LEFT: [(&str, &str); 2] = [
    ("anthropic-ratelimit-input-tokens-limit", "1000"),
    ("anthropic-ratelimit-input-tokens-remaining", "50"),
];

#[test]
fn headers_update_the_limiter() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let active = now(session.begin_turn(Turn::model("m"))).unwrap();
    active.observe_headers(&FIFTY_LEFT);
    assert!(limiter.check(Demand::request().input_tokens(51)).is_err());
    active.settle(UsageSnapshot::new(0, 0));
}

#[test]
fn headers_of_an_attempt_update_the_limiter() {
    let (fixture, limiter) = limited(by_tokens);
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        attempt.observe_headers(&FIFTY_LEFT);
        Ok::<_, BoxError>(())
    };
    now(session.run_turn_recovering(Turn::model("m"), call)).unwrap();
    assert!(limiter.check(Demand::request().input_tokens(51)).is_err());
}

#[test]
fn status_429_pauses_all_sessions_of_the_route() {
    let fixture = Fixture::new();
    let limiter = slow(&fixture);
    let route = Route::new("openai", "m").rate_limiter(limiter.clone());
    // The maximum wait is a setting of the routes.
    let rests = RouteRests::default().longest(Duration::from_secs(20));
    let routes = Routes::ordered([route]).rests(rests);
    let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
    let fixture = fixture.recovery(|recovery| recovery.routes(routes));
    let session = fixture.orchestrator.session().unwrap();
    let mut turn = pin!(session.run_turn_recovering(Turn::model("m"), async |_| {
        let headers = [("retry-after", "30")];
        let body = br#"{"error":{"code":"rate_limit_exceeded"}}"#;
        let at = chrono::DateTime::UNIX_EPOCH;
        let fault = Fault::from_response(Provider::OpenAi, 429, &headers, body, at);
        Err::<(), _>(FaultError::new(fault, FaultDetails::default()))
    }));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    let refused = limiter.try_reserve(Demand::request()).unwrap_err();
    assert_eq!(refused.retry_after, Some(Duration::from_secs(20)));
}

#[test]
fn status_429_without_routes_pauses_all_sessions() {
    for asked in [Duration::from_secs(30), Duration::MAX] {
        let (fixture, limiter) = limited(slow);
        let session = fixture.orchestrator.session().unwrap();
        let mut fault = Fault::of(FaultKind::Overload);
        fault.asked = Some(asked);
        let call =
            |fault| async move { Err::<u32, _>(FaultError::new(fault, FaultDetails::default())) };
        now(session.run_turn(Turn::unmetered(), || call(fault))).unwrap_err();
        assert_eq!(limiter.available().paused, None, "the breaker handles it");
        fixture.breaker.reset();
        fixture.clock.advance(Duration::from_secs(1));

        fault.kind = FaultKind::RateLimit;
        fault.counts = false;
        now(session.run_turn(Turn::unmetered(), || call(fault))).unwrap_err();
        let at_most = Duration::from_hours(1);
        assert_eq!(limiter.available().paused, Some(asked.min(at_most)));
    }
}

#[test]
fn thread_waits_for_room_like_a_task() {
    let (fixture, limiter) = limited(slow);
    now(fixture.orchestrator.session().unwrap().run_turn(Turn::unmetered(), answers)).unwrap();
    let Fixture { orchestrator, clock, .. } = fixture;
    let waiting = thread::spawn(move || {
        let session = orchestrator.session().unwrap();
        session.blocking().run_turn(Turn::unmetered(), || Ok::<_, BoxError>(7)).unwrap().value
    });
    spin_until(|| limiter.available().waiting == 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(waiting.join().unwrap(), 7);
}

#[test]
fn session_end_ends_the_wait_of_a_thread() {
    for recovering in [false, true] {
        let (fixture, limiter) = limited(slow);
        limiter.pause(Duration::from_secs(90));
        let session = fixture.orchestrator.session().unwrap();
        let handle = session.handle();
        let waiting = thread::spawn(move || {
            let turn = Turn::unmetered();
            let ended = if recovering {
                session.blocking().run_turn_recovering(turn, |_| Ok::<_, BoxError>(7))
            } else {
                session.blocking().run_turn(turn, || Ok::<_, BoxError>(7))
            };
            ended.unwrap_err()
        });
        spin_until(|| limiter.available().waiting == 1);
        handle.cancel("enough").unwrap();
        let ended = waiting.join().unwrap();
        let TurnError::Closed(closed) = &ended else { panic!("{ended:?}") };
        assert!(!closed.call_began && ended.is_refusal());
        assert_eq!(limiter.available().waiting, 0, "it has left the queue");
    }
}
