//! Reservations and bills of turns.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, Turn, TurnError};
use runtime_policy::{GuardrailOutcome, Guardrails, PostCheck, PreCheck, guardrail};
use runtime_sinks::RingBufferUsageSink;
use runtime_usage::{Limit, ReportedUsage, ServiceTier, UsageSnapshot, Usd};

use crate::support::{Fixture, assert_books_agree, billed, dollar, limit, now, poll_times, yields};

const MILLION: u64 = 1_000_000;

fn cents(cents: u64) -> Usd {
    Usd::from_cents(cents)
}

async fn fine() -> Result<(), BoxError> {
    Ok(())
}

#[test]
fn turn_reserves_its_estimate_and_settles_its_cost() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    // One dollar for the input, and two per million for at most half a million tokens of output.
    let turn = Turn::model("m").estimate(dollar()).max_output(MILLION / 2);
    let turn = now(session.begin_turn(turn)).unwrap();
    assert_eq!(turn.reserved(), cents(200));
    assert_eq!(session.account().unwrap().balance().reserved, cents(200));
    let started = fixture.only(AgentEventName::TurnStarted);
    assert_eq!(started.data.as_ref().unwrap().get("reserved_usd").unwrap(), 2.0);
    // Nine dollars, one of them for the input: four million tokens, but at most the requested ones.
    assert_eq!(turn.max_output_tokens(), Some(MILLION / 2));

    let settled = turn.settle(UsageSnapshot::new(MILLION, MILLION / 10));
    assert_eq!(settled.cost, cents(120));
    let completed = fixture.only(AgentEventName::TurnCompleted);
    assert_eq!(completed.data.as_ref().unwrap().get("budget_remaining_usd").unwrap(), 7.8);
    assert_books_agree(&fixture, &session);
}

#[test]
fn max_output_tokens_follow_the_rest_of_the_budget() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(cents(300))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(dollar()).reserve(cents(50));
    let turn = now(session.begin_turn(turn)).unwrap();
    assert_eq!(turn.max_output_tokens(), Some(MILLION), "two dollars after the input");
    turn.release();
    assert_books_agree(&fixture, &session);
    let recorded = Fixture::new().with(|o| o.budget(Limit::recorded(cents(1))));
    let session = recorded.orchestrator.session().unwrap();
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    assert_eq!(turn.max_output_tokens(), None, "a recorded limit allows everything");
}

#[test]
fn turns_reserve_the_usual_output_once_known() {
    let fixture = Fixture::new().with(|o| {
        o.budget(Limit::enforced(Usd::from_dollars(99)).per_turn(cents(7))).max_iterations(99)
    });
    let session = fixture.orchestrator.session().unwrap();
    let reserved = |turn| {
        let turn = now(session.begin_turn(turn)).unwrap();
        let reserved = turn.reserved();
        turn.release();
        reserved
    };
    let estimate = UsageSnapshot::new(1_000, 0);
    assert_eq!(reserved(Turn::model("m")), cents(7), "without an estimate, the configured amount");
    assert_eq!(reserved(Turn::model("m").estimate(estimate)), cents(7), "nothing is usual yet");
    assert_eq!(reserved(Turn::model("m").reserve(cents(1))), cents(1));
    for _ in 0..20 {
        let turn = Turn::model("m").usage(UsageSnapshot::new(0, 1_000));
        now(session.run_turn(turn, fine)).unwrap();
    }
    // 1,000 tokens are in the histogram's bucket up to 1,023: $0.001 in, $0.002046 out.
    let usual = reserved(Turn::model("m").estimate(estimate).max_output(MILLION));
    assert_eq!(usual, "0.003046".parse().unwrap());
    let least = reserved(Turn::model("m").estimate(estimate).max_output(500));
    assert_eq!(least, "0.002".parse().unwrap(), "at most the maximum output");
    let said = reserved(Turn::model("m").estimate(UsageSnapshot::new(1_000, 10)));
    assert_eq!(said, "0.00102".parse().unwrap(), "the caller's estimate takes precedence");
    assert_books_agree(&fixture, &session);
}

