//! The tools of both agents: recovering turns, streamed turns, and tools with permissions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use techrevati_runtime::orchestrator::{Attempt, Effect, ToolCall, Turn};
use techrevati_runtime::resilience::{BoxError, FaultError};

use crate::client::{Client, Piece, Reply, estimate};
use crate::context;
use crate::progress::Progress;
use crate::steps::{Refusal, Steps};
use crate::text::{cut, one_line};
use crate::tools::{self, Toolbox};
use crate::wire::{ChatRequest, Message, ToolUse};

/// The state that both agents share.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) model: String,
    pub(crate) client: Arc<Client>,
    pub(crate) toolbox: Toolbox,
    pub(crate) progress: Progress,
    /// The timeout of one call.
    pub(crate) timeout: Duration,
}

impl Desk {
    /// Lets the model call tools until it answers in text, which is returned.
    ///
    /// # Errors
    ///
    /// The error of a turn that is refused or that recovery gives up, or of a session that has ended.
    pub(crate) async fn converse(
        &self,
        session: &impl Steps,
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

    /// One turn. After a failure the attempt has the provider to call and the size to send. A
    /// conversation that was too long is sent shortened from then on.
    async fn ask(
        &self,
        session: &impl Steps,
        talk: &mut Vec<Message>,
        offered: &[&str],
    ) -> Result<Message, BoxError> {
        let turn = Turn::model(&*self.model)
            .timeout(self.timeout)
            .usage_from(|(_, reply): &(Option<Vec<Message>>, Reply)| reply.usage);
        let whole = &*talk;
        let call = async |attempt: Attempt| {
            let request = request(&attempt, whole, offered);
            let reply = self.client.chat(attempt.provider(), &request).await?;
            // What was sent whole is known.
            let shortened = Some(request.messages).filter(|sent| sent != whole);
            Ok::<_, FaultError>((shortened, reply))
        };
        let (shortened, reply) = session.turn(turn, call).await?;
        if let Some(sent) = shortened {
            *talk = sent;
        }
        Ok(reply.message)
    }

    /// One streamed turn. An attempt that breaks off is billed by its observed usage, and the next
    /// one starts the reply again.
    ///
    /// # Errors
    ///
    /// The same as [`Desk::converse`].
    pub(crate) async fn stream(
        &self,
        session: &impl Steps,
        talk: &[Message],
    ) -> Result<String, BoxError> {
        let turn = Turn::model(&*self.model)
            .timeout(self.timeout)
            .first_token_timeout(self.timeout / 2)
            .idle_timeout(self.timeout / 4);
        let role = session.session().role();
        session.turn(turn, async |attempt| self.streamed(role, talk, attempt).await).await
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

    /// Runs a tool call of the model, and words the result or the refusal for it.
    async fn use_tool(&self, session: &impl Steps, call: &ToolUse) -> Result<String, BoxError> {
        let name = call.function.name.as_str();
        let arguments = match call.function.arguments.as_str() {
            "" => Ok(Value::Null),
            text => serde_json::from_str::<Value>(text),
        };
        let arguments = match arguments {
            Ok(arguments) => arguments,
            Err(error) => {
                let role = session.session().role();
                self.progress.line(role, &format!("{name} → arguments that are no JSON"));
                return Ok(format!("error: the arguments are not JSON: {error}"));
            }
        };
        let result = self.run_tool(session, name, &arguments).await?;
        let role = session.session().role();
        let shown = format!("{name} {}", brief(&arguments)).trim_end().to_owned();
        match result {
            Ok(value) => {
                self.progress.line(role, &format!("{shown} → {}", size(&value)));
                Ok(value.to_string())
            }
            Err(Refusal { denied, text }) => {
                let verdict = if denied { "DENIED" } else { "failed" };
                self.progress.line(role, &format!("{shown} → {verdict}: {text}"));
                Ok(format!("error: {text}"))
            }
        }
    }

    /// Runs a tool inside the session, which checks the permissions.
    pub(crate) async fn run_tool(
        &self,
        session: &impl Steps,
        name: &str,
        arguments: &Value,
    ) -> Result<Result<Value, Refusal>, BoxError> {
        // A file that is written again is the same file.
        let effect = if name == "write_file" { Effect::Idempotent } else { Effect::Read };
        let call = ToolCall::new(name.to_owned()).args(arguments.clone()).effect(effect);
        session.tool(call, || Ok(self.toolbox.run(name, arguments)?)).await
    }
}

/// The request of an attempt, with the conversation and the tools that it may send.
fn request(attempt: &Attempt, talk: &[Message], offered: &[&str]) -> ChatRequest {
    let whole = context::size(talk);
    let budget = usize::try_from(attempt.context_budget(whole as u64)).unwrap_or(whole);
    let mut tools = tools::offer(offered);
    if attempt.tools_reduced() {
        // Search finds everything that a listing shows.
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
