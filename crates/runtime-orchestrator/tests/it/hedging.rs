//! Hedges: a second attempt beside a slow one.

use std::future::{Future, pending, poll_fn};
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEventName, Sleeper, SpanOutcome};
use runtime_orchestrator::{Answer, Attempt, BoxError, OrchestrationSession, Turn, TurnError};
use runtime_resilience::{
    Demand, FaultKind, Hedge, RateLimiter, RateLimits, RetryBudget, RetryBudgetConfig, Route,
    Routes,
};
use runtime_usage::{Limit, Usd};

use crate::recovering::{asking, fault};
use crate::support::{Fixture, assert_books_agree, assert_lawful_so_far, dollar, yields};

const LATE: Duration = Duration::from_secs(2);

fn fixture() -> Fixture {
    let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
    Fixture::new().recovery(|recovery| recovery.routes(routes).hedge(Hedge::after(LATE)))
}

type Called = Result<Answer<u32>, TurnError>;

/// Polls a turn, advances the clock, and polls it again.
fn late<F: Future<Output = Called>>(fixture: &Fixture, turn: F) -> Option<Called> {
    let mut turn = pin!(turn);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(LATE);
    for _ in 0..4 {
        if let Poll::Ready(called) = turn.as_mut().poll(&mut cx) {
            return Some(called);
        }
    }
    None
}

fn run<'s, F: Future<Output = Result<u32, BoxError>> + 's>(
    session: &'s OrchestrationSession,
    call: impl FnMut(Attempt) -> F + 's,
) -> impl Future<Output = Called> + 's {
    session.run_turn_recovering(Turn::model("m").repeatable(), call)
}

#[test]
fn late_call_is_hedged_elsewhere_and_the_first_answer_counts() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| match attempt.provider() {
        "slow" => pending().await,
        _ => Ok(attempt.number()),
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!((answer.value, answer.attempts), (2, 2));
    assert_eq!(answer.provider.as_deref(), Some("fast"));

    let started = fixture.events.all(AgentEventName::AttemptStarted);
    let hedged = |at: usize| started[at].data.as_ref().unwrap().get("hedge").is_some();
    assert_eq!((started.len(), hedged(0), hedged(1)), (2, false, true));
    let lost = fixture.only(AgentEventName::AttemptFailed);
    assert_eq!(lost.outcome, Some(SpanOutcome::Cancelled));
    assert_eq!(lost.detail.as_deref(), Some("another attempt was faster"));
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn call_with_a_timely_token_is_not_hedged() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        attempt.token();
        pending().await
    };
    assert!(late(&fixture, run(&session, call)).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 1);
}

#[test]
fn unrepeatable_call_is_not_hedged() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |_| pending::<Result<u32, BoxError>>().await;
    let turn = session.run_turn_recovering(Turn::model("m"), call);
    assert!(late(&fixture, turn).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 1);
}

#[test]
fn failure_of_one_call_leaves_the_other_running() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let calls = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&calls);
    let call = move |attempt: Attempt| {
        let calls = Arc::clone(&seen);
        async move {
            if attempt.is_hedge() {
                return Err("503 Service Unavailable".into());
            }
            // The first call is answered after the other has failed.
            yields(2).await;
            poll_fn(|_| match calls.fetch_add(1, Ordering::SeqCst) {
                0 => Poll::Pending,
                _ => Poll::Ready(Ok(attempt.number())),
            })
            .await
        }
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!((answer.value, answer.provider.as_deref()), (1, Some("slow")));
    let failed = fixture.only(AgentEventName::AttemptFailed);
    assert_eq!(failed.outcome, Some(SpanOutcome::Failed));
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

#[test]
fn failure_of_both_calls_recovers_like_one() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.number() == 1 {
            yields(2).await;
        }
        Err::<u32, BoxError>("401 Unauthorized".into())
    };
    let mut turn = pin!(run(&session, call));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(LATE);
    let failed = loop {
        if let Poll::Ready(called) = turn.as_mut().poll(&mut cx) {
            break called.unwrap_err();
        }
        fixture.clock.advance(Duration::from_mins(1));
    };
    assert!(failed.is_final(), "{failed}");
    assert_eq!(assert_lawful_so_far(&fixture.events.events()), 0);
}

/// Two routes and a hedge after two seconds, with this retry budget.
fn paid_from(budget: &RetryBudget, second: impl FnOnce(&Fixture, Route) -> Route) -> Fixture {
    let fixture = Fixture::new();
    let second = second(&fixture, Route::new("fast", "m").retry_budget(budget.clone()));
    let routes = Routes::ordered([Route::new("slow", "m"), second]);
    let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
    fixture.recovery(|recovery| recovery.routes(routes).hedge(Hedge::after(LATE)))
}

async fn only_fast_answers(attempt: Attempt) -> Result<u32, BoxError> {
    match attempt.provider() {
        "slow" => pending().await,
        _ => Ok(attempt.number()),
    }
}

#[test]
fn hedge_without_retry_budget_is_not_sent() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(1).percent(0));
    let fixture = paid_from(&budget, |_, route| route);
    let session = fixture.orchestrator.session().unwrap();
    assert_eq!(late(&fixture, run(&session, only_fast_answers)).unwrap().unwrap().value, 2);
    assert_eq!(budget.balance(), 0);
    assert!(late(&fixture, run(&session, only_fast_answers)).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 3);
}

