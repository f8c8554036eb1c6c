//! Reservations and costs of attempts, and their sum.

use std::cell::RefCell;
use std::sync::Arc;

use runtime_events::{AgentEvent, AgentEventName};
use runtime_orchestrator::{BoxError, Turn, TurnError};
use runtime_resilience::{CircuitState, FaultKind, GaveUp};
use runtime_sinks::RingBufferUsageSink;
use runtime_usage::{Limit, ReportedUsage, UsageSnapshot, Usd};

use super::{BOTH, Script, fault, fixture, quick};
use crate::support::{assert_books_agree, assert_lawful, billed, dollar};

fn dollars(dollars: u64) -> Usd {
    Usd::from_dollars(dollars)
}

fn number(event: &AgentEvent, key: &str) -> u64 {
    event.data.as_ref().and_then(|data| data.get(key)?.as_u64()).unwrap_or(0)
}

#[test]
fn turn_costs_the_sum_of_its_attempts() {
    for way in BOTH {
        let usage = RingBufferUsageSink::new();
        let fixture =
            quick().with(|o| o.budget(Limit::enforced(dollars(99))).usage_sink(usage.clone()));
        let session = fixture.orchestrator.session().unwrap();
        let seen = RefCell::new(0);
        let call = |it: runtime_orchestrator::Attempt| {
            *seen.borrow_mut() += 1;
            it.observe(UsageSnapshot::new(1_000_000, 500_000));
            let turn = if *seen.borrow() < 3 { Err(fault(FaultKind::Server)) } else { Ok(()) };
            // The usage of the answer counts, and nothing counts twice.
            turn.map(|()| UsageSnapshot::new(2_000_000, 0))
        };
        let turn = Turn::model("m").usage_from(|usage: &UsageSnapshot| *usage);
        let answer = match way {
            super::Way::Task => {
                crate::support::now(session.run_turn_recovering(turn, async |it| call(it)))
            }
            super::Way::Thread => session.blocking().run_turn_recovering(turn, call),
        };
        let answer = answer.unwrap();
        assert_eq!(answer.cost, dollars(2 + 2 + 2));
        assert_eq!(answer.usage, UsageSnapshot::new(4_000_000, 1_000_000));
        assert!(answer.estimated, "the usage of the two failed calls is unknown");

        let failed = fixture.events.all(AgentEventName::AttemptFailed);
        let completed = fixture.only(AgentEventName::AttemptCompleted);
        let turn = fixture.only(AgentEventName::TurnCompleted);
        for key in ["input_tokens", "output_tokens"] {
            let attempts = failed.iter().chain([&completed]).map(|event| number(event, key));
            assert_eq!(attempts.sum::<u64>(), number(&turn, key), "{key}");
        }
        assert_eq!(billed(&fixture.events.events()), dollars(6));
        assert_books_agree(&fixture, &session);
        assert_eq!(usage.records().len(), 3, "a record for each attempt");
        assert_eq!(session.tracker().totals().turns, 3);
        fixture.assert_no_probe_is_leaked();
    }
}

#[test]
fn each_attempt_reserves_separately_and_may_be_refused() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(dollars(2))));
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").reserve(dollars(1)).usage(dollar());
        let script = Script::of([FaultKind::Server; 9]);
        let error = way.run(&session, turn, &script).unwrap_err();
        // The usage of the two failed calls is unknown: they cost their reservations.
        assert_eq!(script.calls(), 2);
        let TurnError::Unrecovered(unrecovered) = &error else { panic!("{error:?}") };
        assert!(matches!(unrecovered.error, TurnError::Budget(_)));
        assert_eq!((unrecovered.attempts, &unrecovered.gave_up), (2, &GaveUp::Refused));
        assert_eq!(super::books(&session).last().unwrap(), "escalated llm_error");
        assert!(!error.is_refusal(), "calls were made, and paid for");
        assert_eq!(session.account().unwrap().balance().spent, dollars(2));
        assert_books_agree(&fixture, &session);
        super::assert_recovery_agrees(&fixture, &session);
        drop(session);
        assert_lawful(&fixture.events.events());
        fixture.assert_no_probe_is_leaked();
    }
}

#[test]
fn call_refused_before_it_was_read_costs_nothing() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(dollars(1))));
        let session = fixture.orchestrator.session().unwrap();
        let turn = Turn::model("m").reserve(dollars(1)).usage(dollar());
        let script = Script::of([FaultKind::RateLimit, FaultKind::Overload]);
        let answer = way.run(&session, turn, &script).unwrap();
        assert_eq!((answer.attempts, answer.cost), (3, dollars(1)));
        assert!(!answer.estimated);
        assert_books_agree(&fixture, &session);
    }
}

