//! Captured prompts and answers, in the schema of the conventions: messages with a role and parts.
//!
//! A caller captures what the provider's client has: a text, a list of messages, a whole request or a
//! whole response, each in the provider's own JSON. Where the form is not known, the message is that
//! JSON as text: it is shown, and nothing of it is lost.
//!
//! Schemas: `gen-ai-{input-messages,output-messages,system-instructions}.json` of
//! `open-telemetry/semantic-conventions` v1.41.1.

mod finish;
mod parts;

use serde_json::{Value as Json, json};

use self::parts::{first, items, parts, text};

/// What a model was asked.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// Instructions that were given apart from the messages.
    pub(crate) system: Option<Json>,
    pub(crate) messages: Json,
}

/// Reads a prompt.
pub(crate) fn asked(prompt: &Json) -> Asked {
    let system = first(prompt, SYSTEM);
    let system = system.map(|system| parts(system.get("parts").unwrap_or(system)));
    let system = system.filter(|parts| !parts.is_empty()).map(Json::Array);
    let said = first(prompt, HISTORY).unwrap_or(prompt);
    let messages = match said {
        Json::Array(said) if said.iter().all(is_message) => said.iter().map(message).collect(),
        said if is_message(said) => vec![message(said)],
        said => vec![from("user", &[text(said)])],
    };
    Asked { system, messages: Json::Array(messages) }
}

/// Reads an answer: a message for each choice.
pub(crate) fn answered(answer: &Json) -> Json {
    let choices = first(answer, CHOICES).and_then(Json::as_array);
    let answers = match (choices, answer) {
        (Some(choices), _) => choices.iter().map(|choice| reply(choice, choice)).collect(),
        (None, Json::Array(said)) if said.iter().all(is_message) => {
            said.iter().map(|said| reply(said, said)).collect()
        }
        _ => vec![reply(answer, answer)],
    };
    Json::Array(answers)
}

/// What the last message says: its texts, or else its parts.
pub(crate) fn last(messages: &Json) -> Json {
    let parts = messages.as_array().and_then(|all| all.last()).map(|last| &last["parts"]);
    let texts = parts.and_then(Json::as_array).into_iter().flatten();
    let texts = texts.filter(|part| part["type"] == "text");
    let texts: Vec<_> = texts.filter_map(|text| first(text, &["content"])?.as_str()).collect();
    match parts {
        Some(parts) if texts.is_empty() => parts.clone(),
        _ => texts.join("\n").into(),
    }
}

/// Where requests have their instructions: Anthropic and Bedrock, the Responses API, Gemini.
const SYSTEM: &[&str] = &["system", "instructions", "systemInstruction", "system_instruction"];

/// Where requests have their messages: chats, Gemini, the Responses API, completions.
const HISTORY: &[&str] = &["messages", "contents", "input", "prompt"];

/// Where responses have their choices: chats, Gemini.
const CHOICES: &[&str] = &["choices", "candidates"];

/// Whether it has a role, or is an item of the Responses API, which has a type instead.
fn is_message(said: &Json) -> bool {
    let has = |key| said.get(key).is_some_and(Json::is_string);
    (has("role") && ["content", "parts", "tool_calls"].iter().any(|key| said.get(key).is_some()))
        || (has("type") && (has("call_id") || said.get("summary").is_some()))
}

fn message(said: &Json) -> Json {
    let parts = parts::of_message(said);
    let mut message = from(role(said).unwrap_or_else(|| role_of(&parts)), &parts);
    if let Some(name) = said.get("name").filter(|_| said.get("role").is_some()) {
        message["name"] = name.clone();
    }
    message
}

/// A choice, or a response that is the only one, as a message. `whole` knows why it finished.
fn reply(whole: &Json, said: &Json) -> Json {
    // Bedrock has its message in the output, Ollama and the choices of chats beside other facts.
    let (role, parts) = match first(said, &["output", "message", "content"]) {
        Some(inner) if inner.get("message").is_some() || is_message(inner) => {
            return reply(whole, inner);
        }
        // The Responses API: a list of items, which together are one message.
        Some(Json::Array(output)) if said.get("output").is_some() => {
            (None, output.iter().flat_map(items).collect())
        }
        _ if is_message(said) => (role(said), parts::of_message(said)),
        _ => (None, vec![text(said.get("text").filter(|it| it.is_string()).unwrap_or(said))]),
    };
    let reason = finish::reason(whole, &parts);
    let mut message = from(role.unwrap_or("assistant"), &parts);
    // Deprecated in the newer conventions, but viewers refuse messages without it.
    message["finish_reason"] = reason.into();
    message
}

fn from(role: &str, parts: &[Json]) -> Json {
    json!({ "role": role, "parts": parts })
}

fn role(said: &Json) -> Option<&str> {
    Some(match said.get("role")?.as_str()? {
        "model" | "ai" => "assistant",
        "human" => "user",
        "function" => "tool",
        role => role,
    })
}

/// An item of the Responses API has no role: a result is a tool's, the rest the model's.
fn role_of(parts: &[Json]) -> &'static str {
    let is_result = |part: &Json| part["type"] == "tool_call_response";
    if parts.iter().any(is_result) { "tool" } else { "assistant" }
}

#[cfg(test)]
mod tests;