#[test]
fn refused_hedge_costs_no_retry() {
    let budget = RetryBudget::new(RetryBudgetConfig::default().reserve(1));
    let fixture = paid_from(&budget, |fixture, route| {
        let limiter = RateLimiter::with_clock(
            "svc",
            RateLimits::default().requests_per_minute(NonZeroU32::MIN),
            Arc::new(fixture.clock.clone()),
        );
        drop(limiter.try_reserve(Demand::request()).unwrap());
        route.rate_limiter(limiter)
    });
    let session = fixture.orchestrator.session().unwrap();
    assert!(late(&fixture, run(&session, only_fast_answers)).is_none());
    assert_eq!(fixture.events.all(AgentEventName::AttemptStarted).len(), 1);
    assert_eq!(budget.balance(), 1);
}

#[test]
fn hedge_uses_the_same_route_if_there_is_no_other() {
    let routes = Routes::ordered([Route::new("only", "m")]);
    let fixture = fixture().recovery(|recovery| recovery.routes(routes));
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.is_hedge() { Ok(attempt.number()) } else { pending().await }
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!((answer.value, answer.provider.as_deref()), (2, Some("only")));
}

#[test]
fn both_calls_are_billed_and_release_everything() {
    let fixture = fixture().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").repeatable().reserve(Usd::from_dollars(2)).usage(dollar());
    let answer = late(&fixture, session.run_turn_recovering(turn, only_fast_answers));
    assert_eq!(answer.unwrap().unwrap().cost, Usd::from_dollars(3), "two of them estimated");
    assert_books_agree(&fixture, &session);
}

#[test]
fn route_that_failed_beside_the_answer_rests() {
    let fixture = fixture();
    let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
    let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
    let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.is_hedge() {
            yields(2).await;
            return Ok(attempt.number());
        }
        poll_fn(|_| match fixture.events.all(AgentEventName::AttemptStarted).len() {
            1 => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        Err::<u32, BoxError>(fault(FaultKind::Auth).into())
    };
    let answer = late(&fixture, run(&session, call)).unwrap().unwrap();
    assert_eq!(answer.provider.as_deref(), Some("fast"));
    let rests: Vec<_> = routes.snapshot().iter().map(|route| route.rests.is_some()).collect();
    assert_eq!(rests, [true, false]);
}

#[test]
fn what_one_call_was_asked_counts_while_the_other_goes_on() {
    let fixture = fixture();
    let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
    let routes = routes.with_clock(Arc::new(fixture.clock.clone()));
    let fixture = fixture.recovery(|recovery| recovery.routes(routes.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.is_hedge() {
            return Err::<u32, BoxError>(asking(FaultKind::RateLimit, 9 * LATE).into());
        }
        pending().await
    };
    let mut turn = pin!(run(&session, call));
    assert!(late(&fixture, turn.as_mut()).is_none());
    let rests: Vec<_> = routes.snapshot().iter().map(|route| route.rests).collect();
    assert_eq!(rests, [None, Some(9 * LATE)]);
}

#[test]
fn turn_without_routes_remembers_what_its_first_failure_was_asked() {
    let fixture = Fixture::new().recovery(|recovery| recovery.hedge(Hedge::after(LATE)));
    let session = fixture.orchestrator.session().unwrap();
    let call = async |attempt: Attempt| {
        if attempt.is_hedge() {
            return Err(asking(FaultKind::RateLimit, 9 * LATE).into());
        }
        if attempt.number() > 1 {
            return Ok(attempt.number());
        }
        yields(2).await;
        poll_fn(|_| match fixture.events.all(AgentEventName::AttemptFailed).len() {
            0 => Poll::Pending,
            _ => Poll::Ready(()),
        })
        .await;
        Err::<u32, BoxError>(fault(FaultKind::Server).into())
    };
    let mut turn = pin!(run(&session, call));
    assert!(late(&fixture, turn.as_mut()).is_none());
    assert!(fixture.only(AgentEventName::RecoveryAttempted).data.as_ref().is_some_and(|data| {
        let asked = data.get("asked_seconds").and_then(runtime_events::Fact::as_f64);
        asked == Some((9 * LATE).as_secs_f64())
    }));
}

#[test]
fn lost_call_counts_with_its_age() {
    let hedge = Hedge::at_quantile(0.5).minimum_samples(NonZeroU32::MIN);
    let fixture = fixture().recovery(|recovery| recovery.hedge(hedge));
    let session = fixture.orchestrator.session().unwrap();
    let mut fails = pin!(run(&session, async |_| Err("400 Bad Request: invalid".into())));
    let mut cx = Context::from_waker(Waker::noop());
    while fails.as_mut().poll(&mut cx).is_pending() {
        fixture.clock.advance(LATE);
    }
    let usual = async |attempt: Attempt| {
        fixture.clock.sleep(LATE).await;
        Ok(attempt.number())
    };
    let started = || fixture.events.all(AgentEventName::AttemptStarted).len();
    let before = started();
    late(&fixture, run(&session, usual)).unwrap().unwrap();
    assert_eq!(started(), before + 1, "failures are no samples");

    let only_hedges = async |attempt: Attempt| {
        if attempt.is_hedge() { Ok(attempt.number()) } else { pending().await }
    };
    let mut turn = pin!(run(&session, only_hedges));
    assert!(turn.as_mut().poll(&mut cx).is_pending());
    fixture.clock.advance(LATE + LATE / 4);
    assert!(turn.as_mut().poll(&mut cx).is_ready());
    assert_eq!(started(), before + 3);

    // Two calls took two seconds, and one took none.
    let mut next = pin!(run(&session, only_hedges));
    assert!(next.as_mut().poll(&mut cx).is_pending());
    assert_eq!(started(), before + 4);
}

#[test]
fn hedging_futures_are_send() {
    fn is_send(_: &impl Send) {}
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let call = |attempt: Attempt| async move { Ok::<_, BoxError>(attempt.number()) };
    is_send(&session.run_turn_recovering(Turn::model("m").repeatable(), call));
}