#[test]
fn reported_cost_of_one_attempt_is_in_the_sum() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(dollars(9))));
        let session = fixture.orchestrator.session().unwrap();
        let told = |it: &runtime_orchestrator::Attempt| {
            let mut usage = ReportedUsage::from(UsageSnapshot::new(5, 5));
            usage.cost = Some(dollars(3));
            it.observe(usage);
        };
        let turn = Turn::model("m").usage(dollar());
        let call = |it: runtime_orchestrator::Attempt| {
            if it.number() == 1 {
                told(&it);
                return Err("500");
            }
            Ok(())
        };
        let answer = match way {
            super::Way::Task => {
                crate::support::now(session.run_turn_recovering(turn, async |it| call(it)))
            }
            super::Way::Thread => session.blocking().run_turn_recovering(turn, call),
        };
        let answer = answer.unwrap();
        assert_eq!((answer.cost, answer.cost_reported), (dollars(4), true));
        assert_books_agree(&fixture, &session);
    }
}

#[test]
fn answer_has_the_marks_and_excess_of_all_attempts() {
    for way in BOTH {
        let fixture = quick().with(|o| o.budget(Limit::enforced(dollars(2)).marks([50, 100])));
        let session = fixture.orchestrator.session().unwrap();
        let call = |it: runtime_orchestrator::Attempt| {
            it.observe(UsageSnapshot::new(1_000_000, 0));
            if it.number() == 1 { Err("500") } else { Ok(()) }
        };
        let turn = Turn::model("m").usage(UsageSnapshot::new(2_000_000, 0));
        let answer = match way {
            super::Way::Task => {
                crate::support::now(session.run_turn_recovering(turn, async |it| call(it)))
            }
            super::Way::Thread => session.blocking().run_turn_recovering(turn, call),
        };
        let answer = answer.unwrap();
        let marks: Vec<_> = answer.marks.iter().map(|mark| mark.percent).collect();
        assert_eq!(marks, [50, 100]);
        assert!(answer.over_budget.is_some());
        assert_eq!(fixture.events.all(AgentEventName::BudgetMark).len(), 2);
        assert_books_agree(&fixture, &session);
    }
}

#[test]
fn each_attempt_has_its_own_permit() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        let script = Script::of([FaultKind::Server, FaultKind::Server]);
        way.run(&session, Turn::model("m"), &script).unwrap();
        // The success of the third call resets the two failures before it.
        for _ in 0..8 {
            fixture.breaker.record_failure();
        }
        assert_eq!(fixture.breaker.state(), CircuitState::Closed);
        fixture.breaker.record_failure();
        assert_eq!(fixture.breaker.state(), CircuitState::Open);
        fixture.assert_no_probe_is_leaked();
    }
}

#[test]
fn rate_limit_and_refused_key_are_no_breaker_failures() {
    for way in BOTH {
        let fixture = quick();
        let session = fixture.orchestrator.session().unwrap();
        for kinds in [[FaultKind::RateLimit; 2], [FaultKind::Auth; 2]] {
            for _ in 0..9 {
                let _ = way.run(&session, Turn::model("m"), &Script::of(kinds));
            }
            assert_eq!(fixture.breaker.state(), CircuitState::Closed);
        }
    }
}

#[test]
fn turn_reserves_nothing_between_its_attempts() {
    let account = runtime_usage::Account::new(Limit::enforced(dollars(1)));
    let fixture = fixture().with(|o| o.account(&account));
    let [first, second] = [(); 2].map(|()| fixture.orchestrator.session().unwrap());
    let script = Script::new([super::asking(FaultKind::RateLimit, super::SECOND)]);
    let turn = || Turn::model("m").reserve(dollars(1)).usage(UsageSnapshot::default());
    let call = first.run_turn_recovering(turn(), async |it| script.play(it));
    let mut call = Box::pin(call);
    assert!(super::poll(&mut call).is_pending());
    // While the first turn waits, the other one may reserve everything.
    let fine = async |_| Ok::<_, BoxError>("fine");
    crate::support::now(second.run_turn_recovering(turn(), fine)).unwrap();
    fixture.clock.advance(9 * super::SECOND);
    assert!(super::poll(&mut call).is_ready());
    assert_eq!(account.balance().reserved, Usd::ZERO);
    let events: Vec<Arc<AgentEvent>> = fixture.events.events();
    assert_eq!(billed(&events), account.balance().spent);
}
