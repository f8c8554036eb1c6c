//! A server with tools of every kind of result. It runs in a process of its own: this test again.

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::{
    AudioContent, CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
    Implementation, ListToolsResult, PaginatedRequestParams, Resource, ResourceContents,
    ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::{RequestContext, RunningService};
use rmcp::transport::{TokioChildProcess, stdio};
use rmcp::{ClientHandler, ErrorData, RoleClient, RoleServer, ServerHandler, ServiceExt};
use serde_json::{Value, json};
use tokio::process::Command;

const SERVES: &str = "RUNTIME_MCP_SERVES";

/// The protocol allows 128 characters.
pub(crate) const LONG: [&str; 2] = [
    "find_the_documents_of_all_customers_that_are_waiting_for_an_answer_by_mail",
    "find_the_documents_of_all_customers_that_are_waiting_for_an_answer_by_phone",
];

const ENDS: &str = "RUNTIME_MCP_ENDS";

/// Starts the server, and connects to it.
pub(crate) async fn connect() -> RunningService<RoleClient, ()> {
    connect_to("").await
}

/// Starts a server whose list has pages, and ends so.
pub(crate) async fn connect_to(ends: &str) -> RunningService<RoleClient, ()> {
    connect_as((), ends).await
}

pub(crate) async fn connect_as<H: ClientHandler>(
    handler: H,
    ends: &str,
) -> RunningService<RoleClient, H> {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "server::the_server", "--quiet", "--nocapture"])
        .env(SERVES, "1")
        .env(ENDS, ends);
    handler.serve(TokioChildProcess::new(command).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_server() {
    if env::var_os(SERVES).is_some() {
        Server.serve(stdio()).await.unwrap().waiting().await.unwrap();
    }
}

/// Calls that their client has cancelled.
static CANCELLED: AtomicUsize = AtomicUsize::new(0);

struct Server;

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().enable_tool_list_changed();
        ServerConfig::new(tools.build()).with_server_info(Implementation::new("odds", "1"))
    }

    async fn list_tools(
        &self,
        page: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        // Two pages, and then what some servers take for an end.
        let ends = env::var(ENDS).unwrap_or_default();
        let cursor = page.and_then(|page| page.cursor);
        let paged = |name: &'static str, next: &str| {
            let schema = json!({ "type": "object" }).as_object().unwrap().clone();
            let mut page = ListToolsResult::with_all_items(vec![Tool::new(name, "", schema)]);
            page.next_cursor = Some(next.to_owned());
            page
        };
        match (&*ends, cursor.as_deref()) {
            ("", _) => {}
            (_, None) => return Ok(paged("one", "second")),
            ("empty", Some(_)) => return Ok(paged("two", "")),
            (_, Some(_)) => return Ok(paged("two", "second")),
        }
        let schema = json!({ "type": "object", "properties": { "x": { "type": "string" } } });
        let schema = schema.as_object().unwrap().clone();
        let untyped =
            json!({ "$schema": "http://json-schema.org/draft-07/schema#", "properties": {} });
        let hints = ToolAnnotations::new();
        let tool = |name: &'static str, hints: ToolAnnotations| {
            let mut tool = Tool::new(name, "A tool.", schema.clone());
            tool.annotations = Some(hints);
            tool
        };
        Ok(ListToolsResult::with_all_items(vec![
            tool("echo", hints.clone().read_only(true)),
            tool("set.value", hints.clone().idempotent(true)),
            tool("structured", hints.clone()),
            tool("picture", hints.clone()),
            tool("media", hints.clone()),
            tool("broken", hints.clone()),
            tool("refused", hints.clone()),
            tool("slow", hints.clone()),
            tool("cancelled", hints.clone()),
            tool("dies", hints.clone()),
            tool("changes", hints.clone()),
            // Names that no provider takes, or not all of them, and that are alike without what they refuse.
            tool("set/value", hints.clone()),
            tool("set value", hints.clone()),
            tool("3d", hints.clone()),
            tool(LONG[0], hints.clone()),
            tool(LONG[1], hints),
            Tool::new("untyped", "A tool.", untyped.as_object().unwrap().clone()),
        ]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(request.arguments.unwrap_or_default());
        let text = ContentBlock::text;
        let result = match &*request.name {
            "echo" => CallToolResult::success(vec![text("you said"), text(&arguments.to_string())]),
            "set.value" => CallToolResult::success(vec![text("set")]),
            "structured" => {
                let mut result = CallToolResult::success(vec![]);
                result.structured_content = Some(json!({ "degrees": 21 }));
                result
            }
            "picture" => CallToolResult::success(vec![ContentBlock::image("aGk=", "image/png")]),
            "media" => {
                let mut link = Resource::new("https://example.com/a.mp4", "a film");
                link.mime_type = Some("video/mp4".to_owned());
                let text_at = ResourceContents::text("a note", "file:///note.txt");
                let mut result = CallToolResult::success(vec![
                    text("seen:"),
                    ContentBlock::image("aGk=", "image/png"),
                    ContentBlock::Audio(AudioContent::new("aG8=", "audio/wav")),
                    ContentBlock::resource(ResourceContents::blob("JVBERg==", "file:///a.bin")),
                    ContentBlock::resource(text_at),
                    ContentBlock::resource_link(link),
                ]);
                result.structured_content = Some(json!({ "seen": 5 }));
                result
            }
            "set/value" | "set value" | "3d" => CallToolResult::success(vec![text(&request.name)]),
            name if LONG.contains(&name) => CallToolResult::success(vec![text(name)]),
            "untyped" => CallToolResult::structured_error(json!({ "code": 7 })),
            "broken" => CallToolResult::error(vec![text("the disk is full")]),
            "slow" => {
                context.ct.cancelled().await;
                CANCELLED.fetch_add(1, Ordering::Relaxed);
                std::future::pending().await
            }
            "cancelled" => {
                let times = CANCELLED.load(Ordering::Relaxed);
                CallToolResult::success(vec![text(&times.to_string())])
            }
            "dies" => std::process::exit(1),
            "changes" => {
                context.peer.notify_tool_list_changed().await.unwrap();
                CallToolResult::success(vec![text("changed")])
            }
            _ => return Err(ErrorData::invalid_params("no such thing", None)),
        };
        Ok(result.into())
    }
}
