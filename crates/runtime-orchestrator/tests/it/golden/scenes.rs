//! Golden sessions.

use std::future::{Future, pending};
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use runtime_events::{AgentFailureClass, CountingIds, IdSource};
use runtime_orchestrator::{BoxError, Capture, Orchestrator, TelemetryConfig, ToolCall, Turn};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_policy::{
    PermissionEnforcer, PermissionMode, PermissionPolicy, PhaseContext, PolicyAction,
    PolicyCondition, PolicyEngine, PolicyRule, QualityGate, QualityLevel, RolePermissionConfig,
};
use runtime_resilience::{CircuitBreaker, RateLimiter, RateLimits};
use runtime_sinks::{EventSink, Losses};
use runtime_usage::{Account, Limit, ReportedUsage, UsageSnapshot, Usd};
use serde_json::json;

use super::{Scene, fixture, recoveries};
use crate::recovering::{patiently, poll};
use crate::support::{Fixture, breaker, dollar, limit, now, poll_times, wait_for};

pub(super) type Number<'n> = &'n mut dyn FnMut(Fixture) -> Fixture;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// Ids that sessions and workers share.
#[derive(Debug)]
pub(super) struct Shared(pub(super) Arc<CountingIds>);

impl IdSource for Shared {
    fn draw(&self) -> u128 {
        self.0.draw()
    }
}

pub(super) fn all() -> Vec<(&'static str, Scene)> {
    vec![
        ("turns", turns),
        ("money", money),
        ("shared_account", shared_account),
        ("tools", tools),
        ("verdicts", verdicts),
        ("contents", contents),
        ("waits", waits),
        ("recovered", recoveries::recovered),
        ("routes", recoveries::routes),
        ("hedged", recoveries::hedged),
        ("given_up", recoveries::given_up),
        ("failures", failures),
        ("cut_short", cut_short),
        ("shut_down", shut_down),
        ("people", people),
        ("handed_over", handed_over),
        ("children", children),
        ("dropped", dropped),
    ]
}

async fn fine() -> Result<&'static str, BoxError> {
    Ok("fine")
}

/// Tokens of every kind.
pub(super) fn tokens() -> UsageSnapshot {
    let mut usage = UsageSnapshot::new(1_200, 340);
    usage.cache_write_tokens = 20_000;
    usage.cache_write_1h_tokens = 300;
    usage.cache_read_tokens = 10_000;
    usage.input_audio_tokens = 50;
    usage.output_audio_tokens = 60;
    usage.reasoning_tokens = 70;
    usage
}

fn turns(number: Number<'_>) -> Fixture {
    let fixture = number(fixture().with(|o| o.label("tenant", "acme").label("user", "ü\"1\"")));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").usage(tokens()), fine)).unwrap();
    fixture.clock.advance(Duration::from_micros(1_500_001));
    now(session.run_turn(Turn::model("unknown").usage(tokens()), fine)).unwrap();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap();
    session.label("request", "r-1");
    let said = ReportedUsage::from(tokens()).cost(Usd::from_cents(7));
    now(session.run_turn(Turn::model("m").usage_from(move |_: &&str| said), fine)).unwrap();
    let mut turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.observe(UsageSnapshot::new(100, 1));
    fixture.clock.advance(SECOND);
    let _ = turn.settle(UsageSnapshot::new(100, 20));
    let turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.release();
    session.complete_with("done").unwrap();
    fixture
}

fn money(number: Number<'_>) -> Fixture {
    let limit = Limit::enforced(Usd::from_dollars(3)).marks([50, 90]);
    let fixture = number(fixture().with(|o| o.budget(limit)));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let (estimate, mut held) = (dollar(), Vec::new());
    held.push(now(session.begin_turn(Turn::model("m").estimate(estimate).max_output(0))).unwrap());
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    let refused = session.run_turn(Turn::model("m").estimate(estimate).max_output(9), fine);
    now(refused).unwrap_err();
    now(session.run_turn(Turn::model("m").estimate(estimate), fine)).unwrap_err();
    drop(held);
    let over = UsageSnapshot::new(1_500_000, 9);
    now(session.run_turn(Turn::model("m").usage(over), fine)).unwrap();
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap_err();
    session.complete().unwrap();

    // A recorded budget refuses nothing and reports the excess.
    let recorded = fixture.orchestrator.clone().budget(Limit::recorded(Usd::from_cents(150)));
    let session = recorded.session().unwrap();
    for _ in 0..2 {
        now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    }
    drop(session);
    fixture
}

