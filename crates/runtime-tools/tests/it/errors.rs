//! Errors of runs, read by whoever has them: a session that ends with one, a turn around it, a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, ManualClock, SpanOutcome};
use runtime_orchestrator::{Attempt, BoxError, Orchestrator, Shutdown, Turn, TurnError};
use runtime_resilience::chain_text;
use runtime_sinks::testing::RecordingEventSink;
use runtime_tools::{
    Agent, AgentError, Chat, Dialect, InvalidAnswerError, Said, Tool, ToolResult, ToolRunnerError,
    Toolbox,
};
use runtime_usage::{Limit, Usd};
use serde_json::{Value, json};

use crate::run;

/// A provider that asks for so many calls of its tool in each reply, or fails.
struct Provider {
    replies: Result<usize, &'static str>,
    asked: AtomicU32,
}

impl Provider {
    const fn that(replies: Result<usize, &'static str>) -> Self {
        Self { replies, asked: AtomicU32::new(0) }
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Chat for Provider {
    type Message = Value;
    type Reply = Value;
    type Error = BoxError;

    fn turn(&self, _: &[Value]) -> Turn<Value> {
        Turn::unmetered().reserve(Usd::from_dollars(1))
    }

    async fn ask(&self, _: &[Value], _: &Attempt) -> Result<Value, BoxError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let function = json!({ "name": "stop", "arguments": "{}" });
        let call = json!({ "id": "call_1", "type": "function", "function": function });
        let calls = vec![call; self.replies?];
        Ok(json!({ "role": "assistant", "tool_calls": calls }))
    }

    fn read(&self, reply: &Value) -> Said {
        Said::new("", Dialect::OpenAi.uses(reply))
    }

    fn reply(&self, reply: Value) -> Value {
        reply
    }

    fn results(&self, results: Vec<ToolResult>) -> Vec<Value> {
        Dialect::OpenAi.results(&results)
    }

    fn correction(&self, _: &InvalidAnswerError) -> Value {
        Value::Null
    }
}

/// Sessions on a clock that skips, whose agents have a tool that begins a shutdown.
struct Desk {
    orchestrator: Orchestrator,
    stop: Shutdown,
    events: RecordingEventSink,
}

impl Desk {
    fn new() -> Self {
        let (clock, events) = (ManualClock::skipping(), RecordingEventSink::new());
        let stop = Shutdown::on(clock.clone());
        let orchestrator = Orchestrator::new("writer", "draft").time(clock).shutdown(&stop);
        Self { orchestrator: orchestrator.event_sink(events.clone()), stop, events }
    }

    /// Ends a session with the error of its agent.
    async fn ended(&self, provider: &Provider) -> AgentError {
        let session = self.orchestrator.session().unwrap();
        let stop = self.stop.clone();
        let tool = Tool::new("stop", "", move |()| {
            stop.begin();
            std::future::ready(Ok::<_, BoxError>(()))
        });
        let toolbox = Toolbox::new().with(tool).unwrap();
        let error =
            Agent::new(&session, &toolbox).run(provider, &mut Vec::new()).await.unwrap_err();
        let report = session.finish(Err::<(), _>(error));
        *report.result.unwrap_err().downcast().unwrap()
    }

    /// The last event of the only session that failed.
    fn ended_with(&self) -> Arc<AgentEvent> {
        let failed = self.events.all(AgentEventName::AgentFailed);
        assert_eq!(failed.len(), 1);
        Arc::clone(&failed[0])
    }
}

#[test]
fn session_that_ends_with_an_agents_error_has_the_class_of_its_turn() {
    let mut desk = Desk::new();
    desk.orchestrator = desk.orchestrator.budget(Limit::enforced(Usd::ZERO));
    let error = run(desk.ended(&Provider::that(Ok(1))));
    assert!(matches!(error, AgentError::Turn(TurnError::Budget(_))), "{error:?}");
    assert_eq!(desk.ended_with().failure_class, Some(AgentFailureClass::GovernanceBreach));

    let desk = Desk::new();
    let error = run(desk.ended(&Provider::that(Err("401 Unauthorized"))));
    let AgentError::Turn(turn @ TurnError::Unrecovered(_)) = &error else { panic!("{error:?}") };
    assert_eq!(desk.ended_with().failure_class, Some(turn.failure_class()));
    assert_eq!(chain_text(&error), "401 Unauthorized", "the caller's words alone");
}

#[test]
fn session_that_a_shutdown_ends_is_cancelled_wherever_its_agent_was() {
    for calls in [1, 2] {
        let desk = Desk::new();
        // The first call begins the shutdown.
        let error = run(desk.ended(&Provider::that(Ok(calls))));
        match &error {
            AgentError::Turn(turn) => assert!(calls == 1 && turn.is_shutdown(), "{error:?}"),
            AgentError::Tools(ToolRunnerError::Session(tool)) => {
                assert!(calls == 2 && tool.is_shutdown(), "{error:?}");
            }
            _ => panic!("{error:?}"),
        }
        let ended = desk.ended_with();
        assert_eq!(ended.outcome, Some(SpanOutcome::Cancelled));
        assert_eq!(ended.failure_class, Some(AgentFailureClass::Cancelled));
    }
}

#[test]
fn turn_around_an_agent_does_not_retry_what_was_retried() {
    let desk = Desk::new();
    let outer = desk.orchestrator.session().unwrap();
    let provider = Provider::that(Err("503 Service Unavailable"));
    let mut runs = 0;
    let gave_up = run(outer.run_turn_recovering(Turn::unmetered(), |_| {
        runs += 1;
        desk.ended(&provider).map(Err::<(), _>)
    }));
    assert!(matches!(gave_up, Err(TurnError::Unrecovered(_))), "{gave_up:?}");
    assert!(provider.asked() > 1, "the turn inside was retried");
    assert_eq!(runs, 1);
}

#[cfg(feature = "durable")]
#[test]
fn thread_that_an_agent_fails_makes_its_last_turn_again_and_no_other() {
    use crate::world::{World, error};
    use runtime_durable::DurableSession;

    let world = World::new();
    let durable = world.durable(Orchestrator::new("writer", "draft"));
    let provider = Provider::that(Err("401 Unauthorized"));
    let body = async |session: &DurableSession| {
        let toolbox = Toolbox::new();
        let asks = async || Agent::new(session, &toolbox).run(&provider, &mut Vec::new()).await;
        // The code goes on without the first answer.
        assert!(matches!(asks().await, Err(AgentError::Step(_))));
        Ok(asks().await?)
    };
    let failed = error(world.run(&durable, body));
    assert_eq!((chain_text(&failed), provider.asked()), ("401 Unauthorized".to_owned(), 2));
    error(world.run(&durable, body));
    assert_eq!(provider.asked(), 3);
}
