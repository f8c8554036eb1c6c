//! Whole turns: each reply that is a fault is answered by a server on this machine to a recovering
//! turn, once with one route and once with two. What the turn does must be what is expected of the
//! fault.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use techrevati_runtime::events::{Clock, ManualClock};
use techrevati_runtime::orchestrator::{Attempt, RecoveryConfig, TurnError};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Backoff, JitterMode};
use tokio::runtime::Runtime;

use super::faults::Reply;
use super::server::{FIRST, SECOND, Server};
use super::support::compare;

/// What each call reserves, and what one is billed that may be.
const RESERVED: Usd = Usd::from_cents(1);
/// No rest is longer than an hour, but for a quota's, which may last until its told reset: for so many seconds.
const MONTH: f64 = 31.0 * 24.0 * 3_600.0;
/// The first delay of the back-off.
const DELAY: Duration = Duration::from_secs(1);

#[test]
fn turns_agree() {
    let runtime = Runtime::new().expect("it needs nothing");
    let server = runtime.block_on(Server::start());
    compare("provider", " as whole turns", |reply: &Reply, expect| {
        runtime.block_on(async {
            let mut differs = one_route(&server, reply, expect).await;
            differs.extend(two_routes(&server, reply, expect).await);
            differs
        })
    });
}

/// What a turn did.
struct Ran {
    outcome: Result<&'static str, TurnError>,
    /// The calls of the first route, of which some sent less than the first.
    calls: u32,
    reduced: u32,
    waited: Duration,
    /// With the first route.
    spent: Usd,
    rests: Option<Duration>,
    failures: u32,
}

/// Runs a turn whose first route always has this reply.
async fn run(server: &Server, reply: &Reply, places: &[&'static str]) -> Ran {
    let clock = ManualClock::skipping();
    let begun = clock.utc_now();
    // Each place has a model of its own, so that the books tell what the first one was paid.
    let routes = places.iter().map(|place| Route::new(*place, *place));
    let routes = Routes::ordered(routes).with_clock(Arc::new(clock.clone()));
    // No wait is too long: none takes any time here.
    let backoff =
        Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(365 * 24 * 3_600));
    let account = Account::new(Limit::recorded(Usd::from_dollars(1)));
    let session = Orchestrator::new("writer", "draft")
        .time(clock.clone())
        .account(&account)
        .recovery(RecoveryConfig::default().routes(routes.clone()).backoff(backoff))
        .session()
        .expect("the registry takes it");

    let turn = Turn::model("m").reserve(RESERVED);
    let (mut calls, mut reduced) = (0, 0);
    let outcome = session
        .run_turn_recovering(turn, |attempt: Attempt| {
            if attempt.provider() == FIRST {
                calls += 1;
                reduced += u32::from(attempt.context_budget(100) < 100);
            }
            let (place, reply) = (attempt.provider().to_owned(), reply.clone());
            async move { server.call(&place, reply).await }
        })
        .await;
    let first = routes.iter().next().expect("there is one");
    Ran {
        outcome: outcome.map(|answer| answer.value),
        calls,
        reduced,
        waited: (clock.utc_now() - begun).to_std().expect("time goes on"),
        spent: account.statement().by_model.get(FIRST).copied().unwrap_or_default(),
        rests: routes.snapshot()[0].rests,
        failures: first.breaker().snapshot().counts.failures_in_a_row,
    }
}

/// Without another place: what is tried again here, when, and what it costs.
async fn one_route(server: &Server, reply: &Reply, expect: &Value) -> Vec<String> {
    let ran = run(server, reply, &[FIRST]).await;
    let mut differs = Vec::new();
    let mut check = |field: &str, agrees: bool, found: String| {
        if !agrees {
            differs.push(format!("one route: {field} is {}, and {found}", expect[field]));
        }
    };
    if ran.outcome.is_ok() {
        check("kind", false, "the turn was answered".to_owned());
    }
    let same = ran.calls - ran.reduced;
    if let Some(here) = expect["here"].as_bool() {
        check("here", (same > 1) == here, format!("{same} equal calls were made"));
    }
    let waits = f64::from(same - 1);
    match expect.get("asked").map(Value::as_f64) {
        // What is not tried again lets its place rest for so long.
        Some(Some(asked)) if same == 1 => {
            let rests = ran.rests.unwrap_or_default().as_secs_f64();
            check("asked", rests >= asked.min(MONTH), format!("it rests for {rests} s"));
        }
        Some(Some(asked)) => {
            let waited = ran.waited.as_secs_f64();
            check("asked", waited >= asked * waits, format!("{waited} s were waited"));
        }
        Some(None) => {
            let most = DELAY * (1 << same);
            check("asked", ran.waited < most, format!("{:?} were waited", ran.waited));
        }
        None => {}
    }
    differs.extend(books(&ran, expect, "one route"));
    differs
}

/// What the calls of the first route cost, and how they count against its health.
fn books(ran: &Ran, expect: &Value, with: &str) -> Vec<String> {
    let mut differs = Vec::new();
    if let Some(billed) = expect["billed"].as_bool() {
        let due = if billed { Usd::from_cents(u64::from(ran.calls)) } else { Usd::ZERO };
        if ran.spent != due {
            differs.push(format!("{with}: billed is {billed}, and {} are booked", ran.spent));
        }
    }
    if let Some(counts) = expect["counts"].as_bool() {
        let due = if counts { ran.calls } else { 0 };
        if ran.failures != due {
            let failures = ran.failures;
            differs
                .push(format!("{with}: counts is {counts}, and {failures} failures are counted"));
        }
    }
    differs
}

/// With another place that answers: whether the turn goes there, and what it leaves behind at the first one.
async fn two_routes(server: &Server, reply: &Reply, expect: &Value) -> Vec<String> {
    let ran = run(server, reply, &[FIRST, SECOND]).await;
    let mut differs = books(&ran, expect, "two routes");
    let mut check = |field: &str, agrees: bool, found: String| {
        if !agrees {
            differs.push(format!("two routes: {field} is {}, and {found}", expect[field]));
        }
    };
    if let Some(elsewhere) = expect["elsewhere"].as_bool() {
        let is_answered = ran.outcome.is_ok();
        check("elsewhere", is_answered == elsewhere, format!("answered: {is_answered}"));
        // A turn that goes elsewhere does not wait here.
        let asked = expect["asked"].as_f64().filter(|_| elsewhere && !ran.waited.is_zero());
        let waited = ran.waited;
        check("asked", asked.is_none(), format!("{waited:?} were waited before it went elsewhere"));
        if let (true, Some(asked)) = (elsewhere, expect["asked"].as_f64()) {
            // Where another kind is as good, it may be no quota.
            let is_quota = expect["kind"] == "quota" || expect["kind"] == json!(["quota"]);
            let due = asked.min(if is_quota { MONTH } else { 3_600.0 });
            let rests = ran.rests.unwrap_or_default().as_secs_f64();
            check("asked", rests >= due, format!("the first route rests for {rests} s"));
        }
    }
    differs
}
