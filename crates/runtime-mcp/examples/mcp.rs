//! An agent that uses the tools of an MCP server: `cargo run -p runtime-mcp --example mcp`.
//!
//! The server is a process of its own, this program again, and talks over its standard streams.
#![expect(clippy::print_stdout, reason = "the example shows what the tools say")]

use std::env;
use std::error::Error;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::{TokioChildProcess, stdio};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};
use runtime_mcp::McpTools;
use runtime_orchestrator::Orchestrator;
use runtime_tools::{Dialect, ToolRunner, ToolUse, Toolbox};
use serde_json::json;
use tokio::process::Command;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if env::args().nth(1).as_deref() == Some("serve") {
        Library.serve(stdio()).await?.waiting().await?;
        return Ok(());
    }

    let mut command = Command::new(env::current_exe()?);
    command.arg("serve");
    let server = ().serve(TokioChildProcess::new(command)?).await?;
    let tools = McpTools::of(&server).prefix("library_").trusted().list().await?;
    let tools = tools.into_iter().map(|tool| tool.timeout(Duration::from_secs(10)));
    let toolbox = Toolbox::new().with_all(tools)?;

    let session = Orchestrator::new("librarian", "search").session()?;
    println!("offered: {}", toolbox.offer(Dialect::OpenAi, &session));
    // What a model would ask for.
    let uses = vec![
        ToolUse::new("1", "library_find", json!({ "title": "Moby-Dick" })),
        ToolUse::new("2", "library_find", json!({ "title": "Dune" })),
    ];
    for result in ToolRunner::new(&session, &toolbox).run(uses).await? {
        println!("{}: {:?}, {}", result.id, result.outcome, result.content);
    }
    session.complete()?;
    server.cancel().await?;
    Ok(())
}

/// A server with one tool.
struct Library;

impl ServerHandler for Library {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let title = json!({ "type": "string", "description": "The title of the book." });
        let schema = json!({
            "type": "object", "properties": { "title": title }, "required": ["title"],
        });
        let schema = schema.as_object().cloned().unwrap_or_default();
        let mut find = Tool::new("find", "Finds the shelf of a book.", schema);
        find.annotations = Some(ToolAnnotations::new().read_only(true));
        Ok(ListToolsResult::with_all_items(vec![find]))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let title = arguments.get("title").and_then(|title| title.as_str()).unwrap_or_default();
        let result = match title {
            "Moby-Dick" => CallToolResult::success(vec![ContentBlock::text("shelf 12")]),
            _ => CallToolResult::error(vec![ContentBlock::text(format!("no book `{title}`"))]),
        };
        Ok(result.into())
    }
}