fn shared_account(number: Number<'_>) -> Fixture {
    let company = Limit::enforced(Usd::from_dollars(3)).named("company").marks([50]);
    let company = Account::new(company);
    let own = Limit::enforced(Usd::from_cents(250)).named("own");
    let fixture = number(fixture().with(|o| o.account(&company).budget(own)));
    let (one, two) =
        (fixture.orchestrator.session().unwrap(), fixture.orchestrator.session().unwrap());
    for session in [&one, &two, &one] {
        now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    }
    now(two.run_turn(Turn::model("m").usage(dollar()).estimate(dollar()), fine)).unwrap_err();
    drop((one, two));
    let team = Account::new(Limit::recorded(Usd::from_cents(50)).named("team"));
    let session = fixture.orchestrator.clone().account(&team).session().unwrap();
    now(session.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
    drop(session);
    fixture
}

fn tools(number: Number<'_>) -> Fixture {
    let fixture = number(fixture());
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_tool("search", fine)).unwrap();
    let failed = session.run_tool("search", async || Err::<(), BoxError>("no index".into()));
    now(failed).unwrap_err();
    let slow = ToolCall::new("fetch").timeout(limit(&fixture.clock, SECOND));
    patiently(&fixture.clock, session.run_tool(slow, pending::<Result<(), BoxError>>)).unwrap_err();
    poll_times(1, session.run_tool("fetch", pending::<Result<(), BoxError>>));
    session.blocking().run_tool("write", || Ok::<_, BoxError>(1)).unwrap();
    drop(session);
    fixture
}

fn read_only() -> PermissionEnforcer {
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let writer = writer.allowed_tools(["search"]).denied_tools(["delete"]);
    PermissionEnforcer::new(PermissionPolicy::new().role(writer))
}

/// Guardrails, permissions, a policy and a gate.
fn verdicts(number: Number<'_>) -> Fixture {
    let secrets = guardrail::pre("no_secrets", |check| {
        if check.arguments.to_string().contains("secret") {
            GuardrailOutcome::deny("a secret")
        } else {
            GuardrailOutcome::allow()
        }
    });
    let length = guardrail::post("length", |check| {
        if check.result.is_string() {
            GuardrailOutcome::allow()
        } else {
            GuardrailOutcome::deny("no text")
        }
    });
    let rules = PolicyEngine::new([
        PolicyRule::new("done", PolicyCondition::PhaseCompleted).action(PolicyAction::Notify),
        PolicyRule::new("told off", PolicyCondition::agent_failed("reader"))
            .action(PolicyAction::RetryAgent)
            .action(PolicyAction::Notify),
    ]);
    let fixture = number(fixture().with(|o| {
        o.guardrails(Guardrails::new().with(secrets).with(length))
            .permissions(read_only())
            .policy(rules)
            .quality_gate(QualityGate::new(QualityLevel::Strict))
    }));
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").guarded("the secret"), fine)).unwrap_err();
    now(session.run_turn(Turn::model("m").usage(tokens()).guarded("a word"), fine)).unwrap();
    let wordless = async || Ok::<_, BoxError>(7);
    now(session.run_turn(Turn::model("m").usage(tokens()).guarded("a word"), wordless))
        .unwrap_err();
    let call = ToolCall::new("search").args(json!({ "q": "secret" }));
    now(session.run_tool(call, fine)).unwrap_err();
    now(session.run_tool("search", fine)).unwrap();
    now(session.run_tool("delete", fine)).unwrap_err();
    session.authorize("delete");
    session.evaluate_policy(PhaseContext::default().failed_roles(["reader"]));
    session.evaluate_policy(PhaseContext::default());
    session.evaluate_gate(QualityLevel::Standard);
    session.evaluate_gate(QualityLevel::Release);
    drop(session);
    fixture
}

fn contents(number: Number<'_>) -> Fixture {
    let fixture = number(
        fixture().with(|o| o.telemetry(TelemetryConfig::default().capture(Capture::unredacted()))),
    );
    let session = fixture.orchestrator.session().unwrap();
    let says = async || Ok::<_, BoxError>(json!({ "text": ["é", 1, -2, 0.5, null, true] }));
    let turn = Turn::model("m").guarded(json!({ "ask": "why?\n", "n": u64::MAX }));
    now(session.run_turn(turn, says)).unwrap();
    let tool = ToolCall::new("search").call_id("call_9").args(json!({ "q": "…", "limit": -1 }));
    now(session.run_tool(tool, fine)).unwrap();
    session.complete().unwrap();
    fixture
}

fn one_a_second(fixture: &Fixture, name: &str) -> RateLimiter {
    const SIXTY: NonZeroU32 = NonZeroU32::new(60).unwrap();
    let limits = RateLimits::default().requests_per_minute(SIXTY).burst(SECOND);
    RateLimiter::with_clock(name, limits, Arc::new(fixture.clock.clone()))
}

fn waits(number: Number<'_>) -> Fixture {
    let fixture = fixture();
    let limiter = one_a_second(&fixture, "svc");
    let fixture = number(fixture.with(|o| o.rate_limiter(limiter)));
    let session = fixture.orchestrator.session().unwrap();
    for _ in 0..2 {
        patiently(&fixture.clock, session.run_turn(Turn::model("m").usage(tokens()), fine))
            .unwrap();
    }
    // The wait is too long: the turn is dropped, and the next one has no time for it.
    poll_times(1, session.run_turn(Turn::model("m"), fine));
    let hurried = Turn::model("m").timeout(limit(&fixture.clock, SECOND / 10));
    let _ = patiently(&fixture.clock, session.run_turn(hurried, fine));
    drop(session);
    fixture
}

