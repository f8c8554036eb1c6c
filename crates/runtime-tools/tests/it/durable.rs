//! The loop in a durable session: crashes at every point, and what is recorded.

use std::sync::Mutex;

use futures_util::FutureExt;
use runtime_durable::{DurableSession, Reconciled, Run};
use runtime_orchestrator::{Attempt, BoxError, Effect, OrchestrationSession, Orchestrator, Turn};
use runtime_store::{Inbox, Store};
use runtime_tools::{
    Agent, Chat, Dialect, InvalidAnswerError, Said, Tool, ToolOutcome, ToolResult, ToolRunner,
    ToolUse, Toolbox,
};
use runtime_usage::UsageSnapshot;
use serde_json::{Value, json};

use crate::output::plot;
use crate::world::{World, thread, value, waits};

/// A model that says the next of its replies, by the length of the conversation.
pub(crate) struct Model<'w> {
    world: &'w World,
    replies: Vec<Value>,
    /// What it was shown last.
    shown: Mutex<Vec<Value>>,
}

impl<'w> Model<'w> {
    pub(crate) fn new(world: &'w World, replies: impl Into<Vec<Value>>) -> Self {
        Self { world, replies: replies.into(), shown: Mutex::default() }
    }
}

impl Chat for Model<'_> {
    type Message = Value;
    type Reply = Value;
    type Error = BoxError;

    fn turn(&self, messages: &[Value]) -> Turn<Value> {
        Turn::model("gpt-5").usage(UsageSnapshot::new(100, 10)).guarded(messages)
    }

    async fn ask(&self, messages: &[Value], _: &Attempt) -> Result<Value, BoxError> {
        *self.shown.lock().unwrap() = messages.to_vec();
        self.world.ask("").await?;
        let said = messages.iter().filter(|message| message["role"] == "assistant").count();
        Ok(self.replies[said].clone())
    }

    fn read(&self, reply: &Value) -> Said {
        Said::new(reply["content"].as_str().unwrap_or_default(), Dialect::OpenAi.uses(reply))
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
}

pub(crate) fn calls<const N: usize>(calls: [(&str, &str, Value); N]) -> Value {
    let calls = calls.map(|(id, name, arguments)| {
        json!({ "id": id, "function": { "name": name, "arguments": arguments.to_string() } })
    });
    let calls = calls.to_vec();
    json!({ "role": "assistant", "content": null, "tool_calls": calls })
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "role": "assistant", "content": text })
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Pay {
    amount: u32,
}

/// A tool that pays, and finds its payments in the books of the server if it `asks`.
pub(crate) fn pay(world: &World, effect: Effect, asks: bool) -> Tool {
    let (server, books) = (world.clone(), world.clone());
    let pay = Tool::keyed("pay", "Pays.", move |pay: Pay, key: String| {
        let world = server.clone();
        async move {
            assert!(pay.amount > 0, "a payment");
            let paid = world.pay(&key, effect == Effect::Keyed).await?;
            Ok::<_, BoxError>(json!({ "paid": paid }))
        }
    });
    let pay = pay.effect(effect);
    if !asks {
        return pay;
    }
    pay.reconcile(move |key| {
        let done = books.paid.lock().unwrap().contains(&key);
        let known =
            if done { Reconciled::Done(json!({ "paid": 12 })) } else { Reconciled::NotDone };
        async move { Ok(known) }
    })
}

pub(crate) fn note(world: &World) -> Tool {
    let world = world.clone();
    Tool::dynamic("note", "Notes.", json!({ "type": "object" }), move |said: Value| {
        let world = world.clone();
        async move {
            world.point().await;
            Ok::<_, BoxError>(said)
        }
    })
    .effect(Effect::Idempotent)
    .repeatable()
}

fn broken() -> Tool {
    Tool::new("broken", "Fails.", async |()| {
        Err::<(), BoxError>("the disk is full, password=hunter2hunter2".into())
    })
    .effect(Effect::Read)
}

