//! [`McpTools`]: the tools of a server.

use std::borrow::Cow;

use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, Tool as Offered};
use rmcp::service::{Peer, ServiceError};
use runtime_orchestrator::{BoxError, Effect};
use runtime_tools::Tool;
use serde_json::Value;

use crate::content;

/// The tools of a server, as its client sees it.
#[derive(Clone, Debug)]
pub struct McpTools {
    server: Peer<RoleClient>,
    prefix: String,
    trusted: bool,
}

impl McpTools {
    /// The tools of a server. A running client of `rmcp` dereferences to its `Peer`.
    pub fn of(server: &Peer<RoleClient>) -> Self {
        Self { server: server.clone(), prefix: String::new(), trusted: false }
    }

    /// Puts a text before the name of each tool, so that two servers may have a tool of one name.
    /// Default: none.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Believes what the server says of the effects of its tools: which only read, and which may be
    /// repeated.
    ///
    /// The protocol calls them hints, and warns of those of a server that is not trusted. By default every
    /// call is [`Effect::Irreversible`].
    #[must_use]
    pub const fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// Asks the server for its tools.
    ///
    /// In names, every character that not all providers take is written as `_`. A dropped call is
    /// cancelled on the server. Texts and structured content of a result go to the model; images, sounds
    /// and files are only named.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the server does not answer.
    pub async fn list(&self) -> Result<Vec<Tool>, ServiceError> {
        let offered = self.server.list_all_tools().await?;
        Ok(offered.into_iter().map(|offered| self.tool(offered)).collect())
    }

    fn tool(&self, offered: Offered) -> Tool {
        let Offered { name, description, input_schema, annotations, .. } = offered;
        let hints = annotations.filter(|_| self.trusted).unwrap_or_default();
        let effect = if hints.read_only_hint == Some(true) {
            Effect::Read
        } else if hints.is_idempotent() {
            Effect::Idempotent
        } else {
            Effect::Irreversible
        };
        let schema = Value::Object((*input_schema).clone());
        let (own, server) = (self.name(&name), self.server.clone());
        Tool::dynamic(own, description.unwrap_or_default(), schema, move |arguments| {
            call(server.clone(), name.clone(), arguments)
        })
        .effect(effect)
    }

    fn name(&self, name: &str) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let name = self.prefix.chars().chain(name.chars());
        name.map(|c| if allowed(c) { c } else { '_' }).collect()
    }
}

async fn call(
    server: Peer<RoleClient>,
    name: Cow<'static, str>,
    arguments: Value,
) -> Result<Value, BoxError> {
    let mut params = CallToolRequestParams::new(name);
    params.arguments = match arguments {
        Value::Object(arguments) => Some(arguments),
        Value::Null => None,
        other => return Err(format!("arguments must be an object, not `{other}`").into()),
    };
    Ok(content::read(server.call_tool(params).await?)?)
}