#[test]
fn parallel_turns_do_not_overspend_their_reservations() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(cents(350))));
    let session = fixture.orchestrator.session().unwrap();
    let turns = (0..8).map(|_| {
        let turn = Turn::model("m").estimate(dollar()).max_output(0).usage(dollar());
        session.run_turn(turn, async || {
            yields(2).await;
            Ok::<_, BoxError>(())
        })
    });
    let outcomes = now(join_all(turns));
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
    for refused in outcomes.into_iter().filter_map(Result::err) {
        let TurnError::Budget(refused) = refused else { panic!("{refused:?}") };
        assert_eq!((refused.asked, refused.reserved), (cents(100), cents(300)));
    }
    assert_books_agree(&fixture, &session);
    assert!(session.account().unwrap().check().is_ok());
}

/// `LiteLLM` PR #40002: $0.60 was spent under a cap of $0.45, because the reservation ignored the
/// prices of prompts over 272,000 tokens and of the priority tier.
#[test]
fn context_band_and_service_tier_are_reserved() {
    let fixture = Fixture::new().with(|o| {
        let flat = |input, output| {
            runtime_usage::ModelPricing::per_million(Usd::from_cents(input), cents(output))
        };
        let prices = runtime_usage::ModelPrices::new(flat(50, 200))
            .band(272_000, flat(100, 300))
            .tier_band(ServiceTier::Priority, 0, flat(100, 400))
            .tier_band(ServiceTier::Priority, 272_000, flat(200, 600));
        let table = runtime_usage::PricingTable::new();
        table.register("tiered", prices).unwrap();
        o.pricing(table).budget(Limit::enforced(cents(45)))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("tiered").estimate(UsageSnapshot::new(300_000, 0)).max_output(0);
    // By the base price, 300,000 × $0.50 per million = $0.15, all of them would fit.
    let priority = now(session.run_turn(turn().tier(ServiceTier::Priority), fine)).unwrap_err();
    let TurnError::Budget(refused) = priority else { panic!("{priority:?}") };
    assert_eq!(refused.asked, cents(60), "300,000 × $2 a million");
    // Standard: 300,000 × $1 per million = $0.30, which fits once.
    let usage = UsageSnapshot::new(300_000, 0);
    assert_eq!(now(session.run_turn(turn().usage(usage), fine)).unwrap().cost, cents(30));
    assert!(now(session.run_turn(turn().usage(usage), fine)).is_err());
    assert_books_agree(&fixture, &session);
}

#[test]
fn strict_budget_needs_a_worst_case_and_is_never_overspent() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::strict(cents(500))));
    let session = fixture.orchestrator.session().unwrap();
    let blind = now(session.run_turn(Turn::model("m").estimate(dollar()), fine)).unwrap_err();
    assert_eq!(
        blind.to_string(),
        "a strict budget refuses a turn of `m` without `max_output`: its maximum cost is unknown"
    );
    assert!(blind.is_refusal());
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();

    let worst = || Turn::model("m").estimate(dollar()).max_output(MILLION).reserve(cents(1));
    let first = now(session.begin_turn(worst())).unwrap();
    assert_eq!(first.reserved(), cents(300), "the worst case takes precedence over `reserve`");
    assert!(matches!(now(session.begin_turn(worst())), Err(TurnError::Budget(_))));
    first.settle(UsageSnapshot::new(MILLION, 0));
    now(session.begin_turn(worst())).unwrap().settle(UsageSnapshot::new(MILLION, MILLION));
    assert_eq!(session.account().unwrap().balance().left, cents(100).into());
    assert_books_agree(&fixture, &session);
}

