//! [`Agent`]: the loop from a question to an answer.

use std::sync::Arc;

use runtime_orchestrator::{Attempt, OrchestrationSession, TurnError};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::answer::{InvalidAnswerError, typed};
use crate::chat::{Chat, Said};
use crate::runner::{ToolRunner, ToolRunnerError};
use crate::toolbox::Toolbox;

/// Asks a model, runs its tools and asks again, until it answers.
///
/// Each call of the model is a [recovering turn](OrchestrationSession::run_turn_recovering). The loop
/// ends with the answer, at the session's cap of turns, at its deadline, when its budget is used up, or
/// when the model repeats a call without end.
///
/// The conversation is yours: it grows as the run goes on, and after an error or a cancellation it has
/// what was said until then.
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_orchestrator::{Attempt, BoxError, Orchestrator, Turn};
/// use runtime_tools::{Agent, Chat, Dialect, InvalidAnswerError, Said, Tool, ToolResult, Toolbox};
/// use serde_json::{Value, json};
///
/// struct OpenAi { tools: Value }
///
/// impl Chat for OpenAi {
///     type Message = Value;
///     type Reply = Value;
///     type Error = BoxError;
///
///     fn turn(&self) -> Turn<Value> {
///         Turn::model("gpt-5")
///     }
///     async fn ask(&self, messages: &[Value], attempt: &Attempt) -> Result<Value, BoxError> {
///         post(json!({ "model": attempt.model(), "messages": messages, "tools": self.tools })).await
///     }
///     fn read(&self, reply: &Value) -> Said {
///         let text = reply["choices"][0]["message"]["content"].as_str().unwrap_or_default();
///         Said::new(text, Dialect::OpenAi.uses(reply))
///     }
///     fn reply(&self, mut reply: Value) -> Value {
///         reply["choices"][0]["message"].take()
///     }
///     fn results(&self, results: Vec<ToolResult>) -> Vec<Value> {
///         Dialect::OpenAi.results(&results)
///     }
///     fn correction(&self, invalid: &InvalidAnswerError) -> Value {
///         json!({ "role": "user", "content": invalid.to_string() })
///     }
/// }
///
/// let clock = Tool::new("clock", "Tells the time.", async |()| Ok::<_, BoxError>("noon"));
/// let toolbox = Toolbox::new().with(clock)?;
/// let session = Orchestrator::new("writer", "draft").max_iterations(10).session()?;
/// let chat = OpenAi { tools: toolbox.offer(Dialect::OpenAi, &session) };
///
/// let mut messages = vec![json!({ "role": "user", "content": "What time is it?" })];
/// let answer = Agent::new(&session, &toolbox).run(&chat, &mut messages).await?;
/// assert_eq!(answer, "It is noon.");
/// assert_eq!(messages.len(), 4, "question, call, result, answer");
/// # // The provider.
/// # async fn post(request: Value) -> Result<Value, BoxError> {
/// #     assert_eq!(request["tools"][0]["function"]["name"], "clock");
/// #     let message = match request["messages"].as_array().unwrap().last().unwrap() {
/// #         said if said["role"] == "tool" => json!({ "role": "assistant",
/// #             "content": format!("It is {}.", said["content"].as_str().unwrap()) }),
/// #         _ => json!({ "role": "assistant", "content": null, "tool_calls": [{
/// #             "id": "1", "type": "function", "function": { "name": "clock", "arguments": "" } }] }),
/// #     };
/// #     Ok(json!({ "choices": [{ "message": message }] }))
/// # }
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Agent<'a> {
    session: &'a OrchestrationSession,
    runner: ToolRunner<'a>,
    corrections: u32,
}

/// A run without an answer.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum AgentError {
    /// A call of the model was refused, interrupted, or failed for good.
    Turn(#[from] TurnError),
    /// The session is over, or the model repeats a call without end.
    Tools(#[from] ToolRunnerError),
    /// The answer was never of the type that was asked for. This is the last one.
    Answer(#[from] InvalidAnswerError),
}

impl<'a> Agent<'a> {
    /// Creates the loop of one run.
    pub fn new(session: &'a OrchestrationSession, toolbox: &'a Toolbox) -> Self {
        Self { session, runner: ToolRunner::new(session, toolbox), corrections: 2 }
    }

    /// Sets the runner of the tools: how many at once, how many repeats.
    #[must_use]
    pub fn runner(mut self, runner: ToolRunner<'a>) -> Self {
        self.runner = runner;
        self
    }

    /// Sets how often an answer of the wrong type is asked for again. Default: 2.
    #[must_use]
    pub const fn corrections(mut self, times: u32) -> Self {
        self.corrections = times;
        self
    }

    /// Runs the loop, and returns the text of the answer.
    ///
    /// # Errors
    ///
    /// [`AgentError`] with the reason why there is no answer.
    pub async fn run<C: Chat>(
        &mut self,
        chat: &C,
        messages: &mut Vec<C::Message>,
    ) -> Result<String, AgentError> {
        loop {
            let Said { text, uses } = self.ask(chat, messages).await?;
            if uses.is_empty() {
                return Ok(text);
            }
            let results = self.runner.run(uses).await?;
            messages.extend(chat.results(results));
        }
    }

    /// Runs the loop, and returns the answer as a value of a type.
    ///
    /// Ask the model for JSON of this type, by the [schema](crate::schema_of) of it in the request. An
    /// answer that does not fit is asked for again, with the error.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and [`AgentError::Answer`] if no answer fits.
    pub async fn run_typed<A: DeserializeOwned, C: Chat>(
        &mut self,
        chat: &C,
        messages: &mut Vec<C::Message>,
    ) -> Result<A, AgentError> {
        let mut left = self.corrections;
        loop {
            let text = self.run(chat, messages).await?;
            match typed(text) {
                Ok(answer) => return Ok(answer),
                Err(invalid) if left > 0 => messages.push(chat.correction(&invalid)),
                Err(invalid) => return Err(invalid.into()),
            }
            left -= 1;
        }
    }

    /// Makes one turn, and adds its reply to the conversation.
    async fn ask<C: Chat>(
        &self,
        chat: &C,
        messages: &mut Vec<C::Message>,
    ) -> Result<Said, AgentError> {
        let mut trimmed: Option<Arc<Vec<C::Message>>> = None;
        let whole = &*messages;
        let call = |attempt: Attempt| {
            if is_reduced(&attempt) {
                let mut shorter = whole.clone();
                chat.trim(&mut shorter, &attempt);
                trimmed = Some(Arc::new(shorter));
            }
            let trimmed = trimmed.clone();
            async move {
                let messages = trimmed.as_deref().map_or(whole, |shorter| shorter);
                chat.ask(messages, &attempt).await
            }
        };
        let answer = self.session.run_turn_recovering(chat.turn(), call).await?;
        // What was too long once would be too long again.
        if let Some(shorter) = trimmed {
            *messages = Arc::unwrap_or_clone(shorter);
        }
        let said = chat.read(&answer.value);
        messages.push(chat.reply(answer.value));
        Ok(said)
    }
}

/// Whether the recovery of the turn asks for a shorter context.
fn is_reduced(attempt: &Attempt) -> bool {
    const WHOLE: u64 = 1 << 20;
    attempt.context_budget(WHOLE) < WHOLE
}
