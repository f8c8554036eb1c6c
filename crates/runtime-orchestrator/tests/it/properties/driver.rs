//! Applies an operation to the session and the model, and compares them.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::future::pending;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::sample::Index;
use runtime_events::{AgentEventName, AgentFailureClass, ManualClock};
use runtime_lifecycle::{AgentRegistry, AgentStatus};
use runtime_orchestrator::{
    ActiveTurn, BoxError, OrchestrationSession, Orchestrator, TelemetryConfig, ToolCall, Turn,
};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_policy::{
    PermissionEnforcer, PermissionMode, PermissionPolicy, QualityGate, QualityLevel,
    RolePermissionConfig,
};
use runtime_resilience::{CircuitBreaker, CircuitState, chain_text};
use runtime_sinks::testing::RecordingEventSink;
use runtime_usage::{Limit, UsageSnapshot, Usd};
use serde_json::{Value, json};

use super::kinds::{closed, handoff_kind, kind, pause_kind, reason, settle_kind, tool_kind};
use super::model::{Call, Model, WAIT};
use super::ops::{Ending, Op, Setting, Tool};
use crate::support::{
    assert_lawful, assert_lawful_so_far, billed, breaker, limit, now, poll_times, prices,
};

pub(super) struct Driver {
    setting: Setting,
    model: Model,
    clock: ManualClock,
    events: RecordingEventSink,
    registry: AgentRegistry,
    breaker: Option<CircuitBreaker>,
}

impl Driver {
    pub(super) fn new(setting: Setting) -> Self {
        let clock = ManualClock::new();
        let breaker = setting.threshold.map(|threshold| breaker(&clock, threshold));
        Self {
            setting,
            model: Model::new(setting),
            clock,
            events: RecordingEventSink::new(),
            registry: AgentRegistry::new(),
            breaker,
        }
    }

    pub(super) fn run(mut self, ops: &[Op], ending: Ending) {
        let session = self.orchestrator().session().unwrap();
        let mut held = Vec::new();
        for op in ops {
            self.step(&session, &mut held, op);
            self.compare(&session);
        }
        while let Some(turn) = held.pop() {
            drop(turn);
            self.model.release_held(held.len());
            self.compare(&session);
        }
        drop(held);
        self.end(session, ending);
    }

    fn orchestrator(&self) -> Orchestrator {
        let Setting { cap, budget, deadline, guarded, permissions, gate, log, .. } = self.setting;
        let mut made = Orchestrator::new("writer", "draft")
            .time(self.clock.clone())
            .event_sink(self.events.clone())
            .registry(self.registry.clone())
            .pricing(prices())
            .telemetry(TelemetryConfig::default().event_log(NonZeroUsize::new(log).unwrap()))
            .max_iterations(cap);
        if let Some(breaker) = &self.breaker {
            made = made.circuit_breaker(breaker.clone());
        }
        if let Some((limit, enforced)) = budget {
            let limit = Usd::from_nanos(limit * 1_000);
            made =
                made.budget(if enforced { Limit::enforced(limit) } else { Limit::recorded(limit) });
        }
        if let Some(seconds) = deadline {
            made = made.deadline(limit(&self.clock, Duration::from_secs(seconds)));
        }
        if guarded {
            made = made.guardrails(
                Guardrails::new()
                    .with(guardrail::pre("prompt", |check| verdict(check.arguments)))
                    .with(guardrail::post("answer", |check| verdict(check.result))),
            );
        }
        if permissions {
            let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
            let policy = PermissionPolicy::new().role(writer.denied_tools(["deploy"]));
            made = made.permissions(PermissionEnforcer::new(policy));
        }
        if gate {
            made = made.quality_gate(QualityGate::new(QualityLevel::Standard));
        }
        made
    }