/// Plain turns that fail, are refused and meet an open breaker.
fn failures(number: Number<'_>) -> Fixture {
    let fixture = fixture();
    let opens: CircuitBreaker = breaker(&fixture.clock, 2);
    let fixture = number(fixture.with(|o| o.circuit_breaker(opens).max_iterations(5)));
    let session = fixture.orchestrator.session().unwrap();
    let fails = async || Err::<(), BoxError>("503 service unavailable".into());
    for _ in 0..3 {
        now(session.run_turn(Turn::model("m"), fails)).unwrap_err();
    }
    fixture.clock.advance(30 * SECOND);
    now(session.run_turn(Turn::model("m").usage(tokens()), fine)).unwrap();
    let late = Turn::model("m").timeout(limit(&fixture.clock, SECOND));
    let never = pending::<Result<(), BoxError>>;
    patiently(&fixture.clock, session.run_turn(late, never)).unwrap_err();
    now(session.run_turn(Turn::unmetered(), fine)).unwrap_err();
    session.fail("gave up", AgentFailureClass::LlmError).unwrap();
    fixture
}

fn cut_short(number: Number<'_>) -> Fixture {
    let fixture = number(fixture().with(|o| o.budget(Limit::enforced(Usd::from_dollars(9)))));
    let session = fixture.orchestrator.session().unwrap();
    let never = pending::<Result<&str, BoxError>>;
    poll_times(1, session.run_turn(Turn::model("m").estimate(tokens()).max_output(9), never));
    let mut turn = now(session.begin_turn(Turn::model("m"))).unwrap();
    turn.observe(tokens());
    poll_times(1, turn.run(pending::<()>()));
    drop(turn);
    let turn = session.run_turn_recovering(Turn::model("m"), |_| never());
    poll_times(1, turn);
    session.cancel("the user left").unwrap();
    drop(fixture.orchestrator.session().unwrap());
    fixture
}

fn shut_down(number: Number<'_>) -> Fixture {
    let fixture = number(fixture());
    let session = fixture.orchestrator.session().unwrap();
    let two = limit(&fixture.clock, 2 * SECOND);
    let mut drain = Box::pin(fixture.orchestrator.drain(two));
    assert!(poll(&mut drain).is_pending());
    let call = pending::<Result<(), BoxError>>;
    now(session.run_turn(Turn::model("m"), call)).unwrap_err();
    fixture.clock.advance(2 * SECOND);
    let _ = wait_for(drain);
    fixture
}

fn people(number: Number<'_>) -> Fixture {
    let fixture = number(fixture());
    let session = fixture.orchestrator.session().unwrap();
    {
        let mut pause = pin!(session.pause_for_input("publish?"));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(pause.as_mut().poll(&mut cx).is_pending());
        fixture.clock.advance(60 * SECOND);
        session.provide_input("yes").unwrap();
        now(pause).unwrap();
    }
    poll_times(1, session.pause_for_input("really?"));
    session.complete().unwrap();
    fixture
}

fn handed_over(number: Number<'_>) -> Fixture {
    let fixture = number(fixture());
    let session = fixture.orchestrator.session().unwrap();
    let handoff = session.handoff_to("editor", "polish", json!({ "draft": "text" })).unwrap();
    let editor = Orchestrator::new("editor", "other")
        .time(fixture.clock.clone())
        .event_sink(fixture.events.clone())
        .ids(CountingIds::default())
        .registry(fixture.orchestrator.shared_registry().clone());
    let taken = editor.accept(&handoff).unwrap();
    now(taken.run_turn(Turn::unmetered(), fine)).unwrap();
    taken.complete().unwrap();
    fixture
}

fn children(number: Number<'_>) -> Fixture {
    let fixture = number(fixture().with(|o| o.budget(Limit::enforced(Usd::from_dollars(3)))));
    {
        let parent = fixture.orchestrator.session().unwrap();
        now(parent.run_turn(Turn::model("m").usage(dollar()), fine)).unwrap();
        let child = parent.child("searcher").unwrap();
        now(child.run_turn(Turn::model("m").usage(tokens()), fine)).unwrap();
        child.complete().unwrap();
        parent.complete().unwrap();
    }
    fixture
}

/// A sink that loses events and reports them.
fn dropped(number: Number<'_>) -> Fixture {
    let fixture = number(fixture());
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m").usage(tokens()), fine)).unwrap();
    session.complete().unwrap();
    let mut losses = Losses::default();
    for event in fixture.events.events().iter().skip(3) {
        losses.add(event);
    }
    fixture.events.emit(&Arc::new(losses.to_record(&fixture.clock).unwrap())).unwrap();
    fixture
}
