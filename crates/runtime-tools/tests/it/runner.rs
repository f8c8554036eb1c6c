//! The calls of a reply: results, refusals, order, repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, Effect, Orchestrator};
use runtime_policy::{
    GuardrailOutcome, Guardrails, PermissionEnforcer, PermissionMode, PermissionPolicy,
    RolePermissionConfig, guardrail,
};
use runtime_sinks::testing::RecordingEventSink;
use runtime_tools::{Tool, ToolOutcome, ToolRunner, ToolRunnerError, ToolUse, Toolbox};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{run, search};

fn of(tools: impl IntoIterator<Item = Tool>) -> Toolbox {
    tools.into_iter().fold(Toolbox::new(), |toolbox, tool| toolbox.with(tool).unwrap())
}

fn uses<const N: usize>(uses: [(&str, Value); N]) -> Vec<ToolUse> {
    let numbered = uses.into_iter().enumerate();
    numbered.map(|(id, (name, args))| ToolUse::new(id.to_string(), name, args)).collect()
}

#[test]
fn bad_calls_are_answers_beside_the_good_ones() {
    let events = RecordingEventSink::new();
    let session =
        Orchestrator::new("writer", "draft").event_sink(events.clone()).session().unwrap();
    let toolbox = of([search()]);
    let results = run(ToolRunner::new(&session, &toolbox).run(uses([
        ("search", json!({ "query": "a" })),
        ("search", json!(r#"{"query": "b", "limit": 3}"#)),
        ("search", json!(r#"{"query": "#)),
        ("search", json!({ "query": "c", "limit": "many" })),
        ("browse", json!({})),
    ])))
    .unwrap();

    let said: Vec<_> = results.iter().map(|r| (&*r.id, r.outcome, &*r.content)).collect();
    let broken = "invalid arguments of tool `search`: not JSON: \
                  EOF while parsing a value at line 1 column 10";
    let wrong = "invalid arguments of tool `search`: \
                 limit: invalid type: string \"many\", expected u8";
    assert_eq!(
        said,
        [
            ("0", ToolOutcome::Ok, "10 of a"),
            ("1", ToolOutcome::Ok, "3 of b"),
            ("2", ToolOutcome::InvalidArguments, broken),
            ("3", ToolOutcome::InvalidArguments, wrong),
            ("4", ToolOutcome::UnknownTool, "there is no tool `browse`; the tools are: search"),
        ]
    );
    let ended = events.all(AgentEventName::ToolCompleted);
    let outcomes: Vec<_> = ended.iter().filter_map(|event| event.outcome).collect();
    let [ok, failed] = [SpanOutcome::Ok, SpanOutcome::Failed];
    assert_eq!(outcomes, [ok, ok, failed, failed, failed]);
    session.complete().unwrap();
}

#[test]
fn refusals_failures_and_timeouts_are_answers() {
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let policy = PermissionPolicy::new().role(writer);
    let session = Orchestrator::new("writer", "draft")
        .permissions(PermissionEnforcer::new(policy))
        .session()
        .unwrap();
    let fine = async |()| Ok::<_, BoxError>("fine");
    let no = guardrail::pre("no", |_| GuardrailOutcome::deny("no"));
    let key = format!("sk-proj-{}", "a1B2c3D4e5F6g7H8".repeat(3));
    let text = format!("no connection with key {key}");
    let toolbox = of([
        Tool::new("deploy", "", fine).requires(PermissionMode::FullAccess),
        Tool::new("guarded", "", fine).guardrails(&Guardrails::new().with(no)),
        Tool::new("slow", "", async |()| std::future::pending::<Result<(), BoxError>>().await)
            .timeout(Duration::from_millis(1)),
        Tool::new("broken", "", move |()| {
            let text = text.clone();
            async move { Err::<(), BoxError>(text.into()) }
        }),
    ]);
    let calls = ["deploy", "guarded", "slow", "broken"].map(|name| (name, Value::Null));
    let run_timed = |future| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(future)
    };
    let mut runner = ToolRunner::new(&session, &toolbox);
    let results = run_timed(Box::pin(runner.run(uses(calls)))).unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    let [denied, late] = [ToolOutcome::Denied, ToolOutcome::TimedOut];
    assert_eq!(outcomes, [denied, denied, late, ToolOutcome::Failed]);
    assert!(results.iter().all(|result| result.outcome.is_error()));
    assert!(!results[3].content.contains(&key), "{}", results[3].content);
    assert!(results[3].content.starts_with("no connection with key"));
}

#[test]
fn calls_run_at_once_and_results_keep_their_order() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    // Each waits for the others, so one at a time would never end.
    let all = Arc::new(Barrier::new(3));
    let meet = Tool::new("meet", "", move |number: Number| {
        let all = Arc::clone(&all);
        async move {
            all.wait().await;
            Ok::<_, BoxError>(number.n)
        }
    });
    let toolbox = of([meet]);
    let calls = uses([3, 1, 2].map(|n| ("meet", json!({ "n": n }))));
    let results = run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap();
    assert_eq!(results.iter().map(|r| &*r.content).collect::<Vec<_>>(), ["3", "1", "2"]);
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Number {
    n: u32,
}

#[test]
fn no_more_calls_than_allowed_run_at_once() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let count = Tool::new("count", "", move |_: Number| {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        async move {
            most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::Relaxed);
            Ok::<_, BoxError>(())
        }
    });
    let toolbox = of([count]);
    let calls = (0..10).map(|n| ToolUse::new("", "count", json!({ "n": n }))).collect();
    let results = run(ToolRunner::new(&session, &toolbox).parallel(4).run(calls)).unwrap();
    assert_eq!((results.len(), seen.load(Ordering::Relaxed)), (10, 4));
}

#[test]
fn repeated_call_is_told_once_and_then_ends_the_run() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = of([search()]);
    let mut runner = ToolRunner::new(&session, &toolbox).repeats(2);
    let mut ask = |args: Value| run(runner.run(uses([("search", args)])));
    let spellings = [json!({ "query": "a", "limit": 1 }), json!(r#"{ "limit": 1, "query": "a" }"#)];
    for args in &spellings {
        assert_eq!(ask(args.clone()).unwrap()[0].outcome, ToolOutcome::Ok);
    }
    assert_eq!(ask(json!({ "query": "b" })).unwrap()[0].outcome, ToolOutcome::Ok);
    let told = ask(spellings[0].clone()).unwrap();
    assert_eq!(told[0].outcome, ToolOutcome::Repeated);
    assert!(told[0].content.starts_with("tool `search` was already called 2 times"));
    let stuck = ask(spellings[1].clone()).unwrap_err();
    assert!(matches!(stuck, ToolRunnerError::Repeated(_)), "{stuck:?}");
}

#[test]
fn model_is_told_before_it_is_stuck() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = of([search()]);
    let mut runner = ToolRunner::new(&session, &toolbox).repeats(2);
    let same = || ("search", json!({ "query": "a" }));
    // In one reply, it has not been told yet.
    let results = run(runner.run(uses([same(), same(), same(), same(), same()]))).unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    let [ok, told] = [ToolOutcome::Ok, ToolOutcome::Repeated];
    assert_eq!(outcomes, [ok, ok, told, told, told]);
    let stuck = run(runner.run(uses([same()]))).unwrap_err();
    assert!(matches!(stuck, ToolRunnerError::Repeated(_)), "{stuck:?}");
}

#[test]
fn call_may_be_made_again_once_something_has_changed() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let done = async |number: Number| Ok::<_, BoxError>(number.n);
    let toolbox = of([
        Tool::new("test", "", done).effect(Effect::Read),
        Tool::new("edit", "", done).effect(Effect::Irreversible),
    ]);
    let mut runner = ToolRunner::new(&session, &toolbox).repeats(2);
    let mut ask = |name: &str, n: u32| {
        let results = run(runner.run(uses([(name, json!({ "n": n }))])));
        results.map(|results| results[0].outcome)
    };
    for edit in 0..9 {
        assert_eq!(ask("edit", edit).unwrap(), ToolOutcome::Ok);
        assert_eq!(ask("test", 1).unwrap(), ToolOutcome::Ok, "after edit {edit}");
        assert_eq!(ask("test", 1).unwrap(), ToolOutcome::Ok, "after edit {edit}");
    }
    // An edit that is made again is a part of the loop.
    let mut ends = None;
    for _ in 0..9 {
        for (name, n) in [("edit", 9), ("test", 9)] {
            ends = ends.or_else(|| ask(name, n).err());
        }
    }
    assert!(matches!(ends, Some(ToolRunnerError::Repeated(_))), "{ends:?}");
}