async fn order(
    world: &World,
    session: &DurableSession,
    (effect, asks): (Effect, bool),
) -> Result<(String, Vec<Value>), BoxError> {
    let toolbox =
        Toolbox::new().with_all([pay(world, effect, asks), note(world), broken()]).unwrap();
    let model = Model::new(
        world,
        [
            calls([
                ("call_1", "pay", json!({ "amount": 12 })),
                ("call_2", "note", json!({ "of": 1 })),
                ("call_3", "pay", json!({ "amount": "much" })),
                ("call_4", "broken", json!({})),
                ("call_5", "unknown", json!({})),
            ]),
            // A model whose calls have no ids, and then the same id in each reply.
            calls([("", "note", json!({ "of": 2 })), ("", "note", json!({ "of": 2 }))]),
            calls([("call_1", "note", json!({ "of": 3 }))]),
            text("paid 12"),
        ],
    );
    let mut messages = vec![json!({ "role": "user", "content": "pay 12" })];
    let answer = Agent::new(session, &toolbox).run(&model, &mut messages).await?;
    Ok((answer, messages))
}

/// Lets a process die after each number of points, and the next one after some numbers as well, and then one
/// lives on. Returns the largest number of payments, and how often a person was asked.
fn die_everywhere(how: (Effect, bool)) -> (usize, u32) {
    let (mut most, mut asked, mut first) = (0, 0, 0);
    let unbroken = {
        let world = World::new();
        let durable = world.durable(Orchestrator::new("clerk", "orders"));
        value(world.run(&durable, async |session| order(&world, session, how).await))
    };
    loop {
        // Every third one: the conversation is long.
        for second in (first % 3..).step_by(3) {
            let world = World::new();
            let durable = world.durable(Orchestrator::new("clerk", "orders"));
            let body = async |session: &DurableSession| order(&world, session, how).await;
            world.live_for(first);
            if world.run(&durable, body).is_some() {
                return (most, asked);
            }
            world.reborn();
            world.live_for(second);
            let died = world.run(&durable, body).is_none();
            world.reborn();
            let mut run = world.run(&durable, body);
            while let Some(Ok(Run::Parked(parked))) = &run {
                asked += 1;
                let step = parked.waits_for.rsplit_once("step ").unwrap().1.trim_end_matches(')');
                let said = match world.payments() {
                    0 => json!({ "not_done": true }),
                    _ => json!({ "done": { "paid": 12 } }),
                };
                resolve(&world, step, &said);
                run = world.run(&durable, body);
            }
            assert_eq!(value(run), unbroken, "after {first} and {second} points");
            let calls = (world.calls(), world.payments());
            assert!(calls.0 <= 4 + 2, "{} calls: only lost ones are made again", calls.0);
            assert_eq!(value(world.run(&durable, body)), unbroken);
            assert_eq!((world.calls(), world.payments()), calls);
            most = most.max(world.payments());
            if !died {
                break;
            }
        }
        first += 1;
    }
}

pub(crate) fn clerk() -> Orchestrator {
    Orchestrator::new("clerk", "orders")
}

/// A person says what became of a step.
pub(crate) fn resolve(world: &World, step: &str, said: &Value) {
    let (thread, key) = (thread(), format!("resolve/{step}"));
    let said = world.store.deliver(&thread, &key, said).now_or_never();
    assert!(said.unwrap().unwrap(), "nobody is asked twice");
}

#[test]
fn a_keyed_tool_pays_once_wherever_processes_die() {
    assert_eq!(die_everywhere((Effect::Keyed, false)), (1, 0));
}

#[test]
fn an_irreversible_tool_that_can_ask_pays_once_wherever_processes_die() {
    assert_eq!(die_everywhere((Effect::Irreversible, true)), (1, 0));
}

