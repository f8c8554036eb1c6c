//! Tools of a server: listed, called, refused.

use std::time::Duration;

use runtime_events::AgentEventName;
use runtime_mcp::McpTools;
use runtime_orchestrator::Orchestrator;
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_sinks::testing::RecordingEventSink;
use runtime_tools::{Dialect, Tool, ToolOutcome, ToolRunner, ToolUse, Toolbox};
use serde_json::json;

use crate::server::{LONG, connect, connect_to};

fn toolbox(tools: Vec<Tool>) -> Toolbox {
    Toolbox::new().with_all(tools).unwrap()
}

#[tokio::test]
async fn names_and_schemas_are_those_of_the_server() {
    let server = connect().await;
    let tools = toolbox(McpTools::of(&server).prefix("my ").list().await.unwrap());
    let names: Vec<_> = tools.tools().iter().map(Tool::name).collect();
    let expected = ["echo", "structured", "picture", "broken", "refused", "slow", "3d", "untyped"];
    for name in expected {
        assert!(names.contains(&&*format!("my_{name}")), "{name}: {names:?}");
    }
    assert_eq!(tools.tools()[0].schema()["properties"]["x"]["type"], "string");
    assert_eq!(tools.tools()[0].description(), "A tool.");
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn list_ends_although_the_server_always_names_another_page() {
    for ends in ["empty", "again"] {
        let server = connect_to(ends).await;
        let tools = McpTools::of(&server).list().await.unwrap();
        let names: Vec<_> = tools.iter().map(Tool::name).collect();
        assert_eq!(names, ["one", "two"], "{ends}");
    }
}

#[tokio::test]
async fn each_tool_has_a_name_of_its_own_that_every_provider_takes() {
    let server = connect().await;
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let offered = McpTools::of(&server).list().await.unwrap();
    let names: Vec<_> = offered.iter().map(|tool| tool.name().to_owned()).collect();
    // The toolbox refuses the others.
    let tools = toolbox(offered);
    // The same names each time, whatever the order.
    let again = McpTools::of(&server).list().await.unwrap();
    assert_eq!(again.iter().map(Tool::name).collect::<Vec<_>>(), names);

    let odd: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("set_value") || name.starts_with("find_"))
        .chain(names.iter().filter(|name| *name == "_3d"))
        .collect();
    let uses = odd.iter().map(|name| ToolUse::new("", name.as_str(), json!({}))).collect();
    let results = ToolRunner::new(&session, &tools).run(uses).await.unwrap();
    let said: Vec<_> = results.iter().map(|result| &*result.content).collect();
    assert_eq!(said, ["set", "set/value", "set value", LONG[0], LONG[1], "3d"], "{odd:?}");
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn schema_is_of_an_object_and_an_error_has_words() {
    let server = connect().await;
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let tools = toolbox(McpTools::of(&server).list().await.unwrap());
    let schema = tools.get("untyped").unwrap().schema();
    assert_eq!(schema, &json!({ "type": "object", "properties": {} }));
    let uses = vec![ToolUse::new("", "untyped", json!({}))];
    let results = ToolRunner::new(&session, &tools).run(uses).await.unwrap();
    assert_eq!((results[0].outcome, &*results[0].content), (ToolOutcome::Failed, "{\"code\":7}"));
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn results_are_texts_for_the_model() {
    let server = connect().await;
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let tools = toolbox(McpTools::of(&server).list().await.unwrap());
    let set = tools.tools()[1].name().to_owned();
    let calls = ["echo", &*set, "structured", "picture", "broken", "refused"];
    let uses = calls.map(|name| ToolUse::new(name, name, json!({ "x": "hi" }))).to_vec();
    let results = ToolRunner::new(&session, &tools).run(uses).await.unwrap();
    let said: Vec<_> = results.iter().map(|r| (&*r.id, r.outcome, &*r.content)).collect();
    let ok = ToolOutcome::Ok;
    assert_eq!(
        said[..5],
        [
            ("echo", ok, "you said\n{\"x\":\"hi\"}"),
            (&*set, ok, "set"),
            ("structured", ok, "{\"degrees\":21}"),
            ("picture", ok, "[an image: image/png]"),
            ("broken", ToolOutcome::Failed, "the disk is full"),
        ]
    );
    assert_eq!(said[5].1, ToolOutcome::Failed);
    let refused = "MCP server `odds` refused tool `refused`: -32602: no such thing";
    assert_eq!(said[5].2, refused);
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn media_and_structure_are_given_to_who_wants_results_whole() {
    let server = connect().await;
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let call = async |tools: McpTools, name: &str| {
        let tools = toolbox(tools.list().await.unwrap());
        let uses = vec![ToolUse::new("1", name, json!({}))];
        ToolRunner::new(&session, &tools).run(uses).await.unwrap().remove(0)
    };
    let tools = McpTools::of(&server);
    let named = call(tools.clone(), "media").await;
    let whole = call(tools.clone().whole(), "media").await;
    let text = "seen:\n[an image: image/png]\n[audio: audio/wav]\n[a file: file:///a.bin]\na note\n\
                [a resource: https://example.com/a.mp4]";
    assert_eq!((&*named.content, named.structured, named.media), (text, None, vec![]));
    assert_eq!((&*whole.content, whole.structured), (text, Some(json!({ "seen": 5 }))));
    let media = serde_json::to_value(&whole.media).unwrap();
    assert_eq!(
        media,
        json!([
            { "mime_type": "image/png", "base64": "aGk=" },
            { "mime_type": "audio/wav", "base64": "aG8=" },
            { "base64": "JVBERg==", "uri": "file:///a.bin" },
            { "mime_type": "text/plain", "uri": "file:///note.txt" },
            { "mime_type": "video/mp4", "uri": "https://example.com/a.mp4" },
        ])
    );
    // Without media and without a text it is as ever.
    for tools in [tools.clone(), tools.whole()] {
        let structured = call(tools.clone(), "structured").await;
        assert_eq!(structured.content, "{\"degrees\":21}");
        assert_eq!(structured.structured, Some(json!({ "degrees": 21 })));
        let echo = call(tools, "echo").await;
        assert_eq!((&*echo.content, echo.structured), ("you said\n{}", None));
    }
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn hints_of_a_server_count_if_it_is_trusted() {
    let server = connect().await;
    let effects = async |tools: McpTools| {
        let events = RecordingEventSink::new();
        let orchestrator = Orchestrator::new("writer", "draft").event_sink(events.clone());
        let session = orchestrator.session().unwrap();
        let tools = toolbox(tools.list().await.unwrap());
        let uses = [0, 1, 3].map(|at| ToolUse::new("", tools.tools()[at].name(), json!({})));
        ToolRunner::new(&session, &tools).parallel(1).run(uses.to_vec()).await.unwrap();
        let called = events.all(AgentEventName::ToolCalled);
        let effect = |event: &_| {
            runtime_events::payload::ToolRun::of(event).effect.map(|e| e.as_str().to_owned())
        };
        called.iter().filter_map(|event| effect(&**event)).collect::<Vec<_>>()
    };
    let tools = McpTools::of(&server);
    let all = "irreversible";
    assert_eq!(effects(tools.clone()).await, [all, all, all]);
    assert_eq!(effects(tools.trusted()).await, ["read", "idempotent", all]);
    server.cancel().await.unwrap();
}

#[tokio::test]
async fn permissions_and_timeouts_are_those_of_the_session() {
    let server = connect().await;
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let policy = PermissionPolicy::new().role(writer.denied_tools(["echo"]));
    let session = Orchestrator::new("writer", "draft")
        .permissions(PermissionEnforcer::new(policy))
        .session()
        .unwrap();
    let tools = McpTools::of(&server).list().await.unwrap().into_iter();
    let tools = toolbox(tools.map(|tool| tool.timeout(Duration::from_millis(1))).collect());
    assert_eq!(tools.offer(Dialect::OpenAi, &session).as_array().unwrap().len(), 16);
    let uses = ["echo", "slow"].map(|name| ToolUse::new("", name, json!({}))).to_vec();
    let results = ToolRunner::new(&session, &tools).run(uses).await.unwrap();
    let outcomes: Vec<_> = results.iter().map(|result| result.outcome).collect();
    assert_eq!(outcomes, [ToolOutcome::Denied, ToolOutcome::TimedOut]);
    server.cancel().await.unwrap();
}
