//! Blocking recovering turns, and many threads.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{Attempt, BoxError, Turn, TurnError};
use runtime_resilience::{FaultKind, RetryBudget, RetryBudgetConfig};
use runtime_usage::{Account, Limit, UsageSnapshot, Usd};

use super::{SECOND, Script, assert_recovery_agrees, fault, fixture, quick};
use crate::support::{assert_lawful, last_outcome, now, spin_until};

#[test]
fn session_end_wakes_a_waiting_thread() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let handle = session.handle();
    thread::scope(|scope| {
        let turn = scope.spawn(|| {
            session
                .blocking()
                .run_turn_recovering(Turn::model("m"), |_| Err::<(), _>(fault(FaultKind::Server)))
        });
        spin_until(|| fixture.clock.waiting() == 1);
        handle.cancel("enough").unwrap();
        let error = turn.join().unwrap().unwrap_err();
        assert!(matches!(error, TurnError::Closed(_)), "{error:?}");
        assert!(!error.is_refusal());
    });
    assert_eq!(last_outcome(&fixture, AgentEventName::TurnFailed), Some(SpanOutcome::Cancelled));
    assert_recovery_agrees(&fixture, &session);
    drop(session);
    assert_lawful(&fixture.events.events());
}

#[test]
fn thread_waits_on_the_sessions_clock() {
    let fixture = fixture();
    let session = fixture.orchestrator.session().unwrap();
    let calls = AtomicU32::new(0);
    thread::scope(|scope| {
        let turn = scope.spawn(|| {
            session.blocking().run_turn_recovering(Turn::model("m"), |it: Attempt| {
                calls.fetch_add(1, Ordering::SeqCst);
                if it.number() == 1 { Err(fault(FaultKind::Server)) } else { Ok(()) }
            })
        });
        spin_until(|| fixture.clock.waiting() == 1);
        fixture.clock.advance(SECOND.saturating_sub(Duration::from_nanos(1)));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        fixture.clock.advance(Duration::from_nanos(1));
        assert_eq!(turn.join().unwrap().unwrap().attempts, 2);
    });
}

#[test]
fn blocking_call_borrows_mutably() {
    let fixture = quick();
    let session = fixture.orchestrator.session().unwrap();
    let mut seen = Vec::new();
    let answer = session.blocking().run_turn_recovering(Turn::model("m"), |it| {
        seen.push(it.number());
        if seen.len() < 3 { Err("503") } else { Ok(seen.len()) }
    });
    assert_eq!(answer.unwrap().value, 3);
    assert_eq!(seen, [1, 2, 3]);
}

#[test]
fn sessions_share_retry_budget_and_account_exactly() {
    const THREADS: u32 = 8;
    const TURNS: u32 = 20;
    let config = RetryBudgetConfig::default().percent(0).reserve(37);
    let account = Account::new(Limit::enforced(Usd::from_dollars(1_000)));
    let fixture = quick()
        .recovery(|recovery| recovery.retry_budget(RetryBudget::new(config)))
        .with(|o| o.account(&account).max_iterations(u32::MAX));
    let calls = AtomicU32::new(0);
    thread::scope(|scope| {
        for worker in 0..THREADS {
            let (fixture, calls) = (&fixture, &calls);
            scope.spawn(move || {
                for _ in 0..TURNS {
                    let session = fixture.orchestrator.session().unwrap();
                    let turn = || Turn::model("m").reserve(Usd::from_cents(1));
                    let fails = |it: Attempt| {
                        calls.fetch_add(1, Ordering::Relaxed);
                        it.observe(UsageSnapshot::new(10, 0));
                        Err::<(), _>(fault(FaultKind::Tool))
                    };
                    let error = if worker % 2 == 0 {
                        session.blocking().run_turn_recovering(turn(), fails).unwrap_err()
                    } else {
                        now(session.run_turn_recovering(turn(), async |it| fails(it))).unwrap_err()
                    };
                    assert!(error.is_final());
                    session.finish(Ok::<_, BoxError>(())).result.unwrap();
                }
            });
        }
    });
    let calls = calls.into_inner();
    assert_eq!(calls, THREADS * TURNS + 37, "every turn once, and the shared reserve on top");
    let balance = account.balance();
    assert_eq!(balance.reserved, Usd::ZERO);
    assert_eq!(balance.spent, Usd::from_nanos(u64::from(calls) * 10 * 1_000));
    let script = Script::of([]);
    super::Way::Thread
        .run(&fixture.orchestrator.session().unwrap(), Turn::model("m"), &script)
        .unwrap();
}
