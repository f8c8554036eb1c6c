//! Sessions that continue the one that handed over to them.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use runtime_events::{Clock, ManualClock};
use runtime_lifecycle::{AgentRegistry, AgentStatus, Handoff, RegistryConfig};
use runtime_orchestrator::{
    Acceptance, BoxError, OrchestrationSession, Orchestrator, Restored, SessionError, Turn,
    TurnError,
};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Account, Limit, UsageSnapshot, Usd};
use serde_json::Value;

use crate::support::{assert_lawful, limit, now, prices};

const SECOND: Duration = Duration::from_secs(1);

/// A writer and an editor on one registry.
fn agents(change: impl Fn(Orchestrator) -> Orchestrator) -> [Orchestrator; 2] {
    let registry = AgentRegistry::new();
    ["writer", "editor"].map(|role| {
        let orchestrator = Orchestrator::new(role, "draft").pricing(prices());
        change(orchestrator.registry(registry.clone()))
    })
}

fn handed(session: &OrchestrationSession, role: &str) -> Handoff {
    session.handoff_to(role, "yours", Value::Null).unwrap()
}

/// A turn that costs this number of cents.
fn spend(session: &OrchestrationSession, cents: u64) -> Result<Usd, TurnError> {
    let usage = UsageSnapshot::new(cents * 10_000, 0);
    let turn = Turn::model("m").estimate(usage).max_output(0).usage(usage);
    let call = async || Ok::<_, BoxError>(());
    now(session.run_turn(turn, call)).map(|answer| answer.cost)
}

#[test]
fn agents_that_hand_over_to_each_other_have_one_budget() {
    let events = RecordingEventSink::new();
    let agents = agents(|orchestrator| {
        let budget = Limit::enforced(Usd::from_cents(10));
        orchestrator.max_iterations(5).budget(budget).event_sink(events.clone())
    });
    let (mut spent, mut turns, mut hops) = (Usd::ZERO, 0, 0);
    let mut session = agents[0].session().unwrap();
    let refused = loop {
        // One turn of five cents each: 2,000 sessions would spend a hundred dollars.
        if let Ok(cost) = spend(&session, 5) {
            spent = spent.saturating_add(cost);
        }
        turns += 1;
        assert_eq!(session.summary().iterations, turns, "requested turns are counted on");
        let next = &agents[(hops + 1) % 2];
        match session.handoff_to(["editor", "writer"][hops % 2], "yours", Value::Null) {
            Ok(handoff) => session = next.accept(&handoff).unwrap(),
            Err(refused) => break refused,
        }
        hops += 1;
        assert!(hops < 2_000, "nothing ends it");
    };
    assert_eq!((hops, spent), (16, Usd::from_cents(10)));
    let said = "the handoff would be number 17, and `max_handoffs` of the registry is 16: the agents go in a \
                circle, editor → writer → editor";
    assert_eq!(refused.to_string(), said);
    let SessionError::Handoffs(refused) = refused else { panic!("{refused}") };
    assert_eq!((refused.roles.len(), refused.cycle().len()), (18, 3));
    assert_eq!(session.status(), AgentStatus::Running, "it may end the work itself");
    session.complete().unwrap();
    for stream in crate::support::by_session(&events.events()) {
        assert_lawful(&stream);
    }
}

#[test]
fn iterations_are_counted_on_and_the_cap_is_the_sessions_own() {
    let [writer, editor] = agents(|orchestrator| orchestrator.max_iterations(5));
    let session = writer.session().unwrap();
    for _ in 0..4 {
        spend(&session, 1).unwrap();
    }
    let session = editor.accept(&handed(&session, "editor")).unwrap();
    spend(&session, 1).unwrap();
    let refused = spend(&session, 1).unwrap_err();
    assert!(matches!(refused, TurnError::MaxIterations(_)), "{refused}");
    assert_eq!(session.summary().iterations, 6);
    let session = writer.max_iterations(7).accept(&handed(&session, "writer")).unwrap();
    spend(&session, 1).unwrap();
    assert!(spend(&session, 1).is_err());
}

#[test]
fn deadline_holds_across_a_handoff() {
    for same_clock in [true, false] {
        let (clock, other) = (ManualClock::new(), ManualClock::new());
        let theirs = if same_clock { clock.clone() } else { other.clone() };
        let registry = AgentRegistry::new();
        let writer = Orchestrator::new("writer", "draft").registry(registry.clone());
        let writer = writer.time(clock.clone()).deadline(limit(&clock, 60 * SECOND));
        let editor = Orchestrator::new("editor", "draft").registry(registry).time(theirs.clone());
        let handoffs = || handed(&writer.session().unwrap(), "editor");
        let (handoff, tight, late) = (handoffs(), handoffs(), handoffs());
        clock.advance(45 * SECOND);
        let session = editor.accept(&handoff).unwrap();
        assert_eq!(session.time_left(), Some(15 * SECOND));
        let own = editor.clone().deadline(limit(&theirs, 10 * SECOND));
        assert_eq!(own.accept(&tight).unwrap().time_left(), Some(10 * SECOND));
        clock.advance(15 * SECOND);
        let refused = editor.accept(&late).unwrap_err();
        assert!(matches!(refused, SessionError::Deadline(_)), "{refused}");
        let alone = editor.accept(Acceptance::of(&late).own_deadline()).unwrap();
        assert_eq!(alone.time_left(), None, "the refusal has not claimed the worker");
    }
}

