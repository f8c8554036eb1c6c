//! [`Dialect`]: how a provider writes tools, calls and results.

mod results;

use serde_json::{Value, json};

use crate::result::ToolResult;
use crate::tool::Tool;
use crate::tool_use::ToolUse;

/// How a provider writes tools, calls and results, in JSON.
///
/// | dialect | also spoken by | reference |
/// |---|---|---|
/// | [`OpenAi`](Self::OpenAi) | most other providers and servers, such as Mistral, Groq, Ollama and vLLM | [chat completions](https://platform.openai.com/docs/api-reference/chat) |
/// | [`Responses`](Self::Responses) | | [responses](https://platform.openai.com/docs/api-reference/responses) |
/// | [`Anthropic`](Self::Anthropic) | Bedrock and Vertex for Claude | [messages](https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview) |
/// | [`Gemini`](Self::Gemini) | Vertex | [function calling](https://ai.google.dev/gemini-api/docs/function-calling) |
/// | [`Converse`](Self::Converse) | | [Bedrock's Converse API](https://docs.aws.amazon.com/bedrock/latest/userguide/tool-use.html) |
///
/// A client with types of its own needs none of this: make a [`ToolUse`] of its type, and its message of a
/// [`ToolResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Chat completions, the format of `OpenAI` that most others follow.
    OpenAi,
    /// Responses of `OpenAI`.
    Responses,
    /// Anthropic's messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
    /// Bedrock's Converse.
    Converse,
}

/// Reads a call from where the provider writes calls.
type Reader = fn(&Value) -> Option<ToolUse>;

impl Dialect {
    /// The calls in a reply. The reply may be the whole body or its message, and has none if nothing is
    /// where the provider puts calls.
    pub fn uses(self, reply: &Value) -> Vec<ToolUse> {
        let (places, of): (&[&str], Reader) = match self {
            Self::OpenAi => {
                (&["/choices/0/message/tool_calls", "/message/tool_calls", "/tool_calls"], openai)
            }
            Self::Responses => (&["/output", ""], responses),
            Self::Anthropic => (&["/content"], anthropic),
            Self::Gemini => (&["/candidates/0/content/parts", "/content/parts", "/parts"], gemini),
            Self::Converse => {
                (&["/output/message/content", "/message/content", "/content"], converse)
            }
        };
        let found = places.iter().find_map(|place| reply.pointer(place)?.as_array());
        found.map_or_else(Vec::new, |items| items.iter().filter_map(of).collect())
    }

    /// The messages with the results of a reply's calls, to be sent behind the reply.
    ///
    /// Pictures (PNG, JPEG, WebP, GIF) and PDF documents of [`media`](ToolResult::media) go with them, except in chat
    /// completions, whose tool messages take nothing but text. The model has to read such media: of Gemini, models from
    /// the third generation on. Whatever else is in `media` stays with you.
    pub fn results(self, results: &[ToolResult]) -> Vec<Value> {
        results::messages(self, results)
    }

    /// Tools as the value of `tools` in a request.
    #[expect(single_use_lifetimes, reason = "an elided one is unstable in `impl Trait`")]
    pub(crate) fn tools<'t>(self, tools: impl Iterator<Item = &'t Tool>) -> Value {
        let tools = tools.map(|tool| {
            let (name, description, schema) = (tool.name(), tool.description(), schema(tool));
            match self {
                Self::OpenAi => json!({ "type": "function", "function": {
                    "name": name, "description": description, "parameters": schema,
                } }),
                // Strict by default, it would make optional arguments required.
                Self::Responses => json!({
                    "type": "function", "name": name, "description": description, "parameters": schema,
                    "strict": false,
                }),
                Self::Anthropic => {
                    json!({ "name": name, "description": description, "input_schema": schema })
                }
                Self::Gemini => {
                    json!({ "name": name, "description": description, "parametersJsonSchema": schema })
                }
                Self::Converse => json!({ "toolSpec": {
                    "name": name, "description": description, "inputSchema": { "json": schema },
                } }),
            }
        });
        let tools = tools.collect::<Vec<_>>();
        match self {
            Self::Gemini if !tools.is_empty() => json!([{ "functionDeclarations": tools }]),
            _ => Value::Array(tools),
        }
    }
}

/// The schema of a tool's arguments: an object, also for a tool without arguments.
fn schema(tool: &Tool) -> Value {
    if tool.schema()["type"] == "object" {
        let mut schema = tool.schema().clone();
        // OpenAI refuses an object without them.
        if schema.get("properties").is_none() {
            schema["properties"] = json!({});
        }
        schema
    } else {
        json!({ "type": "object", "properties": {} })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn openai(call: &Value) -> Option<ToolUse> {
    let function = call.get("function")?;
    let name = function.get("name")?.as_str()?;
    Some(ToolUse::new(text(&call["id"]), name, function["arguments"].clone()))
}

fn responses(item: &Value) -> Option<ToolUse> {
    let is_call = item["type"] == "function_call";
    let name = item.get("name")?.as_str().filter(|_| is_call)?;
    Some(ToolUse::new(text(&item["call_id"]), name, item["arguments"].clone()))
}

fn anthropic(block: &Value) -> Option<ToolUse> {
    let is_call = block["type"] == "tool_use";
    let name = block.get("name")?.as_str().filter(|_| is_call)?;
    Some(ToolUse::new(text(&block["id"]), name, block["input"].clone()))
}

fn gemini(part: &Value) -> Option<ToolUse> {
    let call = part.get("functionCall")?;
    Some(ToolUse::new(text(&call["id"]), call.get("name")?.as_str()?, call["args"].clone()))
}

fn converse(block: &Value) -> Option<ToolUse> {
    let call = block.get("toolUse")?;
    Some(ToolUse::new(text(&call["toolUseId"]), call.get("name")?.as_str()?, call["input"].clone()))
}
