//! The parts of a message: texts, thoughts, calls of tools, their results, media.

use serde_json::{Value as Json, json};

/// The parts of a message, whatever fields it has them in.
pub(super) fn of_message(said: &Json) -> Vec<Json> {
    if said.get("role").is_none() {
        return items(said);
    }
    let thoughts = first(said, &["reasoning_content", "reasoning", "thinking"]);
    let thoughts = thoughts.and_then(Json::as_str).filter(|it| !it.is_empty());
    let mut found: Vec<_> = thoughts.map(thought).into_iter().collect();
    let content = first(said, &["parts", "content"]);
    match said.get("tool_call_id") {
        Some(call) => found.push(result(Some(call), content.unwrap_or(&Json::Null))),
        None => found.extend(content.map(parts).unwrap_or_default()),
    }
    let refusal = said.get("refusal").filter(|it| it.is_string());
    found.extend(refusal.map(|it| json!({ "type": "refusal", "content": it })));
    let calls = said.get("tool_calls").and_then(Json::as_array);
    found.extend(calls.into_iter().flatten().map(call));
    found
}

/// An item of the Responses API: a message of it has parts, every other item is one.
pub(super) fn items(item: &Json) -> Vec<Json> {
    match first(item, &["content"]) {
        Some(content) if item["type"] == "message" => parts(content),
        _ => vec![part(item)],
    }
}

/// A content: nothing, a text, a part, or a list of parts.
pub(super) fn parts(content: &Json) -> Vec<Json> {
    match content {
        Json::Null => Vec::new(),
        Json::String(said) if said.is_empty() => Vec::new(),
        Json::Array(parts) => parts.iter().map(part).collect(),
        other => vec![part(other)],
    }
}

/// The first of these fields that holds something.
pub(super) fn first<'a>(said: &'a Json, keys: &[&str]) -> Option<&'a Json> {
    keys.iter().find_map(|key| said.get(key).filter(|it| !it.is_null()))
}

/// A text; what is none, as its JSON.
pub(super) fn text(said: &Json) -> Json {
    json!({ "type": "text", "content": plain(said) })
}

/// One part: of the conventions, of chats, of Anthropic, of the Responses API; without a type, of Gemini
/// or Bedrock.
fn part(said: &Json) -> Json {
    match said.get("type").and_then(Json::as_str) {
        Some("text" | "input_text" | "output_text") => {
            text(first(said, &["content", "text"]).unwrap_or(said))
        }
        Some("thinking") => thought(said["thinking"].as_str().unwrap_or_default()),
        Some("reasoning") if said.get("summary").is_some() => thought(&summary(&said["summary"])),
        Some("tool_use" | "function_call") => call(said),
        Some("tool_result" | "function_call_output") => {
            let given = first(said, &["content", "output"]);
            result(first(said, &["tool_use_id", "call_id"]), given.unwrap_or(&Json::Null))
        }
        Some("image_url" | "input_image") => {
            let image = said.get("image_url").unwrap_or(said);
            image.get("url").unwrap_or(image).as_str().map_or_else(|| said.clone(), image_at)
        }
        Some("image") if said.get("source").is_some() => source(&said["source"]),
        // Of the conventions already, or of a kind that they have no name for.
        Some(_) => said.clone(),
        None => untyped(said),
    }
}

fn untyped(said: &Json) -> Json {
    if let Some(words) = first(said, &["text"]) {
        return if said["thought"] == true { thought(&plain(words)) } else { text(words) };
    }
    if let Some(asked) = first(said, &["functionCall", "function_call", "toolUse"]) {
        return call(asked);
    }
    if let Some(given) = first(said, &["functionResponse", "function_response", "toolResult"]) {
        let answer = first(given, &["response", "content"]).unwrap_or(&Json::Null);
        return result(first(given, &["id", "toolUseId"]), answer);
    }
    if let Some(data) = first(said, &["inlineData", "inline_data"]) {
        let kind = first(data, &["mimeType", "mime_type"]).and_then(Json::as_str);
        return blob(kind, &data["data"]);
    }
    text(said)
}

/// A call of a tool that the model asks for.
fn call(said: &Json) -> Json {
    let function = said.get("function").unwrap_or(said);
    let given = first(function, &["arguments", "input", "args"]);
    // Chats have them as text.
    let parsed = given.and_then(Json::as_str).and_then(|text| serde_json::from_str(text).ok());
    let arguments: Json = parsed.unwrap_or_else(|| given.cloned().unwrap_or_default());
    let name = function["name"].as_str().unwrap_or("unknown");
    let id = first(said, &["call_id", "toolUseId", "id"]);
    json!({ "type": "tool_call", "id": id, "name": name, "arguments": arguments })
}

/// What a tool has given.
fn result(id: Option<&Json>, given: &Json) -> Json {
    json!({ "type": "tool_call_response", "id": id, "response": given })
}

fn thought(said: &str) -> Json {
    json!({ "type": "reasoning", "content": said })
}

fn summary(said: &Json) -> String {
    let texts = said.as_array().into_iter().flatten().filter_map(|it| it.get("text")?.as_str());
    texts.collect::<Vec<_>>().join("\n")
}

fn image_at(url: &str) -> Json {
    let inline = url.strip_prefix("data:").and_then(|it| it.split_once(";base64,"));
    match inline {
        Some((kind, data)) => blob(Some(kind), &data.into()),
        None => json!({ "type": "uri", "modality": "image", "uri": url }),
    }
}

/// Anthropic's image.
fn source(said: &Json) -> Json {
    match said.get("url").and_then(Json::as_str) {
        Some(url) => image_at(url),
        None => blob(said["media_type"].as_str(), &said["data"]),
    }
}

fn blob(kind: Option<&str>, data: &Json) -> Json {
    let modality = kind.and_then(|kind| kind.split('/').next()).unwrap_or("image");
    json!({ "type": "blob", "modality": modality, "mime_type": kind, "content": data })
}

fn plain(said: &Json) -> String {
    said.as_str().map_or_else(|| said.to_string(), str::to_owned)
}
