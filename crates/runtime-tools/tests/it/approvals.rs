//! People approve calls of the loop.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, Run};
use runtime_orchestrator::{Effect, Orchestrator};
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_store::{Approval, Approvals};
use runtime_tools::{Agent, ToolOutcome, ToolRunner, ToolUse, Toolbox};
use serde_json::{Value, json};

use crate::durable::{Model, calls, clerk, note, pay, resolve, text};
use crate::world::{World, value, waits};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A thread whose model asks for two payments that need an approval, and for a note.
struct Shop {
    world: World,
    durable: Durable,
    results: Arc<Mutex<Vec<Value>>>,
}

impl Shop {
    fn new(orchestrator: Orchestrator) -> Self {
        let world = World::new();
        let durable = world.durable(orchestrator);
        Self { world, durable, results: Arc::default() }
    }

    fn run(&self) -> Option<Result<Run<String>, runtime_durable::RunError>> {
        self.world.run(&self.durable, async |session: &DurableSession| {
            let pay = pay(&self.world, Effect::Irreversible, false)
                .requires(PermissionMode::WorkspaceWrite)
                .approval("payments", DAY);
            let toolbox = Toolbox::new().with_all([pay, note(&self.world)]).unwrap();
            let model = Model::new(
                &self.world,
                [
                    calls([
                        ("call_1", "pay", json!({ "amount": 12 })),
                        ("call_2", "note", json!({ "of": 1 })),
                        ("call_3", "pay", json!({ "amount": 99 })),
                    ]),
                    text("done"),
                ],
            );
            let mut messages = vec![json!({ "role": "user", "content": "pay" })];
            let answer = Agent::new(session, &toolbox).run(&model, &mut messages).await?;
            *self.results.lock().unwrap() =
                messages[2..5].iter().map(|message| message["content"].clone()).collect();
            Ok(answer)
        })
    }

    fn pending(&self) -> Vec<Approval> {
        self.world.store.pending(None, 10).now_or_never().unwrap().unwrap()
    }

    fn decide(&self, verdict: &runtime_store::Verdict) {
        self.world.store.decide(verdict).now_or_never().unwrap().unwrap();
    }

    fn results(&self) -> Vec<Value> {
        self.results.lock().unwrap().clone()
    }
}

#[test]
fn the_loop_parks_until_a_person_decides_and_the_model_sees_denials() {
    let shop = Shop::new(clerk());
    let waits_for = waits(shop.run());
    assert_eq!(
        waits_for, "somebody to approve tool `pay`, and somebody to approve tool `pay`",
        "both are asked about at once"
    );
    let [first, second] = &shop.pending()[..] else { panic!("two questions") };
    assert_eq!(first.shown, json!({ "amount": 12 }));
    shop.decide(&first.approve("ann"));
    // One is open.
    assert_eq!(waits(shop.run()), "somebody to approve tool `pay`");
    assert_eq!(shop.world.payments(), 0);
    shop.decide(&second.deny("bob").note("too much"));
    assert_eq!(value(shop.run()), "done");
    let results = shop.results();
    assert_eq!(results[0], json!({ "paid": 12 }).to_string());
    assert_eq!(results[1], json!({ "of": 1 }).to_string());
    assert_eq!(results[2], "`pay` was denied by bob: too much");
    assert_eq!((shop.world.payments(), shop.world.calls()), (1, 2));
}

#[test]
fn an_approval_in_the_loop_is_used_once_wherever_processes_die() {
    let mut points = 0;
    loop {
        let shop = Shop::new(clerk());
        waits(shop.run());
        let [first, second] = &shop.pending()[..] else { panic!("two questions") };
        shop.decide(&first.approve("ann"));
        shop.decide(&second.deny("ann"));
        shop.world.live_for(points);
        let died = shop.run().is_none();
        shop.world.reborn();
        let mut run = shop.run();
        if let Some(Ok(Run::Parked(parked))) = &run {
            let step = parked.waits_for.rsplit_once("step ").unwrap().1.trim_end_matches(')');
            let said = match shop.world.payments() {
                0 => json!({ "not_done": true }),
                _ => json!({ "done": { "paid": 12 } }),
            };
            resolve(&shop.world, step, &said);
            run = shop.run();
        }
        assert_eq!(value(run), "done", "after {points} points");
        assert_eq!(shop.world.payments(), 1);
        if !died {
            break;
        }
        points += 1;
    }
    assert!(points > 20, "{points} points");
}

#[test]
fn arguments_that_a_person_puts_in_place_are_those_of_the_call() {
    let shop = Shop::new(clerk());
    waits(shop.run());
    let [first, second] = &shop.pending()[..] else { panic!("two questions") };
    shop.decide(&first.amend(json!({ "amount": "few" }), "ann"));
    shop.decide(&second.deny("ann"));
    assert_eq!(value(shop.run()), "done");
    let said = shop.results()[0].as_str().unwrap().to_owned();
    assert!(said.starts_with("invalid arguments of tool `pay`"), "{said}");
    assert_eq!(shop.world.payments(), 0);
}

#[test]
fn nobody_is_asked_about_a_tool_that_is_not_permitted() {
    let reader = RolePermissionConfig::new("clerk", PermissionMode::ReadOnly).unwrap();
    let policy = PermissionPolicy::new().role(reader);
    let shop = Shop::new(clerk().permissions(PermissionEnforcer::new(policy)));
    assert_eq!(value(shop.run()), "done");
    assert!(shop.pending().is_empty(), "nobody was asked");
    assert_eq!(shop.world.payments(), 0);
}

#[test]
fn a_tool_that_needs_an_approval_is_denied_where_nobody_can_be_asked() {
    let world = World::new();
    let pay = pay(&world, Effect::Keyed, false).approval("payments", DAY);
    let toolbox = Toolbox::new().with(pay).unwrap();
    let session = clerk().session().unwrap();
    let uses = vec![ToolUse::new("call_1", "pay", json!({ "amount": 12 }))];
    let results = crate::run(ToolRunner::new(&session, &toolbox).run(uses)).unwrap();
    assert_eq!(results[0].outcome, ToolOutcome::Denied);
    assert_eq!(world.payments(), 0);
}
