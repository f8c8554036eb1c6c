//! What an agent works with: turns that recover, streamed turns, and tools it may be refused.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use techrevati_runtime::orchestrator::{
    OrchestrationSession, ToolCall, ToolError, Turn, TurnError,
};
use techrevati_runtime::resilience::BoxError;

use crate::client::{Client, Piece, Reply, estimate};
use crate::progress::Progress;
use crate::recovery::Recovery;
use crate::report::Tally;
use crate::text::{cut, one_line};
use crate::tools::{self, Toolbox};
use crate::wire::{ChatRequest, Message, ToolUse};

/// Shared by both agents.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) client: Arc<Client>,
    pub(crate) recovery: Recovery,
    pub(crate) toolbox: Toolbox,
    pub(crate) progress: Progress,
    pub(crate) tally: Tally,
    pub(crate) timeout: Duration,
}

impl Desk {
    /// Lets the model work with tools until it answers in words, which are returned.
    ///
    /// # Errors
    ///
    /// [`TurnError`] once a turn is refused or recovery has given up; [`ToolError`] once the
    /// session is over.
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

    /// One turn, again and again for as long as recovery finds something to do about failures.
    async fn ask(
        &self,
        session: &OrchestrationSession,
        talk: &[Message],
        offered: &[&str],
    ) -> Result<Message, BoxError> {
        loop {
            let request = self.request(talk, offered);
            let turn = Turn::model(&*request.model)
                .timeout(self.timeout)
                .usage_from(|reply: &Reply| reply.usage);
            match session.run_turn(turn, || self.client.chat(&request)).await {
                Ok(answered) => return Ok(answered.value.message),
                Err(error) => self.go_on_after(session, error).await?,
            }
        }
    }

    /// One turn whose reply comes in pieces, again for as long as recovery finds something to do.
    ///
    /// # Errors
    ///
    /// As [`Desk::converse`].
    pub(crate) async fn stream(
        &self,
        session: &OrchestrationSession,
        talk: &[Message],
    ) -> Result<String, BoxError> {
        loop {
            match self.streamed_turn(session, talk).await {
                Ok(text) => return Ok(text),
                Err(error) => self.go_on_after(session, error).await?,
            }
        }
    }

    /// A streamed turn is admitted and settled like any other; in between, the pieces are ours
    /// to read. Broken off, it is billed by what was observed until then.
    async fn streamed_turn(
        &self,
        session: &OrchestrationSession,
        talk: &[Message],
    ) -> Result<String, TurnError> {
        let request = self.request(talk, &["read_file"]);
        let request = ChatRequest { tool_choice: Some("none".into()), ..request };
        let sent = talk.iter().map(|message| message.text().len()).sum();
        let turn = Turn::model(&*request.model).timeout(self.timeout);
        let mut active = session.begin_turn(turn).await?;
        let mut streamed = match active.run(self.client.stream(&request)).await? {
            Ok(streamed) => streamed,
            Err(error) => return Err(active.fail(error).await),
        };
        let (mut text, mut pieces, mut counted) = (String::new(), 0, None);
        loop {
            match active.run(streamed.next()).await? {
                Ok(Some(Piece::Text(more))) => {
                    text.push_str(&more);
                    pieces += 1;
                    active.observe(estimate(sent, text.len()));
                    if pieces % 10 == 0 {
                        let so_far =
                            format!("reply streams: {pieces} pieces, {} bytes", text.len());
                        self.progress.line(session.role(), &so_far);
                    }
                }
                Ok(Some(Piece::Usage(usage))) => counted = Some(usage.snapshot()),
                Ok(None) => break,
                Err(error) => return Err(active.fail(error).await),
            }
        }
        let whole = format!("reply complete: {pieces} pieces, {} bytes", text.len());
        self.progress.line(session.role(), &whole);
        active.settle(counted.unwrap_or_else(|| estimate(sent, text.len())));
        Ok(text)
    }

    /// Tells what failed and what recovery did; an error once nothing is left to try.
    async fn go_on_after(
        &self,
        session: &OrchestrationSession,
        error: TurnError,
    ) -> Result<(), BoxError> {
        // A failed turn has tried already; one that timed out tries now.
        let recovery = session.recover(&error).await;
        let Some((scenario, recovery)) = error.scenario().zip(recovery) else {
            return Err(error.into());
        };
        let mut done = self.recovery.take_done();
        if !recovery.reason.is_empty() {
            let separator = if done.is_empty() { "" } else { "; " };
            done = format!("{done}{separator}{}", recovery.reason);
        }
        let role = session.role();
        self.progress.line(role, &format!("turn failed: {error}"));
        self.progress.line("  recovery", &format!("{scenario}: {done}"));
        self.tally.failed(role, &error.to_string(), scenario.as_str(), &done);
        // A recipe that took no step at all leaves things as they were.
        if recovery.steps_taken == 0 { Err(error.into()) } else { Ok(()) }
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
        self.tally.tool(role, name, &result);
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

    fn request(&self, talk: &[Message], offered: &[&str]) -> ChatRequest {
        let limit = self.recovery.result_bytes();
        let mut messages = talk.to_vec();
        for message in messages.iter_mut().filter(|message| message.tool_call_id.is_some()) {
            message.content = message.content.take().map(|text| cut(&text, limit).to_owned());
        }
        let (model, tools) = (self.client.model.clone(), tools::offer(offered));
        ChatRequest { model, messages, tools, ..ChatRequest::default() }
    }
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
