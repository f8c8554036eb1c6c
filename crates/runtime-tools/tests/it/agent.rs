//! The loop: from a question to an answer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use runtime_events::{Clock, ManualClock};
use runtime_orchestrator::{Attempt, BoxError, Orchestrator, Turn, TurnError};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_resilience::{FaultError, Provider};
use runtime_tools::{
    Agent, AgentError, Chat, Dialect, InvalidAnswerError, Said, Tool, ToolResult, ToolRunnerError,
    Toolbox,
};
use runtime_usage::{Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::{Value, json};

use crate::{run, search};

/// A provider that answers by a script, and keeps the lengths of the conversations that it got.
struct Script {
    replies: Mutex<VecDeque<Result<Value, BoxError>>>,
    asked: Mutex<Vec<usize>>,
    trimmed: AtomicUsize,
}

impl Script {
    fn new(replies: impl IntoIterator<Item = Result<Value, BoxError>>) -> Self {
        let replies = Mutex::new(replies.into_iter().collect());
        Self { replies, asked: Mutex::default(), trimmed: AtomicUsize::new(0) }
    }

    fn asked(&self) -> Vec<usize> {
        self.asked.lock().unwrap().clone()
    }
}

impl Chat for Script {
    type Message = Value;
    type Reply = Value;
    type Error = BoxError;

    fn turn(&self, messages: &[Value]) -> Turn<Value> {
        Turn::model("m").usage(UsageSnapshot::new(100, 10)).guarded(messages)
    }

    async fn ask(&self, messages: &[Value], _: &Attempt) -> Result<Value, BoxError> {
        self.asked.lock().unwrap().push(messages.len());
        let reply = self.replies.lock().unwrap().pop_front();
        reply.unwrap_or_else(|| Ok(text("the script is over")))
    }

    fn read(&self, reply: &Value) -> Said {
        let text = reply["content"].as_str().unwrap_or_default();
        Said::new(text, Dialect::OpenAi.uses(reply))
    }

    fn reply(&self, reply: Value) -> Value {
        reply
    }

    fn results(&self, results: Vec<ToolResult>) -> Vec<Value> {
        Dialect::OpenAi.results(&results)
    }

    fn correction(&self, invalid: &InvalidAnswerError) -> Value {
        json!({ "role": "user", "content": invalid.to_string() })
    }

    /// Drops the oldest messages.
    fn trim(&self, messages: &mut Vec<Value>, attempt: &Attempt) {
        self.trimmed.fetch_add(1, Ordering::Relaxed);
        let full = messages.len();
        let keep = attempt.context_budget(full as u64).max(1);
        messages.drain(..full - usize::try_from(keep).unwrap());
    }
}

fn text(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

fn call(query: &str) -> Value {
    let arguments = json!({ "query": query }).to_string();
    json!({ "role": "assistant", "content": null, "tool_calls": [{
        "id": query, "type": "function",
        "function": { "name": "search", "arguments": arguments },
    }] })
}

fn question() -> Vec<Value> {
    vec![json!({ "role": "user", "content": "?" })]
}

fn toolbox() -> Toolbox {
    Toolbox::new().with(search()).unwrap()
}

fn orchestrator() -> Orchestrator {
    Orchestrator::new("writer", "draft").time(ManualClock::new())
}

#[test]
fn tools_run_until_the_model_answers() {
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new([Ok(call("a")), Ok(call("b")), Ok(text("42"))]);
    let mut messages = question();
    let answer = run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap();
    assert_eq!(answer, "42");
    assert_eq!(chat.asked(), [1, 3, 5]);
    assert_eq!(messages[4]["content"], "10 of b");
    assert_eq!(messages[5], text("42"));
    assert_eq!(session.summary().usage.turns, 3);
}

#[test]
fn cap_of_turns_ends_the_loop_and_keeps_the_conversation() {
    let session = orchestrator().max_iterations(2).session().unwrap();
    let toolbox = toolbox();
    let chat = Script::new([Ok(call("a")), Ok(call("b")), Ok(text("42"))]);
    let mut messages = question();
    let error = run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap_err();
    assert!(matches!(error, AgentError::Turn(TurnError::MaxIterations(_))), "{error:?}");
    assert_eq!(messages.len(), 5, "question, and two calls with their results");
}

#[test]
fn budget_ends_the_loop() {
    let prices = PricingTable::new();
    let dollar = Usd::from_dollars(1);
    prices.register("m", ModelPricing::per_million(dollar, dollar)).unwrap();
    let limit = Limit::enforced(Usd::from_nanos(150_000));
    let session = orchestrator().pricing(prices).budget(limit).session().unwrap();
    let toolbox = toolbox();
    let chat = Script::new((0..9).map(|round| Ok(call(&round.to_string()))));
    let mut messages = question();
    let error = run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap_err();
    assert!(matches!(error, AgentError::Turn(TurnError::Budget(_))), "{error:?}");
    assert_eq!(chat.asked().len(), 2);
}

#[test]
fn stuck_model_ends_the_loop() {
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new((0..9).map(|_| Ok(call("again"))));
    let mut messages = question();
    let error = run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap_err();
    assert!(matches!(error, AgentError::Tools(ToolRunnerError::Repeated(_))), "{error:?}");
    assert_eq!(chat.asked().len(), 5, "three calls, one that is told, one that ends the run");
}

/// The ids of the calls in a conversation, and of their results with what they say.
fn calls_and_results(messages: &[Value]) -> (Vec<String>, Vec<(String, String)>) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let calls = messages.iter().filter_map(|message| message["tool_calls"].as_array()).flatten();
    let results = messages.iter().filter(|message| message["role"] == "tool");
    let results = results.map(|m| (text(&m["tool_call_id"]), text(&m["content"])));
    (calls.map(|call| text(&call["id"])).collect(), results.collect())
}

#[test]
fn each_call_has_a_result_however_the_run_ends() {
    let [fine, hangs] = ["fine", "hangs"].map(|name| {
        json!({ "id": name, "type": "function", "function": { "name": name, "arguments": "{}" } })
    });
    let both = || json!({ "role": "assistant", "tool_calls": [hangs, fine] });
    let session = orchestrator().session().unwrap();
    let (handle, end) = (session.handle(), Arc::new(AtomicUsize::new(0)));
    let ends = Arc::clone(&end);
    let tools = [
        Tool::new("fine", "", async |()| Ok::<_, BoxError>("money was sent")),
        Tool::new("hangs", "", move |()| {
            let (handle, ends) = (handle.clone(), Arc::clone(&ends));
            async move {
                tokio::task::yield_now().await;
                if ends.load(Ordering::Relaxed) == 1 {
                    handle.cancel("enough").unwrap();
                }
                std::future::pending::<Result<(), BoxError>>().await
            }
        }),
    ];
    let toolbox = Toolbox::new().with_all(tools).unwrap();
    for cancelled in [false, true] {
        end.store(usize::from(cancelled), Ordering::Relaxed);
        let chat = Script::new([Ok(both())]);
        let mut messages = question();
        run(async {
            let mut agent = Agent::new(&session, &toolbox);
            let answer = agent.run(&chat, &mut messages);
            tokio::pin!(answer);
            if cancelled {
                let error = answer.await.unwrap_err();
                assert!(matches!(error, AgentError::Tools(_)), "{error:?}");
            } else {
                // The caller leaves.
                for _ in 0..9 {
                    tokio::select! {
                        biased;
                        _ = &mut answer => panic!("it hangs"),
                        () = tokio::task::yield_now() => {}
                    }
                }
            }
        });
        let (calls, results) = calls_and_results(&messages);
        assert_eq!(calls, ["hangs", "fine"]);
        let ids: Vec<_> = results.iter().map(|(id, _)| id).collect();
        assert_eq!(ids, ["hangs", "fine"]);
        assert!(results[0].1.contains("may have been made or not"), "{results:?}");
        assert_eq!(results[1].1, "money was sent", "it is not lost");
    }
}

#[test]
fn calls_of_a_stuck_model_have_results_too() {
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new((0..9).map(|_| Ok(call("again"))));
    let mut messages = question();
    run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap_err();
    let (calls, results) = calls_and_results(&messages);
    assert_eq!((calls.len(), results.len()), (5, 5));
    let last = &results[4].1;
    assert!(last.starts_with("the call was not made: tool `search` was already called"), "{last}");
    // Another run goes on.
    let chat = Script::new([Ok(text("42"))]);
    messages.push(json!({ "role": "user", "content": "Then guess." }));
    assert_eq!(run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap(), "42");
}

#[test]
fn conversation_that_is_too_long_is_trimmed_and_stays_so() {
    let too_long = json!({ "error": {
        "message": "This model's maximum context length is 10 tokens.",
        "type": "invalid_request_error", "code": "context_length_exceeded",
    } });
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let headers: [(&str, &str); 0] = [];
    let (body, at) = (too_long.to_string(), ManualClock::new().utc_now());
    let fault = FaultError::from_response(Provider::OpenAi, 400, &headers, body.as_bytes(), at);
    let chat = Script::new([
        Ok(call("a")),
        Ok(call("b")),
        Ok(call("c")),
        Err(fault.into()),
        Ok(text("42")),
    ]);
    let mut messages = question();
    let answer = run(Agent::new(&session, &toolbox).run(&chat, &mut messages)).unwrap();
    assert_eq!(answer, "42");
    let asked = chat.asked();
    assert_eq!(asked[..4], [1, 3, 5, 7]);
    assert!(asked[4] < 7, "{asked:?}");
    assert_eq!(chat.trimmed.load(Ordering::Relaxed), 1);
    assert_eq!(messages.len(), asked[4] + 1, "the shorter conversation, and the answer");
}

#[derive(Debug, PartialEq, serde::Deserialize)]
struct Answer {
    number: u8,
}

#[test]
fn typed_answer_is_asked_for_again_with_the_error() {
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new([
        Ok(call("a")),
        Ok(text("It is 42.")),
        Ok(text(r#"{"number": "42"}"#)),
        Ok(text("```json\n{\"number\": 42}\n```")),
    ]);
    let mut messages = question();
    let mut agent = Agent::new(&session, &toolbox);
    let answer: Answer = run(agent.run_typed(&chat, &mut messages)).unwrap();
    assert_eq!(answer, Answer { number: 42 });
    let corrections: Vec<_> =
        messages.iter().filter(|m| m["role"] == "user").map(|m| m["content"].clone()).collect();
    assert_eq!(corrections.len(), 3);
    assert_eq!(
        corrections[2],
        "the answer is not the JSON that was asked for: \
         number: invalid type: string \"42\", expected u8 at line 1 column 15"
    );
}

#[test]
fn typed_answer_that_never_fits_is_returned_in_the_error() {
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new((0..9).map(|_| Ok(text(r#"{"number": 1} or {"number": 2}"#))));
    let mut agent = Agent::new(&session, &toolbox).corrections(1);
    let error = run(agent.run_typed::<Answer, _>(&chat, &mut question())).unwrap_err();
    let AgentError::Answer(invalid) = error else { panic!("{error:?}") };
    assert_eq!(invalid.answer, r#"{"number": 1} or {"number": 2}"#);
    assert!(invalid.problem.contains("several that fit"), "{}", invalid.problem);
    assert_eq!(chat.asked().len(), 2);
}

#[test]
fn guardrails_see_the_conversation_of_each_turn() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&seen);
    let look = guardrail::pre("look", move |check| {
        if let Some(messages) = check.arguments.as_array() {
            keep.lock().unwrap().push(messages.len());
        }
        GuardrailOutcome::allow()
    });
    let session = orchestrator().guardrails(Guardrails::new().with(look)).session().unwrap();
    let toolbox = toolbox();
    let chat = Script::new([Ok(call("a")), Ok(text("42"))]);
    run(Agent::new(&session, &toolbox).run(&chat, &mut question())).unwrap();
    assert_eq!(*seen.lock().unwrap(), [1, 3]);
}

#[test]
fn agent_runs_on_any_executor() {
    fn assert_send<T: Send>(_: &T) {}
    let (session, toolbox) = (orchestrator().session().unwrap(), toolbox());
    let chat = Script::new([]);
    let mut messages = question();
    let mut agent = Agent::new(&session, &toolbox);
    assert_send(&agent.run(&chat, &mut messages));
}