#[test]
fn turn_dropped_at_any_await_is_billed_by_known_usage() {
    for observed in [false, true] {
        for polls in 0..6 {
            let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
            let session = fixture.orchestrator.session().unwrap();
            let act = async {
                let turn = Turn::model("m").estimate(dollar()).max_output(MILLION);
                let mut turn = session.begin_turn(turn).await.unwrap();
                yields(1).await;
                if observed {
                    turn.observe(UsageSnapshot::new(MILLION / 2, 0));
                }
                turn.run(yields(2)).await.unwrap();
                turn.settle(dollar());
            };
            let completed = poll_times(polls, act).is_some();
            let spent = session.account().unwrap().balance().spent;
            let expected = match (polls, observed) {
                (0, _) => Usd::ZERO,
                (1, _) | (2..=3, false) => cents(300), // all that was reserved
                (2..=3, true) => cents(50),
                _ => cents(100),
            };
            assert_eq!((spent, completed), (expected, polls >= 4), "{polls} polls, {observed}");
            assert_books_agree(&fixture, &session);
            if (1..=3).contains(&polls) {
                let data = fixture.only(AgentEventName::TurnFailed).data.clone().unwrap();
                let estimated = data.get("estimated").is_some();
                assert!(estimated, "the usage after the cut is unknown");
                let estimate = session.account().unwrap().balance().estimated;
                assert_eq!(estimate, if estimated { expected } else { Usd::ZERO });
            }
        }
    }
}

#[test]
fn failed_turn_is_billed_by_its_reservation() {
    let fixture = Fixture::new().with(|o| {
        o.budget(Limit::enforced(Usd::from_dollars(9)))
            .circuit_breaker(crate::support::breaker(&runtime_events::ManualClock::new(), 99))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(dollar()).max_output(0);

    now(session.run_turn(turn(), async || Err::<(), _>("503"))).unwrap_err();
    assert_eq!(session.account().unwrap().balance().estimated, cents(100));
    assert_books_agree(&fixture, &session);

    let hang = async || {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(())
    };
    let timed = turn().timeout(limit(&fixture.clock, Duration::from_secs(1)));
    let mut late = Box::pin(session.run_turn(timed, hang));
    assert!(poll_times(1, &mut late).is_none());
    fixture.clock.advance(Duration::from_secs(1));
    assert!(matches!(poll_times(1, &mut late), Some(Err(TurnError::TimedOut(_)))));
    drop(late);
    assert_books_agree(&fixture, &session);

    let panicking = async || -> Result<(), BoxError> { panic!("no") };
    let panicked = catch_unwind(AssertUnwindSafe(|| now(session.run_turn(turn(), panicking))));
    assert!(panicked.is_err());
    let outcomes: Vec<_> = fixture.events.all(AgentEventName::TurnFailed);
    let outcomes: Vec<_> = outcomes.iter().map(|event| event.outcome.unwrap()).collect();
    assert_eq!(outcomes, [SpanOutcome::Failed, SpanOutcome::TimedOut, SpanOutcome::Panicked]);
    assert_eq!(session.account().unwrap().balance().spent, cents(300));
    assert_books_agree(&fixture, &session);
}

#[test]
fn unsent_call_costs_nothing() {
    let deny_input = guardrail::pre("deny", |check: &PreCheck<'_>| {
        if check.arguments == "bad" {
            GuardrailOutcome::deny("no")
        } else {
            GuardrailOutcome::allow()
        }
    });
    let fixture = Fixture::new().with(|o| {
        o.budget(Limit::enforced(Usd::from_dollars(9)))
            .guardrails(Guardrails::new().with(deny_input))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = || Turn::model("m").estimate(dollar()).max_output(0);
    let denied = now(session.run_turn(turn().guarded("bad"), fine));
    assert!(matches!(denied, Err(TurnError::Guardrail(_))));
    now(session.begin_turn(turn())).unwrap().release();
    fixture.breaker.record_failure();
    assert!(matches!(now(session.run_turn(turn(), fine)), Err(TurnError::CircuitOpen(_))));
    assert_eq!(session.account().unwrap().balance().spent, Usd::ZERO);
    assert_books_agree(&fixture, &session);
}

#[test]
fn withheld_answer_is_billed() {
    let deny_output = guardrail::post("deny", |_: &PostCheck<'_>| GuardrailOutcome::deny("no"));
    let fixture = Fixture::new().with(|o| {
        o.budget(Limit::enforced(Usd::from_dollars(9)))
            .guardrails(Guardrails::new().with(deny_output))
    });
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").estimate(dollar()).max_output(9).usage(dollar()).guarded("p");
    now(session.run_turn(turn, async || Ok::<_, BoxError>("text"))).unwrap_err();
    assert_eq!(session.account().unwrap().balance().spent, cents(100));
    assert_books_agree(&fixture, &session);
}

#[test]
fn reported_cost_takes_precedence_and_is_marked() {
    let usage = RingBufferUsageSink::new();
    let fixture = Fixture::new()
        .with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))).usage_sink(usage.clone()));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").usage_from(|cost: &Usd| ReportedUsage::from(dollar()).cost(*cost));
    let answer = now(session.run_turn(turn, async || Ok::<_, BoxError>(cents(42)))).unwrap();
    assert_eq!((answer.cost, answer.cost_reported), (cents(42), true));
    let data = fixture.only(AgentEventName::TurnCompleted).data.clone().unwrap();
    assert_eq!(
        (data.get("cost_usd").unwrap().as_f64(), data.get("cost_reported").unwrap()),
        (Some(0.42), &true.into())
    );
    assert_eq!(usage.records()[0].cost, cents(42));
    assert_books_agree(&fixture, &session);
}

