//! The clerk: asks the model, runs its tools, and asks again until there is an answer.

use std::sync::Arc;

use serde_json::{Value, json};
use techrevati_runtime::prelude::*;
use techrevati_runtime::tools::{Agent, Chat, Dialect, InvalidAnswerError, Said, ToolResult};
use techrevati_runtime::usage::UsageFormat;

use crate::client::Client;
use crate::model::MODEL;
use crate::questions::Questions;
use crate::tools;

/// The longest answer, in tokens.
const ANSWER: u64 = 200;

/// Answers a question in a session. It may ask `questions` of its own.
///
/// # Errors
///
/// Why there is no answer: no money, no time, no provider.
pub(crate) async fn answer(
    session: &OrchestrationSession,
    client: Client,
    (question, questions): (&str, &Arc<Questions>),
) -> Result<String, BoxError> {
    let toolbox = tools::toolbox(&session.handle(), questions)?;
    let clerk = Clerk { client, tools: toolbox.offer(Dialect::OpenAi, session) };
    let mut messages = vec![json!({ "role": "user", "content": question })];
    Ok(Agent::new(session, &toolbox).run(&clerk, &mut messages).await?)
}

struct Clerk {
    client: Client,
    tools: Value,
}

impl Chat for Clerk {
    type Message = Value;
    type Reply = Value;
    type Error = FaultError;

    fn turn(&self, messages: &[Value]) -> Turn<Value> {
        let sent: usize = messages.iter().map(|message| message.to_string().len()).sum();
        // Its tools are sent with each request, and a few words around them.
        let sent = sent + self.tools.to_string().len() + 200;
        Turn::model(MODEL)
            .estimate(UsageSnapshot::new(sent.div_ceil(4) as u64, 0))
            .max_output(ANSWER)
            .usage_from(|reply: &Value| UsageFormat::OpenAiChat.read(&reply["usage"]))
    }

    async fn ask(&self, messages: &[Value], attempt: &Attempt) -> Result<Value, FaultError> {
        let request = json!({
            "model": attempt.model(),
            "messages": messages,
            "tools": self.tools,
            "max_tokens": ANSWER,
        });
        self.client.chat(attempt.provider(), &request).await
    }

    fn read(&self, reply: &Value) -> Said {
        let text = reply["choices"][0]["message"]["content"].as_str().unwrap_or_default();
        Said::new(text, Dialect::OpenAi.uses(reply))
    }

    fn reply(&self, mut reply: Value) -> Value {
        reply["choices"][0]["message"].take()
    }

    fn results(&self, results: Vec<ToolResult>) -> Vec<Value> {
        Dialect::OpenAi.results(&results)
    }

    fn correction(&self, invalid: &InvalidAnswerError) -> Value {
        json!({ "role": "user", "content": invalid.to_string() })
    }
}
