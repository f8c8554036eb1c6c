//! The tools of an MCP server as tools of an agent.
//!
//! [`McpTools`] lists what a server of the [Model Context Protocol](https://modelcontextprotocol.io) offers,
//! as [`Tool`](runtime_tools::Tool)s. They go through the session like any other tool: with its
//! permissions, guardrails, timeouts and events. The connection is a client of
//! [`rmcp`](https://docs.rs/rmcp), over whatever transport you choose.
//!
//! ```no_run
//! # async fn tools() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use rmcp::ServiceExt;
//! use rmcp::transport::TokioChildProcess;
//! use runtime_mcp::McpTools;
//! use runtime_tools::Toolbox;
//! use tokio::process::Command;
//!
//! let process = TokioChildProcess::new(Command::new("mcp-server-files"))?;
//! let server = ().serve(process).await?;
//!
//! let tools = McpTools::of(&server).prefix("files_").list().await?;
//! let tools = tools.into_iter().map(|tool| tool.timeout(Duration::from_secs(30)));
//! let toolbox = Toolbox::new().with_all(tools)?;
//! # let _ = toolbox;
//! # Ok(()) }
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod content;
mod error;
mod tools;

pub use self::content::McpToolError;
pub use self::error::McpCallError;
pub use self::tools::McpTools;