#[test]
fn an_irreversible_tool_pays_once_and_asks_a_person_where_nobody_knows() {
    let (payments, asked) = die_everywhere((Effect::Irreversible, false));
    assert_eq!(payments, 1);
    assert!(asked > 5, "asked {asked} times");
}

#[test]
fn the_control_without_intents_pays_twice() {
    let (payments, _) = die_everywhere((Effect::Idempotent, false));
    assert!(payments > 1, "the test finds what it looks for");
}

#[test]
fn each_call_elsewhere_has_a_key_of_its_own() {
    let world = World::new();
    let toolbox = Toolbox::new().with(pay(&world, Effect::Keyed, false)).unwrap();
    let session = clerk().session().unwrap();
    let two = || vec![ToolUse::new("call_1", "pay", json!({ "amount": 12 }))];
    for _ in 0..2 {
        crate::run(ToolRunner::new(&session, &toolbox).run(two())).unwrap();
    }
    assert_eq!(world.payments(), 2);
}

#[test]
fn outcomes_are_the_same_in_each_life() {
    use ToolOutcome::{Failed, InvalidArguments, Repeated, UnknownTool};

    let world = World::new();
    let durable = world.durable(clerk());
    let outcomes = Mutex::new(Vec::new());
    let body = async |session: &DurableSession| {
        let toolbox =
            Toolbox::new().with_all([pay(&world, Effect::Keyed, false), broken(), plot()]).unwrap();
        let mut runner = ToolRunner::new(session, &toolbox).repeats(1);
        let uses = [
            ("pay", json!({ "amount": "much" })),
            ("pay", json!("{")),
            ("broken", json!({})),
            ("broken", json!({})),
            ("other", json!({})),
            ("plot", json!({})),
        ];
        let uses = uses.map(|(name, arguments)| ToolUse::new("", name, arguments));
        let results = runner.run(uses.into()).await?;
        outcomes.lock().unwrap().push(results);
        session.wait_for::<u32>("go").await?;
        Ok(())
    };
    waits(world.run(&durable, body));
    world.deliver("go", 1);
    value(world.run(&durable, body));
    let outcomes = outcomes.into_inner().unwrap();
    assert_eq!(outcomes[0], outcomes[1]);
    let kinds: Vec<_> = outcomes[0].iter().map(|result| result.outcome).collect();
    assert_eq!(
        kinds,
        [InvalidArguments, InvalidArguments, Failed, Repeated, UnknownTool, ToolOutcome::Ok]
    );
    assert_eq!(outcomes[1][5].media.len(), 5);
    assert!(!outcomes[0][2].content.contains("hunter2"), "{:?}", outcomes[0][2]);
}

#[test]
fn conversations_are_not_in_the_journal() {
    let world = World::new();
    let durable = world.durable(clerk());
    let run = world.run(&durable, async |session| {
        let toolbox = Toolbox::new().with(note(&world)).unwrap();
        let model = Model::new(&world, [calls([("", "note", json!({}))]), text("done")]);
        let mut messages = vec![json!({ "role": "user", "content": "x".repeat(100_000) })];
        Ok(Agent::new(session, &toolbox).run(&model, &mut messages).await?)
    });
    assert_eq!(value(run), "done");
    let entries = world.store.read(&thread(), 0, 100).now_or_never().unwrap().unwrap();
    let bytes: usize = entries.iter().map(|stored| stored.entry.body.len()).sum();
    assert!(bytes < 2_000, "{bytes} bytes");
}

#[test]
fn the_loop_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    #[expect(dead_code, reason = "only compiled")]
    fn both(plain: &OrchestrationSession, session: &DurableSession, model: &Model<'_>) {
        let (toolbox, mut messages) = (Toolbox::new(), Vec::new());
        is_send(&Agent::new(plain, &toolbox).run(model, &mut messages));
        is_send(&Agent::new(session, &toolbox).run(model, &mut messages));
    }
}
