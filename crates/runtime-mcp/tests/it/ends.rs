//! Servers that die, fall silent, or change, in a process of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rmcp::service::NotificationContext;
use rmcp::{ClientHandler, RoleClient};
use runtime_events::{AgentEventName, SpanOutcome};
use runtime_mcp::McpTools;
use runtime_orchestrator::{OrchestrationSession, Orchestrator};
use runtime_sinks::testing::RecordingEventSink;
use runtime_tools::{ToolOutcome, ToolResult, ToolRunner, ToolUse, Toolbox};
use serde_json::json;

use crate::server::{connect, connect_as};

async fn call(
    session: &OrchestrationSession,
    toolbox: &Toolbox,
    names: &[&str],
) -> Vec<ToolResult> {
    let uses = names.iter().map(|name| ToolUse::new("", *name, json!({}))).collect();
    ToolRunner::new(session, toolbox).run(uses).await.unwrap()
}

#[tokio::test]
async fn server_that_dies_fails_its_calls_at_once_and_is_named() {
    let events = RecordingEventSink::new();
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(events.clone());
    let session = orchestrator.session().unwrap();
    let server = connect().await;
    let toolbox = Toolbox::new().with_all(McpTools::of(&server).list().await.unwrap()).unwrap();
    // One is under way while another kills the process, and a third comes later.
    let mut results = call(&session, &toolbox, &["slow", "dies"]).await;
    results.extend(call(&session, &toolbox, &["echo"]).await);
    for (result, tool) in results.iter().zip(["slow", "dies", "echo"]) {
        assert_eq!(result.outcome, ToolOutcome::Failed, "{tool}");
        let told = format!(
            "tool `{tool}` has no answer: MCP server `odds` is gone; the call may have been made or not"
        );
        assert_eq!(result.content, told);
    }
    let ended = events.all(AgentEventName::ToolCompleted);
    let outcomes: Vec<_> = ended.iter().filter_map(|event| event.outcome).collect();
    assert_eq!(outcomes, [SpanOutcome::Failed; 3]);

    // Its successor has tools of its own.
    let server = connect().await;
    let toolbox = Toolbox::new().with_all(McpTools::of(&server).list().await.unwrap()).unwrap();
    let again = call(&session, &toolbox, &["echo"]).await;
    assert_eq!(again[0].content, "you said\n{}");
    session.complete().unwrap();
}

#[tokio::test]
async fn call_that_is_dropped_or_late_is_cancelled_on_its_server() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let server = connect().await;
    let tools = McpTools::of(&server).list().await.unwrap();
    let toolbox = Toolbox::new().with_all(tools.clone()).unwrap();
    let soon = tools.into_iter().map(|tool| tool.timeout(Duration::from_millis(1)));
    let late = call(&session, &Toolbox::new().with_all(soon).unwrap(), &["slow"]).await;
    assert_eq!(late[0].outcome, ToolOutcome::TimedOut);
    {
        // It is on its way before the answer to another one is.
        tokio::select! {
            biased;
            _ = call(&session, &toolbox, &["slow"]) => panic!("it has no answer"),
            _ = call(&session, &toolbox, &["echo"]) => {}
        }
    }
    // Each answer is a round trip, in which the server can read what came before.
    for _ in 0..1_000 {
        let counted = call(&session, &toolbox, &["cancelled"]).await;
        if counted[0].content == "2" {
            return;
        }
    }
    panic!("the server was not told");
}

/// Counts the notices of changed lists.
#[derive(Clone, Default)]
struct Watches(Arc<AtomicUsize>);

impl ClientHandler for Watches {
    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn handler_of_the_client_hears_of_a_changed_list() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let watches = Watches::default();
    let server = connect_as(watches.clone(), "").await;
    let tools = McpTools::of(&server);
    let toolbox = Toolbox::new().with_all(tools.list().await.unwrap()).unwrap();
    assert_eq!(call(&session, &toolbox, &["changes"]).await[0].content, "changed");
    for _ in 0..1_000 {
        if watches.0.load(Ordering::Relaxed) == 1 {
            break;
        }
        // Asked again, as the notice says.
        tools.list().await.unwrap();
    }
    assert_eq!(watches.0.load(Ordering::Relaxed), 1);
}
