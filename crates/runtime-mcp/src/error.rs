//! [`McpCallError`]: a call that a server did not answer.

use std::borrow::Cow;
use std::fmt;

use rmcp::RoleClient;
use rmcp::service::{Peer, ServiceError};

/// The error for a call that a server refused, or did not answer. Its text names the tool and the server.
#[derive(Debug)]
#[non_exhaustive]
pub struct McpCallError {
    /// The name that the server gave itself, if it did.
    pub server: Option<String>,
    /// The name of the tool, as the server has it.
    pub tool: String,
    /// What the client says.
    pub error: ServiceError,
}

impl McpCallError {
    pub(crate) fn of(
        server: &Peer<RoleClient>,
        tool: Cow<'static, str>,
        error: ServiceError,
    ) -> Self {
        let server =
            server.peer_info().and_then(|info| Some(info.server_info.as_ref()?.name.clone()));
        Self { server, tool: tool.into_owned(), error }
    }

    /// Whether the server is gone: its process has ended, or its connection is closed. Each call fails until you connect
    /// again, and list its tools of the new connection.
    pub const fn is_gone(&self) -> bool {
        matches!(self.error, ServiceError::TransportClosed | ServiceError::TransportSend(_))
    }
}

impl fmt::Display for McpCallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, tool, error } = self;
        let server = server.as_deref().unwrap_or("without a name");
        match error {
            _ if self.is_gone() => write!(
                f,
                "tool `{tool}` has no answer: MCP server `{server}` is gone; the call may have been made or not"
            ),
            // The code and the words of the server.
            ServiceError::McpError(error) => {
                write!(f, "MCP server `{server}` refused tool `{tool}`: {error}")
            }
            error => write!(f, "tool `{tool}` of MCP server `{server}` failed: {error}"),
        }
    }
}

/// Without a source: its text has what the client says.
impl std::error::Error for McpCallError {}