#[test]
fn reported_tier_is_billed_before_the_requested_one() {
    let fixture = Fixture::new().with(|o| {
        let flat = |dollars| {
            let dollars = Usd::from_dollars(dollars);
            runtime_usage::ModelPricing::per_million(dollars, dollars)
        };
        let prices = runtime_usage::ModelPrices::new(flat(4)).tier(ServiceTier::Flex, flat(2));
        let table = runtime_usage::PricingTable::new();
        table.register("t", prices).unwrap();
        o.pricing(table)
    });
    let session = fixture.orchestrator.session().unwrap();
    let flex = || Turn::model("t").tier(ServiceTier::Flex);
    let asked = now(session.run_turn(flex().usage(dollar()), fine)).unwrap();
    assert_eq!(asked.cost, cents(200));
    let standard = |(): &()| ReportedUsage::from(dollar()).tier(ServiceTier::Standard);
    let served = now(session.run_turn(flex().usage_from(standard), fine)).unwrap();
    assert_eq!(served.cost, cents(400));
}

#[test]
fn default_report_bills_the_reservation() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(cents(500))));
    let session = fixture.orchestrator.session().unwrap();
    let turn = Turn::model("m").reserve(cents(7)).usage_from(|()| ReportedUsage::default());
    let answer = now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
    assert_eq!((answer.cost, answer.estimated), (cents(7), true));

    let turn =
        Turn::model("m").reserve(cents(7)).usage_from(|()| Err::<ReportedUsage, _>("no usage"));
    let answer = now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
    assert_eq!((answer.cost, answer.estimated), (cents(7), true));
}

#[test]
fn cost_has_the_same_text_in_the_summary_the_page_and_the_log() {
    let fixture = Fixture::new().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9))));
    let session = fixture.orchestrator.session().unwrap();
    for tokens in [17_312, 1_234_567, 3] {
        let turn = Turn::model("m").usage(UsageSnapshot::new(tokens, tokens));
        now(session.run_turn(turn, async || Ok::<_, BoxError>(()))).unwrap();
    }
    let total = session.tracker().total_cost();
    let summary = session.finish(Ok::<_, BoxError>(())).summary.to_string();

    let text = total.to_string();
    assert_eq!(text, "$3.755646");
    for line in ["usage     3 turns", "model     m"] {
        let line = summary.lines().find(|found| found.contains(line)).unwrap();
        assert!(line.ends_with(&text), "{summary}");
    }
    assert!(summary.contains("budget    $5.244354 of $9.00 left"), "{summary}");
    let events = fixture.events.events();
    let timeline = runtime_report::Timeline::read(events.iter().map(|event| &**event));
    assert!(
        timeline
            .html(&runtime_report::PageConfig::default())
            .contains(&format!("<strong>{text}</strong>"))
    );
    assert_eq!(billed(&events), total);
    assert_eq!(timeline.stats().spent.cost_nanousd, total.nanos());
}

proptest! {
    #[test]
    fn reports_show_money_as_it_prints_itself(nanos in prop_oneof![any::<u64>(), 0..20_000_000_000_u64]) {
        let shown = runtime_report::show::usd(nanos).to_string();
        prop_assert_eq!(shown, Usd::from_nanos(nanos).to_string());
    }
}
