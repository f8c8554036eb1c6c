//! The events of real sessions, compared with their usage trackers.

use std::cell::RefCell;
use std::sync::Arc;

use runtime_events::ManualClock;
use runtime_orchestrator::{
    Attempt, BoxError, OrchestrationSession, Orchestrator, RecoveryConfig, ToolCall, Turn,
};
use runtime_resilience::{Fault, FaultDetails, FaultError, FaultKind, Route, Routes};
use runtime_sqlite::{SqliteReader, SqliteSink};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::json;

use crate::common::Place;

/// Two models with odd prices, one ten times as expensive as the other.
fn prices() -> PricingTable {
    let prices = PricingTable::new();
    for (model, input, output) in [("small", 333, 1_777), ("large", 3_331, 17_771)] {
        let price = |cents| Usd::from_cents(cents);
        prices
            .register(model, ModelPricing::per_million(price(input), price(output)))
            .expect("a new model");
    }
    prices
}

fn orchestrator(log: &Arc<SqliteSink>, clock: &ManualClock) -> Orchestrator {
    let routes = Routes::ordered([Route::new("near", "small"), Route::new("far", "large")])
        .with_clock(Arc::new(clock.clone()));
    Orchestrator::new("writer", "draft")
        .project_id(7)
        .time(clock.clone())
        .pricing(prices())
        .recovery(RecoveryConfig::default().routes(routes))
        .budget(Limit::recorded(Usd::from_dollars(100)))
        .event_sink(Arc::clone(log))
        .usage_sink(Arc::clone(log))
}

/// Turns that succeed, recover and fail; tools that succeed and fail.
fn live(session: &OrchestrationSession, salt: u64) {
    let usage = |n: u64| UsageSnapshot::new(1_001 * n + salt, 37 * n).cache_read(11 * n);
    for n in 1..=3 {
        let turn = Turn::model("small").usage(usage(n));
        session.blocking().run_turn(turn, || Ok::<_, BoxError>(())).expect("it is answered");
    }
    for faults in [1, 2, 9] {
        let left = RefCell::new(faults);
        let call = |attempt: Attempt| {
            attempt.observe(usage(4));
            if *left.borrow() == 0 {
                return Ok(usage(5));
            }
            *left.borrow_mut() -= 1;
            Err(FaultError::new(Fault::of(FaultKind::Overload), FaultDetails::default()))
        };
        let turn = Turn::model("small").usage_from(|usage: &UsageSnapshot| *usage);
        assert_eq!(session.blocking().run_turn_recovering(turn, call).is_ok(), faults < 9);
    }
    for fails in [false, true] {
        let tool = ToolCall::new("search").args(json!({"q": "x"}));
        let found = || if fails { Err("nothing found") } else { Ok(1) };
        assert_eq!(session.blocking().run_tool(tool, found).is_err(), fails);
    }
}

#[test]
fn views_agree_with_usage_trackers() {
    let (place, clock) = (Place::new("real"), ManualClock::skipping());
    let log = Arc::new(SqliteSink::open(place.db()).unwrap());
    let (mut by_model, mut by_session) = (std::collections::BTreeMap::new(), Vec::new());
    for salt in [0, 17] {
        let session = orchestrator(&log, &clock).session().unwrap();
        live(&session, salt);
        let tracker = session.tracker();
        assert!(tracker.per_model().len() == 2, "both routes were taken");
        for (model, used) in tracker.per_model() {
            let (calls, tokens, cost) = by_model.entry(model).or_insert((0, [0; 3], Usd::ZERO));
            *calls += used.turns;
            tokens[0] += used.tokens.total_input_tokens();
            tokens[1] += used.tokens.output_tokens;
            tokens[2] += used.tokens.cache_read_tokens;
            *cost = cost.saturating_add(used.cost);
        }
        by_session.push(format!("{}|{}", session.id(), tracker.total_cost().nanos()));
        // The end of a session is a flush.
        session.complete().unwrap();
    }
    assert_eq!(log.books().pending, 0);

    let expected: Vec<String> = by_model
        .into_iter()
        .map(|(model, (calls, [input, output, cached], cost))| {
            format!("{model}|{calls}|{input}|{output}|{cached}|{}", cost.nanos())
        })
        .collect();
    let columns = "input_tokens, output_tokens, cache_read_tokens, cost_nanos";
    let view = format!("SELECT model, calls, {columns} FROM cost_by_model ORDER BY model");
    assert_eq!(place.rows(&view), expected);
    // The usage sink was told the same money, in another table.
    let records = "SELECT model, count(*), sum(input_tokens + cache_write_tokens
            + cache_write_1h_tokens + cache_read_tokens + input_audio_tokens), sum(output_tokens),
        sum(cache_read_tokens), sum(cost_nanos) FROM usage GROUP BY model ORDER BY model";
    assert_eq!(place.rows(records), expected);

    by_session.sort();
    let view = "SELECT session_id, cost_nanos FROM cost_by_session ORDER BY session_id";
    assert_eq!(place.rows(view), by_session);
    // The ends of the turns are the other way to count it, and come to the same.
    let turns = "SELECT session_id, sum(cost_nanos) FROM event
        WHERE event IN ('agent.turn_completed', 'agent.turn_failed') GROUP BY session_id
        ORDER BY session_id";
    assert_eq!(place.rows(turns), by_session);
    let roles = place.rows("SELECT role, sessions, turns FROM cost_by_role");
    assert_eq!(roles, ["writer|2|12"]);

    let tools = place.rows("SELECT tool, calls, ok, errors FROM tool_stats");
    assert_eq!(tools, ["search|4|2|2"]);
    let open = place.rows("SELECT count(*) FROM spans WHERE outcome IS NULL OR start_ns IS NULL");
    assert_eq!(open, ["0"], "every span has its beginning and its end");
    let recovered = place.rows("SELECT sum(attempted) > 0, sum(escalated) FROM recoveries");
    assert_eq!(recovered, ["1|2"]);
    let sessions = place.rows("SELECT role, project_id, missing, outcome FROM sessions");
    assert_eq!(sessions, ["writer|7|0|ok", "writer|7|0|ok"]);
}

#[test]
fn events_read_back_equal_the_events_of_a_session() {
    let (place, clock) = (Place::new("real-back"), ManualClock::skipping());
    let log = Arc::new(SqliteSink::open(place.db()).unwrap());
    let session = orchestrator(&log, &clock).session().unwrap();
    live(&session, 3);
    session.complete().unwrap();
    let reader = SqliteReader::open(place.db()).unwrap();
    let back: Vec<_> = reader.events(session.id()).map(Result::unwrap).collect();
    let kept = session.summary().agent_events;
    assert_eq!(back.len(), kept.len());
    assert!(back.iter().zip(&kept).all(|(back, kept)| *back == **kept));
}