#[test]
fn model_may_be_stuck_with_a_call_that_no_tool_takes() {
    for (name, arguments) in [("search", json!(r#"{"query": "#)), ("browse", json!({}))] {
        let session = Orchestrator::new("writer", "draft").session().unwrap();
        let toolbox = of([search()]);
        let mut runner = ToolRunner::new(&session, &toolbox).repeats(2);
        let mut ask = || run(runner.run(uses([(name, arguments.clone())])));
        let outcomes: Vec<_> = (0..3).map(|_| ask().unwrap()[0].outcome).collect();
        assert!(outcomes[..2].iter().all(|outcome| *outcome != ToolOutcome::Repeated), "{name}");
        assert_eq!(outcomes[2], ToolOutcome::Repeated, "{name}");
        assert!(matches!(ask(), Err(ToolRunnerError::Repeated(_))), "{name}");
    }
}

#[test]
fn null_as_a_text_is_no_arguments() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Page {
        #[serde(default)]
        number: u32,
    }
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let typed = Tool::new("typed", "", async |page: Page| Ok::<_, BoxError>(page.number));
    let object = json!({ "type": "object" });
    let dynamic = Tool::dynamic("dynamic", "", object, async |it| Ok::<_, BoxError>(it));
    let toolbox = of([typed, dynamic]);
    for none in [Value::Null, json!("null"), json!(""), json!("{}")] {
        let calls = uses([("typed", none.clone()), ("dynamic", none.clone())]);
        let results = run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap();
        let said: Vec<_> = results.iter().map(|result| &*result.content).collect();
        assert_eq!(said, ["0", "{}"], "{none:?}");
    }
}

#[test]
fn repeatable_tool_may_be_called_again() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let clock = Tool::new("clock", "", async |()| Ok::<_, BoxError>("noon")).repeatable();
    let toolbox = of([clock]);
    let mut runner = ToolRunner::new(&session, &toolbox).repeats(1);
    for _ in 0..10 {
        let results = run(runner.run(uses([("clock", json!({}))]))).unwrap();
        assert_eq!(results[0].content, "noon");
    }
}

