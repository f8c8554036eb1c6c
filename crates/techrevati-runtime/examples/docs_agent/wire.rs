//! The chat completions protocol, as far as both ends of the example need it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use techrevati_runtime::usage::UsageSnapshot;

/// One request to `/v1/chat/completions`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) messages: Vec<Message>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tools: Vec<Tool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tool_choice: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) stream: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stream_options: Option<Value>,
}

impl ChatRequest {
    /// Whether the model may call this tool now.
    pub(crate) fn offers(&self, tool: &str) -> bool {
        self.tool_choice.as_deref() != Some("none")
            && self.tools.iter().any(|offered| offered.function.name == tool)
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Message {
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) content: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub(crate) tool_calls: Vec<ToolUse>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tool_call_id: Option<String>,
}

impl Message {
    pub(crate) fn system(text: impl Into<String>) -> Self {
        Self::of("system", text)
    }

    pub(crate) fn user(text: impl Into<String>) -> Self {
        Self::of("user", text)
    }

    pub(crate) fn assistant(text: impl Into<String>) -> Self {
        Self::of("assistant", text)
    }

    /// The result of the tool call with this id.
    pub(crate) fn tool(call_id: &str, result: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::of("tool", result) }
    }

    /// The text, empty if there is none.
    pub(crate) fn text(&self) -> &str {
        self.content.as_deref().unwrap_or_default()
    }

    fn of(role: &str, text: impl Into<String>) -> Self {
        Self { role: role.into(), content: Some(text.into()), ..Self::default() }
    }
}

/// A tool call of the model.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ToolUse {
    pub(crate) id: String,
    #[serde(rename = "type", default = "function")]
    pub(crate) kind: String,
    pub(crate) function: FunctionUse,
}

/// Name and arguments of a tool call. The arguments are JSON in a string.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct FunctionUse {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: String,
}

/// A tool that is offered to the model.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tool {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) function: Function,
}

/// Name, purpose and argument schema of an offered tool.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) description: String,
    #[serde(default)]
    pub(crate) parameters: Value,
}

impl Tool {
    /// A tool whose arguments are the properties of one JSON object.
    pub(crate) fn new(
        name: &str,
        description: &str,
        properties: &Value,
        required: &[&str],
    ) -> Self {
        let parameters =
            json!({ "type": "object", "properties": properties, "required": required });
        let (name, description) = (name.into(), description.into());
        Self { kind: function(), function: Function { name, description, parameters } }
    }
}

/// The answer to a request that does not stream.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ChatReply {
    pub(crate) model: String,
    pub(crate) choices: Vec<Choice>,
    #[serde(default)]
    pub(crate) usage: Option<WireUsage>,
}

/// The message of the model, and its finish reason.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Choice {
    pub(crate) message: Message,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

/// Tokens as this protocol counts them: cached ones are part of the prompt.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct WireUsage {
    #[serde(default)]
    pub(crate) prompt_tokens: u64,
    #[serde(default)]
    pub(crate) completion_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_tokens_details: Option<PromptDetails>,
}

impl WireUsage {
    /// Tokens as the runtime counts them: cached ones are not part of the input.
    pub(crate) fn snapshot(self) -> UsageSnapshot {
        let cached = self.prompt_tokens_details.map_or(0, |details| details.cached_tokens);
        let cached = cached.min(self.prompt_tokens);
        UsageSnapshot::new(self.prompt_tokens - cached, self.completion_tokens).cache_read(cached)
    }
}

/// The parts of the prompt's tokens.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct PromptDetails {
    #[serde(default)]
    pub(crate) cached_tokens: u64,
}

/// One `data:` line of a streamed answer.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Chunk {
    #[serde(default)]
    pub(crate) choices: Vec<ChunkChoice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<WireUsage>,
    /// The error after the start of the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Value>,
}

/// The next part of the message.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct ChunkChoice {
    #[serde(default)]
    pub(crate) delta: Delta,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
}

/// A part of the text.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Delta {
    #[serde(default)]
    pub(crate) content: Option<String>,
}

fn function() -> String {
    "function".into()
}

/// Some providers send `null` for an absent value.
fn or_default<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<ToolUse>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