#[test]
fn labels_are_handed_on_and_the_orchestrators_own_count() {
    let events = RecordingEventSink::new();
    let [writer, editor] = agents(|orchestrator| orchestrator);
    let session = writer.label("agent", "w").session().unwrap();
    session.label("tenant", "acme");
    let editor = editor.label("agent", "e").event_sink(events.clone());
    let session = editor.accept(&handed(&session, "editor")).unwrap();
    let labels = events.events()[0].labels.clone().unwrap();
    assert_eq!((&*labels["agent"], &*labels["tenant"]), ("e", "acme"));
    drop(session);
}

#[test]
fn account_pays_on_and_the_own_budget_is_below_it() {
    let [writer, editor] = agents(|orchestrator| orchestrator);
    let chain = Limit::enforced(Usd::from_cents(10)).named("chain");
    let session = writer.clone().budget(chain).session().unwrap();
    spend(&session, 4).unwrap();
    let account = session.account().unwrap().clone();
    let session = editor.accept(&handed(&session, "editor")).unwrap();
    assert!(session.account().unwrap().is(&account));
    spend(&session, 1).unwrap();
    let own = writer.budget(Limit::enforced(Usd::from_cents(2)));
    let session = own.accept(&handed(&session, "writer")).unwrap();
    assert_eq!(session.account().unwrap().available(), Usd::from_cents(2));
    spend(&session, 2).unwrap();
    assert!(spend(&session, 1).is_err());
    assert_eq!(account.balance().spent, Usd::from_cents(7));
}

#[test]
fn session_without_an_account_hands_on_none() {
    let [writer, editor] = agents(|orchestrator| orchestrator);
    let handoff = handed(&writer.session().unwrap(), "editor");
    let session = editor.budget(Limit::enforced(Usd::from_cents(3))).accept(&handoff).unwrap();
    assert_eq!(session.account().unwrap().available(), Usd::from_cents(3));
}

#[test]
fn another_shared_account_is_refused_unless_declined() {
    let [ours, theirs] = ["ours", "theirs"]
        .map(|name| Account::new(Limit::enforced(Usd::from_cents(10)).named(name)));
    let [writer, editor] = agents(|orchestrator| orchestrator);
    let handoff = handed(&writer.account(&ours).session().unwrap(), "editor");
    let editor = editor.account(&theirs);
    let refused = editor.accept(&handoff).unwrap_err();
    assert!(refused.to_string().starts_with("the shared account `theirs` is not"), "{refused}");
    let session = editor.accept(Acceptance::of(&handoff).own_account()).unwrap();
    assert!(session.account().unwrap().is(&theirs));
}

#[test]
fn session_that_inherits_nothing_begins_anew() {
    let (clock, events) = (ManualClock::new(), RecordingEventSink::new());
    let registry = AgentRegistry::with_config(RegistryConfig::default().max_handoffs(1));
    let [writer, editor] = agents(|orchestrator| {
        let budget = Limit::enforced(Usd::from_cents(10));
        let registry = registry.clone();
        orchestrator.time(clock.clone()).budget(budget).max_iterations(1).registry(registry)
    });
    let writer = writer.deadline(limit(&clock, 60 * SECOND)).label("tenant", "acme");
    let session = writer.session().unwrap();
    spend(&session, 10).unwrap();
    let editor = editor.event_sink(events.clone());
    let session = editor.accept(Acceptance::anew(&handed(&session, "editor"))).unwrap();
    assert_eq!(session.deadline(), None);
    assert!(events.events()[0].labels.is_none());
    spend(&session, 10).unwrap();
    let refused = session.handoff_to("reader", "yours", Value::Null).unwrap_err();
    let said = "the handoff would be number 2, and `max_handoffs` of the registry is 1: the agents are writer → \
                editor → reader";
    assert_eq!(refused.to_string(), said, "handoffs count in any case");
}

#[test]
fn handoff_that_went_through_json_is_continued() {
    let [writer, editor] = agents(|orchestrator| orchestrator);
    let budget = Limit::enforced(Usd::from_cents(10));
    let session = writer.budget(budget).session().unwrap();
    spend(&session, 9).unwrap();
    let json = serde_json::to_string(&handed(&session, "editor")).unwrap();
    let session = editor.accept(&serde_json::from_str(&json).unwrap()).unwrap();
    assert_eq!(session.account().unwrap().available(), Usd::from_cents(1));
}

/// A clock that stands at the beginning of its time, as on a machine that has just started.
#[derive(Debug)]
struct Young(Instant);

impl Young {
    fn new() -> Self {
        let (mut at, mut step) = (ManualClock::new().now(), Duration::MAX);
        while !step.is_zero() {
            match at.checked_sub(step) {
                Some(earlier) => at = earlier,
                None => step /= 2,
            }
        }
        Self(at)
    }
}

impl Clock for Young {
    fn now(&self) -> Instant {
        self.0
    }

    fn utc_now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

#[test]
fn time_of_earlier_lives_counts_on_a_machine_that_is_younger() {
    let clock = Young::new();
    assert_eq!(clock.now().checked_sub(SECOND), None);
    let sleeper = ManualClock::new();
    let orchestrator = Orchestrator::new("writer", "draft")
        .time((clock, sleeper.clone()))
        .deadline(limit(&sleeper, 60 * SECOND));
    let session = Restored::new().elapsed(45 * SECOND).open(&orchestrator).unwrap();
    assert_eq!(session.time_left(), Some(15 * SECOND));
    let session = Restored::new().elapsed(61 * SECOND).open(&orchestrator).unwrap();
    assert_eq!(session.time_left(), Some(Duration::ZERO));
}