#[test]
fn tool_without_arguments_takes_none() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = of([Tool::new("clock", "", async |()| Ok::<_, BoxError>("noon")).repeatable()]);
    let mut runner = ToolRunner::new(&session, &toolbox);
    for none in [Value::Null, json!({}), json!(""), json!(" \n"), json!("{}"), json!("null")] {
        let results = run(runner.run(uses([("clock", none.clone())]))).unwrap();
        assert_eq!(results[0].content, "noon", "{none:?}");
    }
    for some in [json!({ "zone": "UTC" }), json!([]), json!("[1]")] {
        let results = run(runner.run(uses([("clock", some.clone())]))).unwrap();
        assert_eq!(results[0].outcome, ToolOutcome::InvalidArguments, "{some:?}");
    }
}

#[test]
fn ended_session_ends_the_run() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    session.cancel("enough").unwrap();
    let toolbox = of([search()]);
    let calls = uses([("search", json!({ "query": "a" }))]);
    let ended = run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap_err();
    assert!(matches!(ended, ToolRunnerError::Session(_)), "{ended:?}");
}

#[test]
fn invented_name_of_any_length_is_answered() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = of([search()]);
    let name = "x".repeat(100_000);
    let calls = vec![ToolUse::new("1", name.clone(), json!({}))];
    let results = run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap();
    assert_eq!((results[0].outcome, &results[0].name), (ToolOutcome::UnknownTool, &name));
}

#[test]
fn events_of_a_call_have_its_id_effect_and_name() {
    let events = RecordingEventSink::new();
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(events.clone());
    let session = orchestrator.session().unwrap();
    let toolbox = of([search()]);
    let invented = "x".repeat(1_000);
    let calls = vec![
        ToolUse::new("call_1", "search", json!({ "query": "a" })),
        ToolUse::new("", invented.clone(), json!({})),
    ];
    run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap();
    let called = events.all(AgentEventName::ToolCalled);
    let data: Vec<_> = called
        .iter()
        .map(|event| serde_json::to_value(event.data.as_ref().unwrap()).unwrap())
        .collect();
    let told = json!({ "tool": "search", "call_id": "call_1", "effect": "read" });
    assert_eq!(data, [told, json!({ "tool": &invented[..64] })]);
}
