//! [`Agent`]: the loop from a question to an answer.

use runtime_orchestrator::OrchestrationSession;
use serde::de::DeserializeOwned;

use crate::answer::typed;
use crate::calls::{Asking, Calls, CallsFor};
use crate::chat::{Chat, Said};
use crate::errors::AgentError;
use crate::results::Results;
use crate::runner::ToolRunner;
use crate::toolbox::Toolbox;

/// Asks a model, runs its tools and asks again, until it answers.
///
/// Each call of the model is a [recovering turn](OrchestrationSession::run_turn_recovering). The loop
/// ends with the answer, at the session's cap of turns, at its deadline, when its budget is used up, or
/// when the model repeats a call without end.
///
/// In a durable session (feature `durable`) the calls of the model and of the tools are recorded, and the
/// next life of the thread goes on behind them.
///
/// The conversation is yours: it grows as the run goes on, and after an error or a cancellation it has
/// what was said until then. Each call in it has a result, so that another run can go on with it: that of a call
/// which was cut off says so.
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
///     fn turn(&self, _: &[Value]) -> Turn<Value> {
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
pub struct Agent<'a, S = OrchestrationSession> {
    session: &'a S,
    runner: ToolRunner<'a, S>,
    corrections: u32,
}

impl<'a, S: Calls> Agent<'a, S> {
    /// Creates the loop of one run.
    pub fn new(session: &'a S, toolbox: &'a Toolbox) -> Self {
        Self { session, runner: ToolRunner::new(session, toolbox), corrections: 2 }
    }

    /// Sets the runner of the tools: how many at once, how many repeats.
    #[must_use]
    pub fn runner(mut self, runner: ToolRunner<'a, S>) -> Self {
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
    ) -> Result<String, AgentError>
    where
        S: CallsFor<C::Reply>,
    {
        loop {
            let Said { text, uses } = self.ask(chat, messages).await?;
            if uses.is_empty() {
                return Ok(text);
            }
            let mut open = Open { chat, messages, results: Results::of(&uses) };
            self.runner.fill(uses, &mut open.results).await?;
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
    ) -> Result<A, AgentError>
    where
        S: CallsFor<C::Reply>,
    {
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
    ) -> Result<Said, AgentError>
    where
        S: CallsFor<C::Reply>,
    {
        let mut asking = Asking::new(chat, messages);
        let answer = self.session.ask(chat.turn(messages), &mut asking).await?;
        // What was too long once would be too long again. Another life of a thread does not make the call
        // again, and would not know.
        if let Some(shorter) = asking.trimmed()
            && !S::DURABLE
        {
            *messages = shorter;
        }
        let said = chat.read(&answer.value);
        messages.push(chat.reply(answer.value));
        Ok(said)
    }
}

/// Calls whose results belong behind the reply that asked for them, also if the run ends first or is dropped.
struct Open<'c, C: Chat> {
    chat: &'c C,
    messages: &'c mut Vec<C::Message>,
    results: Results,
}

impl<C: Chat> Drop for Open<'_, C> {
    fn drop(&mut self) {
        self.messages.extend(self.chat.results(self.results.take()));
    }
}
