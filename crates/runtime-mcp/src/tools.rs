//! [`McpTools`]: the tools of a server.

use std::borrow::Cow;
use std::collections::HashSet;

use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, CallToolResult, PaginatedRequestParams, Tool as Offered};
use rmcp::service::{Peer, ServiceError};
use runtime_orchestrator::{BoxError, Effect};
use runtime_tools::Tool;
use serde_json::Value;

use crate::content;
use crate::error::McpCallError;

/// The longest name that every provider takes.
const LONGEST: usize = 64;

/// The tools of a server, as its client sees it.
#[derive(Clone, Debug)]
pub struct McpTools {
    server: Peer<RoleClient>,
    prefix: String,
    trusted: bool,
    whole: bool,
}

impl McpTools {
    /// The tools of a server. A running client of `rmcp` dereferences to its `Peer`.
    pub fn of(server: &Peer<RoleClient>) -> Self {
        Self { server: server.clone(), prefix: String::new(), trusted: false, whole: false }
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

    /// Gives results whole: images, sounds, files and links as [`ToolResult::media`], and structured content beside a
    /// text as [`ToolResult::structured`]. Default: media are only named in the text, as `[an image: image/png]`.
    ///
    /// The text is the same, and that of an error stays all of it. A model gets those media that its
    /// [`Dialect`](runtime_tools::Dialect) takes, so it has to be one that reads them. In a durable session they are in
    /// the journal.
    ///
    /// ```no_run
    /// # async fn tools(
    /// #     server: &rmcp::service::Peer<rmcp::RoleClient>,
    /// #     session: &runtime_orchestrator::OrchestrationSession,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// use runtime_mcp::McpTools;
    /// use runtime_tools::{ToolRunner, ToolUse, Toolbox};
    ///
    /// let toolbox = Toolbox::new().with_all(McpTools::of(server).whole().list().await?)?;
    /// let uses = vec![ToolUse::new("1", "screenshot", serde_json::json!({}))];
    /// for result in ToolRunner::new(session, &toolbox).run(uses).await? {
    ///     for media in &result.media {
    ///         // `image/png`, and the bytes in Base64.
    ///         println!("{:?} {:?}", media.mime_type, media.base64);
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// [`ToolResult::media`]: runtime_tools::ToolResult::media
    /// [`ToolResult::structured`]: runtime_tools::ToolResult::structured
    #[must_use]
    pub const fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// Asks the server for its tools.
    ///
    /// In names, every character that not all providers take is written as `_`. A name that is too long for
    /// them, or is then another tool's, ends with a number that is made of what it was: the same each time. A
    /// dropped call is cancelled on the server. The texts of a result go to the model, or its structured content if
    /// it has none; images, sounds and files are named, and given if results are [`whole`](Self::whole).
    ///
    /// The list is that of now: a server that says later that its tools have changed is to be asked again. There is
    /// no limit of time: put one around this, for a server that may not answer. A call that a server answers with
    /// a question (elicitation) or with a task of its own fails, and the reports of its progress go to the handler of
    /// your client.
    ///
    /// # Errors
    ///
    /// [`ServiceError`] if the server does not answer.
    pub async fn list(&self) -> Result<Vec<Tool>, ServiceError> {
        let offered = self.offered().await?;
        let names = names(offered.iter().map(|offered| format!("{}{}", self.prefix, offered.name)));
        Ok(names.into_iter().zip(offered).map(|(own, offered)| self.tool(own, offered)).collect())
    }

    /// Every page. Some servers end with an empty cursor, or with one that they gave before.
    async fn offered(&self) -> Result<Vec<Offered>, ServiceError> {
        let (mut offered, mut seen, mut params) = (Vec::new(), HashSet::new(), None);
        loop {
            let page = self.server.list_tools(params).await?;
            offered.extend(page.tools);
            let next =
                page.next_cursor.filter(|next| !next.is_empty() && seen.insert(next.clone()));
            let Some(next) = next else { return Ok(offered) };
            params = Some(PaginatedRequestParams::default().with_cursor(Some(next)));
        }
    }

    fn tool(&self, own: String, offered: Offered) -> Tool {
        let Offered { name, description, input_schema, annotations, .. } = offered;
        let hints = annotations.filter(|_| self.trusted).unwrap_or_default();
        let effect = if hints.read_only_hint == Some(true) {
            Effect::Read
        } else if hints.is_idempotent() {
            Effect::Idempotent
        } else {
            Effect::Irreversible
        };
        let mut schema = (*input_schema).clone();
        // The protocol knows no other arguments, and not every provider takes the version of the schema language.
        schema.entry("type").or_insert_with(|| "object".into());
        schema.remove("$schema");
        let (server, whole) = (self.server.clone(), self.whole);
        let description = description.unwrap_or_default();
        Tool::dynamic(own, description, Value::Object(schema), move |arguments| {
            let made = call(server.clone(), name.clone(), arguments);
            async move { content::read(made.await?, whole) }
        })
        .effect(effect)
    }
}

/// Names that all providers take, one for each of these.
fn names(given: impl Iterator<Item = String>) -> Vec<String> {
    let pairs: Vec<_> = given.map(|given| (plain(&given), given)).collect();
    let is_free = |(own, given): &(String, String)| {
        own == given || pairs.iter().filter(|(other, _)| other == own).count() == 1
    };
    let name = |pair: &(String, String)| {
        let (own, given) = pair;
        if own.len() <= LONGEST && is_free(pair) {
            return own.clone();
        }
        format!("{}_{:08x}", &own[..own.len().min(LONGEST - 9)], number(given))
    };
    pairs.iter().map(name).collect()
}

fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let begins = plain.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    if begins { plain } else { format!("_{plain}") }
}

/// FNV-1a, which is the same in each version of a program.
fn number(name: &str) -> u32 {
    name.bytes()
        .fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

async fn call(
    server: Peer<RoleClient>,
    name: Cow<'static, str>,
    arguments: Value,
) -> Result<CallToolResult, BoxError> {
    let tool = name.clone();
    let mut params = CallToolRequestParams::new(name);
    params.arguments = match arguments {
        Value::Object(arguments) => Some(arguments),
        Value::Null => None,
        other => return Err(format!("arguments must be an object, not `{other}`").into()),
    };
    let called = server.call_tool(params).await;
    called.map_err(|error| McpCallError::of(&server, tool, error).into())
}