    fn step<'s>(
        &mut self,
        session: &'s OrchestrationSession,
        held: &mut Vec<ActiveTurn<'s>>,
        op: &Op,
    ) {
        match op {
            Op::Hold(..) | Op::Settle(..) | Op::Fail(_) | Op::Release(_) => {
                self.held(session, held, op);
            }
            Op::Tool(tool) => self.tool(session, *tool),
            Op::Gate => {
                let outcome = session.evaluate_gate(QualityLevel::Standard);
                assert_eq!(
                    outcome.map(|outcome| outcome.satisfied),
                    self.setting.gate.then_some(true)
                );
            }
            Op::Pause(_) | Op::PauseTwice => self.pause(session, op),
            Op::Handoff(blank) => {
                let target = if *blank { " " } else { "editor" };
                let handed = session.handoff_to(target, "polish", json!({}));
                assert_eq!(handoff_kind(&handed.map(|_| ())), self.model.handoff(*blank));
            }
            Op::End(ending) => {
                let ended = match ending {
                    Ending::Complete => settle_kind(session.complete()),
                    Ending::Fail => closed(session.fail("no", AgentFailureClass::Unknown)),
                    Ending::Cancel => closed(session.cancel("no")),
                    Ending::CancelByHandle => closed(session.handle().cancel("no")),
                    Ending::Drop => Ok(()),
                };
                assert_eq!(ended, self.model.ended(*ending), "{ending:?}");
            }
            Op::EndedInRegistry(failed) => {
                let to = if *failed { AgentStatus::Failed } else { AgentStatus::Cancelled };
                let _ = self.registry.transition(session.worker_id(), to, None);
                self.model.ended_in_registry(to);
            }
            Op::Removed => {
                let _ = self.registry.remove(session.worker_id());
                self.model.removed();
            }
            Op::Advance(seconds) => {
                self.clock.advance(Duration::from_secs(*seconds));
                self.model.now += seconds;
            }
            _ => self.turn(session, op),
        }
    }

    fn turn(&mut self, session: &OrchestrationSession, op: &Op) {
        let answer = async || Ok::<_, BoxError>("fine");
        match *op {
            Op::Answered(name, tokens) => {
                let turn = Turn::model(name).usage(UsageSnapshot::new(tokens, 0));
                let answered = now(session.run_turn(turn, answer));
                let marked = answered.as_ref().ok().map(|answer| answer.over_budget.is_some());
                let expected = self.model.answered(name, tokens);
                assert_eq!(kind(&answered), expected.map(|_| ()));
                assert_eq!(marked, expected.ok());
            }
            Op::Failed(name) => {
                let call = async || Err::<(), _>("503 Service Unavailable");
                let failed = now(session.run_turn(Turn::model(name), call));
                assert_eq!(kind(&failed), self.model.failed(name));
            }
            Op::TimedOut(name, seconds) => {
                let turn =
                    Turn::model(name).timeout(limit(&self.clock, Duration::from_secs(seconds)));
                let hangs = async || pending::<Result<(), BoxError>>().await;
                let late = self.wait_for(session.run_turn(turn, hangs), seconds);
                assert_eq!(kind(&late), self.model.timed_out(name, seconds));
            }
            Op::Dropped(name) => {
                let hangs = async || pending::<Result<(), BoxError>>().await;
                let polled = poll_times(1, session.run_turn(Turn::model(name), hangs));
                let seen = polled.map_or(Err("dropped"), |refused| kind(&refused));
                assert_eq!(seen, self.model.stopped(name, Call::Cancelled, "dropped"));
            }
            Op::Panicked(name) => {
                let panics =
                    async || -> Result<(), BoxError> { std::panic::resume_unwind(Box::new(7)) };
                let turn = session.run_turn(Turn::model(name), panics);
                let caught = now(AssertUnwindSafe(turn).catch_unwind());
                let seen = caught.map_or(Err("panicked"), |refused| kind(&refused));
                assert_eq!(seen, self.model.stopped(name, Call::Failure, "panicked"));
            }
            Op::BadPrompt(name) => {
                let refused = now(session.run_turn(Turn::model(name).guarded("bad"), answer));
                assert_eq!(kind(&refused), self.model.bad_prompt(name));
            }
            Op::BadAnswer(name, tokens) => {
                let turn = Turn::model(name).usage(UsageSnapshot::new(tokens, 0)).guarded("fine");
                let withheld = now(session.run_turn(turn, async || Ok::<_, BoxError>("bad")));
                assert_eq!(kind(&withheld), self.model.bad_answer(name, tokens));
            }
            _ => unreachable!("not a turn"),
        }
    }

    fn held<'s>(
        &mut self,
        session: &'s OrchestrationSession,
        held: &mut Vec<ActiveTurn<'s>>,
        op: &Op,
    ) {
        let mut take = |at: &Index| {
            (!held.is_empty()).then(|| at.index(held.len())).map(|at| (at, held.remove(at)))
        };
        match op {
            Op::Hold(name, observed) => {
                let begun = now(session.begin_turn(Turn::model(*name)));
                let expected = self.model.hold(name, *observed);
                assert_eq!(begun.as_ref().map(|_| ()).map_err(reason), expected);
                if let Ok(mut turn) = begun {
                    if let Some(tokens) = observed {
                        turn.observe(UsageSnapshot::new(*tokens, 0));
                    }
                    held.push(turn);
                }
            }
            Op::Settle(at, tokens) => {
                if let Some((at, turn)) = take(at) {
                    let settled = turn.settle(UsageSnapshot::new(*tokens, 0));
                    let marked = self.model.settle_held(at, *tokens);
                    assert_eq!(settled.over_budget.is_some(), marked);
                }
            }
            Op::Fail(at) => {
                if let Some((at, turn)) = take(at) {
                    assert_eq!(chain_text(&turn.fail("503")), "503");
                    self.model.fail_held(at);
                }
            }
            Op::Release(at) => {
                if let Some((at, turn)) = take(at) {
                    drop(turn);
                    self.model.release_held(at);
                }
            }
            _ => unreachable!("not about a turn that is held"),
        }
    }

    fn tool(&mut self, session: &OrchestrationSession, tool: Tool) {
        let name = if matches!(tool, Tool::Denied) { "deploy" } else { "search" };
        let args = if matches!(tool, Tool::BadArgs) { "bad" } else { "fine" };
        let call = ToolCall::new(name).args(args);
        let seen = match tool {
            Tool::Ok | Tool::Denied | Tool::BadArgs => {
                tool_kind(&now(session.run_tool(call, async || Ok::<_, BoxError>("fine"))))
            }
            Tool::BadResult => {
                tool_kind(&now(session.run_tool(call, async || Ok::<_, BoxError>("bad"))))
            }
            Tool::Failed => {
                tool_kind(&now(session.run_tool(call, async || Err::<(), _>("disk full"))))
            }
            Tool::TimedOut(seconds) => {
                let call = call.timeout(limit(&self.clock, Duration::from_secs(seconds)));
                let hangs = async || pending::<Result<(), BoxError>>().await;
                tool_kind(&self.wait_for(session.run_tool(call, hangs), seconds))
            }
            Tool::Dropped => {
                let hangs = async || pending::<Result<(), BoxError>>().await;
                let polled = poll_times(1, session.run_tool(call, hangs));
                polled.map_or(Err("dropped"), |refused| tool_kind(&refused))
            }
            Tool::Panicked => {
                let panics =
                    async || -> Result<(), BoxError> { std::panic::resume_unwind(Box::new(7)) };
                let ran = session.run_tool(call, panics);
                let caught = now(AssertUnwindSafe(ran).catch_unwind());
                caught.map_or(Err("panicked"), |refused| tool_kind(&refused))
            }
        };
        assert_eq!(seen, self.model.tool(tool), "{tool:?}");
    }

    fn pause(&self, session: &OrchestrationSession, op: &Op) {
        let expected = self.model.pause();
        let answer = async {
            assert_eq!(session.handle().provide_input("yes").map_err(|_| "closed"), expected);
        };
        match op {
            Op::Pause(true) => {
                let (paused, ()) =
                    now(async { futures_util::join!(session.pause_for_input("?"), answer) });
                assert_eq!(pause_kind(&paused), expected);
            }
            Op::Pause(false) => {
                let gave_up = poll_times(1, session.pause_for_input("?"));
                assert_eq!(gave_up.map_or(Ok(()), |closed| pause_kind(&closed)), expected);
            }
            _ => {
                let (first, second, ()) = now(async {
                    let (first, second) =
                        (session.pause_for_input("?"), session.pause_for_input("??"));
                    futures_util::join!(first, second, answer)
                });
                assert_eq!(pause_kind(&first), expected);
                assert_eq!(pause_kind(&second), expected.and(Err("waiting")));
            }
        }
    }

    /// Polls, advances the clock by `seconds`, polls again. A refused call does not wait.
    fn wait_for<T>(&self, call: impl Future<Output = T>, seconds: u64) -> T {
        let mut call = Box::pin(call);
        let refused = poll_times(1, &mut call);
        refused.unwrap_or_else(|| {
            self.clock.advance(Duration::from_secs(seconds));
            now(call)
        })
    }

    fn compare(&self, session: &OrchestrationSession) {
        let model = &self.model;
        assert_eq!(session.status(), model.status());
        assert_eq!(session.summary().iterations, model.iterations);
        let totals = session.tracker().totals();
        assert_eq!((totals.turns, totals.unpriced_turns), (model.turns, model.unpriced));
        assert_eq!(totals.tokens.input_tokens, model.tokens);
        assert_eq!(totals.cost, Usd::from_nanos(model.cost * 1_000));
        if let Some(breaker) = &self.breaker {
            assert_eq!(breaker.state(), model.breaker_state());
        }
        assert_eq!(self.clock.waiting(), 0, "a timer is left behind");
        let events = self.events.events();
        if let Some(account) = session.account() {
            assert_eq!(account.balance().spent, billed(&events), "the account and the events");
            assert_eq!(account.balance().spent, totals.cost);
            assert!(account.balance().reserved.is_zero(), "these turns reserve nothing");
        }
        if model.has_ended() {
            assert_lawful(&events);
        } else {
            assert_eq!(assert_lawful_so_far(&events), model.held.len());
        }
    }

    fn end(mut self, session: OrchestrationSession, ending: Ending) {
        let id = session.worker_id().to_owned();
        let handle = session.handle();
        let summary = match ending {
            Ending::Complete => Some(session.finish(Ok::<_, BoxError>(())).summary),
            Ending::Fail => Some(session.finish(Err::<(), _>("no")).summary),
            _ => {
                drop(session);
                None
            }
        };
        self.model.gone(ending);
        assert_eq!(handle.status(), self.model.status());
        let events = self.events.events();
        assert_lawful(&events);
        self.compare_counts();
        if let Some(summary) = summary {
            assert_eq!(summary.status(), self.model.status());
            let kept = events.len().min(self.setting.log);
            assert_eq!(summary.agent_events, events[events.len() - kept..]);
            assert_eq!(summary.events_emitted, events.len() as u64);
            assert_eq!(summary.events_dropped, (events.len() - kept) as u64);
            assert_eq!(summary.sink_failures, 0);
        }
        self.registry.cancel_unclaimed("over");
        assert!(self.registry.list_active().is_empty());
        assert!(self.registry.get(&id).is_none_or(|worker| worker.status().is_terminal()));
        if let Some(breaker) = &self.breaker {
            self.clock.advance(Duration::from_secs(WAIT));
            breaker.try_acquire().unwrap().success();
            assert_eq!(breaker.state(), CircuitState::Closed);
        }
    }

    fn compare_counts(&self) {
        let count = |name| self.events.all(name).len() as u64;
        assert_eq!(count(AgentEventName::RecoveryAttempted), 0, "plain turns do not recover");
        assert_eq!(count(AgentEventName::AgentBlocked), self.model.refusals);
        // The session's own failure ends its span; the budget's event ends none.
        let failed = self.events.all(AgentEventName::AgentFailed);
        let marks = failed.iter().filter(|event| event.span.is_none()).count() as u64;
        assert_eq!(marks, self.model.over_budget);
        assert_eq!(self.registry.list_unclaimed().len() as u64, self.model.handed_over);
    }
}

fn verdict(value: &Value) -> GuardrailOutcome {
    if value == "bad" { GuardrailOutcome::deny("denied") } else { GuardrailOutcome::allow() }
}
