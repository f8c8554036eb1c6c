//! What an agent works with: turns that recover, streamed turns, and tools it may be refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use techrevati_runtime::orchestrator::{Attempt, OrchestrationSession, ToolCall, ToolError, Turn};
use techrevati_runtime::resilience::{BoxError, FaultError};

use crate::client::{Client, Piece, Reply, estimate};
use crate::context;
use crate::progress::Progress;
use crate::text::{cut, one_line};
use crate::tools::{self, Toolbox};
use crate::wire::{ChatRequest, Message, ToolUse};

/// Shared by both agents.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) model: String,
    pub(crate) client: Arc<Client>,
    pub(crate) toolbox: Toolbox,
    pub(crate) progress: Progress,
    /// How long one call may take.
    pub(crate) timeout: Duration,
}

impl Desk {
    /// Lets the model work with tools until it answers in words, which are returned.
    ///
    /// # Errors
    ///
    /// [`TurnError`](techrevati_runtime::orchestrator::TurnError) once a turn is refused or recovery
    /// has given up; [`ToolError`] once the session is over.
    pub(crate) async fn converse(
        &self,
        session: &OrchestrationSession,
        talk: &mut Vec<Message>,
        offered: &[&str],
    ) -> Result<String, BoxError> {
        loop {
            let message = self.ask(session, talk, offered).await?;
            let calls = message.tool_calls.clone();
            talk.push(message);
            if calls.is_empty() {
                return Ok(talk.last().map_or("", Message::text).to_owned());
            }
            for call in calls {
                let result = self.use_tool(session, &call).await?;
                talk.push(Message::tool(&call.id, result));
            }
        }
    }

    /// One turn. What the runtime does after a failure stands in the attempt: where to call, and how
    /// much to send. What was too long is from then on sent as it was cut.
    async fn ask(
        &self,
        session: &OrchestrationSession,
        talk: &mut Vec<Message>,
        offered: &[&str],
    ) -> Result<Message, BoxError> {
        let turn = Turn::model(&*self.model)
            .timeout(self.timeout)
            .usage_from(|(_, reply): &(Vec<Message>, Reply)| reply.usage);
        let whole = &*talk;
        let answer = session
            .run_turn_recovering(turn, async |attempt| {
                let request = request(&attempt, whole, offered);
                let reply = self.client.chat(attempt.provider(), &request).await?;
                Ok::<_, FaultError>((request.messages, reply))
            })
            .await?;
        let (sent, reply) = answer.value;
        *talk = sent;
        Ok(reply.message)
    }

    /// One turn whose reply comes in pieces. An attempt that is broken off is billed by what was
    /// observed until then, and the next one begins the reply anew.
    ///
    /// # Errors
    ///
    /// As [`Desk::converse`].
    pub(crate) async fn stream(
        &self,
        session: &OrchestrationSession,
        talk: &[Message],
    ) -> Result<String, BoxError> {
        let turn = Turn::model(&*self.model)
            .timeout(self.timeout)
            .first_token_timeout(self.timeout / 2)
            .idle_timeout(self.timeout / 4);
        let call = async |attempt| self.streamed(session.role(), talk, attempt).await;
        Ok(session.run_turn_recovering(turn, call).await?.value)
    }

    async fn streamed(
        &self,
        role: &str,
        talk: &[Message],
        attempt: Attempt,
    ) -> Result<String, FaultError> {
        let request = request(&attempt, talk, &["read_file"]);
        let request = ChatRequest { tool_choice: Some("none".into()), ..request };
        let sent = context::size(&request.messages);
        let mut reply = self.client.stream(attempt.provider(), &request).await?;
        let (mut text, mut pieces) = (String::new(), 0);
        while let Some(piece) = reply.next().await? {
            match piece {
                Piece::Text(more) => {
                    attempt.token();
                    text.push_str(&more);
                    pieces += 1;
                    attempt.observe(estimate(sent, text.len()));
                    if pieces % 10 == 0 {
                        let so_far =
                            format!("reply streams: {pieces} pieces, {} bytes", text.len());
                        self.progress.line(role, &so_far);
                    }
                }
                Piece::Usage(usage) => attempt.observe(usage.snapshot()),
            }
        }
        let whole = format!("reply complete: {pieces} pieces, {} bytes", text.len());
        self.progress.line(role, &whole);
        Ok(text)
    }

    /// Runs a tool the model asks for and words the result, or the refusal, for the model.
    async fn use_tool(
        &self,
        session: &OrchestrationSession,
        call: &ToolUse,
    ) -> Result<String, BoxError> {
        let name = call.function.name.as_str();
        let arguments = match call.function.arguments.as_str() {
            "" => Ok(Value::Null),
            text => serde_json::from_str::<Value>(text),
        };
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(error) => {
                self.progress.line(session.role(), &format!("{name} → arguments that are no JSON"));
                return Ok(format!("error: the arguments are not JSON: {error}"));
            }
        };
        let result = self.run_tool(session, name, &arguments).await;
        let role = session.role();
        let shown = format!("{name} {}", brief(&arguments)).trim_end().to_owned();
        match result {
            Ok(value) => {
                self.progress.line(role, &format!("{shown} → {}", size(&value)));
                Ok(value.to_string())
            }
            Err(error @ (ToolError::Closed(_) | ToolError::Deadline(_))) => Err(error.into()),
            Err(error) => {
                let verdict = if matches!(error, ToolError::PermissionDenied(_)) {
                    "DENIED"
                } else {
                    "failed"
                };
                self.progress.line(role, &format!("{shown} → {verdict}: {error}"));
                Ok(format!("error: {error}"))
            }
        }
    }

    /// Runs a tool inside the session, which asks the permissions first.
    pub(crate) async fn run_tool(
        &self,
        session: &OrchestrationSession,
        name: &str,
        arguments: &Value,
    ) -> Result<Value, ToolError> {
        let call = ToolCall::new(name.to_owned()).args(arguments.clone());
        session.run_tool(call, || async { self.toolbox.run(name, arguments) }).await
    }
}

/// What an attempt sends: of the conversation as much as it may, of the tools as many.
fn request(attempt: &Attempt, talk: &[Message], offered: &[&str]) -> ChatRequest {
    let whole = context::size(talk);
    let budget = usize::try_from(attempt.context_budget(whole as u64)).unwrap_or(whole);
    let mut tools = tools::offer(offered);
    if attempt.tools_reduced() {
        // A search finds what a listing shows.
        tools.retain(|tool| tool.function.name != "list_files");
    }
    let (model, messages) = (attempt.model().to_owned(), context::fit(talk, budget));
    ChatRequest { model, messages, tools, ..ChatRequest::default() }
}

/// A result in a few words.
fn size(result: &Value) -> String {
    let count = |name: &str| result[name].as_array().map(Vec::len);
    if let Some(files) = count("files") {
        format!("{files} documents")
    } else if let Some(passages) = count("passages") {
        format!("{passages} passages")
    } else {
        format!("{} bytes", result["text"].as_str().map_or(0, str::len))
    }
}

/// Arguments in a few words.
fn brief(arguments: &Value) -> String {
    let values = arguments.as_object().into_iter().flatten().map(|(_, value)| match value {
        Value::String(text) => {
            let text = one_line(text);
            let short = cut(&text, 48);
            if short.len() < text.len() {
                format!("“{short}…”")
            } else {
                format!("“{short}”")
            }
        }
        other => other.to_string(),
    });
    values.collect::<Vec<_>>().join(" ")
}
