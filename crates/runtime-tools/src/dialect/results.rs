//! Results of calls, as providers want them back.

use serde_json::{Value, json};

use super::Dialect;
use crate::output::Media;
use crate::result::ToolResult;

/// The messages with the results of a reply's calls.
pub(super) fn messages(dialect: Dialect, results: &[ToolResult]) -> Vec<Value> {
    let each = results.iter();
    match dialect {
        Dialect::OpenAi => each.map(openai).collect(),
        Dialect::Responses => each.map(responses).collect(),
        Dialect::Anthropic => together("content", each.map(anthropic).collect()),
        Dialect::Gemini => together("parts", each.map(gemini).collect()),
        Dialect::Converse => together("content", each.map(converse).collect()),
    }
}

/// One message of the user's with all results: these providers refuse a result in a message of its own.
fn together(key: &str, results: Vec<Value>) -> Vec<Value> {
    if results.is_empty() { results } else { vec![json!({ "role": "user", key: results })] }
}

/// A tool's message takes nothing but text.
fn openai(result: &ToolResult) -> Value {
    let ToolResult { id, content, .. } = result;
    json!({ "role": "tool", "tool_call_id": id, "content": content })
}

fn responses(result: &ToolResult) -> Value {
    let ToolResult { id, content, .. } = result;
    let output = with_media(result, |(kind, form), data, name| {
        let url = format!("data:{kind};base64,{data}");
        Some(match form {
            Form::Picture(_) => json!({ "type": "input_image", "image_url": url }),
            Form::Pdf => {
                json!({ "type": "input_file", "filename": format!("{name}.pdf"), "file_data": url })
            }
        })
    });
    let output = match output {
        Some(mut parts) => {
            parts.insert(0, json!({ "type": "input_text", "text": content }));
            Value::Array(parts)
        }
        None => content.as_str().into(),
    };
    json!({ "type": "function_call_output", "call_id": id, "output": output })
}

fn anthropic(result: &ToolResult) -> Value {
    let ToolResult { id, content, outcome, .. } = result;
    let mut block = json!({ "type": "tool_result", "tool_use_id": id, "content": content });
    let parts = with_media(result, |(kind, form), data, _| {
        let of = if form == Form::Pdf { "document" } else { "image" };
        let source = json!({ "type": "base64", "media_type": kind, "data": data });
        Some(json!({ "type": of, "source": source }))
    });
    if let Some(mut parts) = parts {
        parts.insert(0, json!({ "type": "text", "text": in_words(content) }));
        block["content"] = parts.into();
    }
    if outcome.is_error() {
        block["is_error"] = true.into();
        block["content"] = in_words(content).into();
    }
    block
}

fn gemini(result: &ToolResult) -> Value {
    let ToolResult { id, name, content, outcome, .. } = result;
    let key = if outcome.is_error() { "error" } else { "result" };
    let mut response = json!({ "name": name, "response": { key: content } });
    // Only some models give ids, and the others refuse one.
    if !id.is_empty() {
        response["id"] = id.as_str().into();
    }
    let parts = with_media(result, |(kind, form), data, _| {
        let part = json!({ "inlineData": { "mimeType": kind, "data": data } });
        (form != Form::Picture("gif")).then_some(part)
    });
    if let Some(parts) = parts {
        response["parts"] = parts.into();
    }
    json!({ "functionResponse": response })
}

fn converse(result: &ToolResult) -> Value {
    let ToolResult { id, content, outcome, .. } = result;
    let mut parts = vec![json!({ "text": in_words(content) })];
    let media = with_media(result, |(_, form), data, name| {
        let source = json!({ "bytes": data });
        Some(match form {
            Form::Picture(format) => json!({ "image": { "format": format, "source": source } }),
            Form::Pdf => {
                json!({ "document": { "format": "pdf", "name": name, "source": source } })
            }
        })
    });
    parts.extend(media.into_iter().flatten());
    let status = if outcome.is_error() { "error" } else { "success" };
    json!({ "toolResult": { "toolUseId": id, "content": parts, "status": status } })
}

/// A text that is not blank: these providers refuse a whole conversation for one that is.
fn in_words(content: &str) -> &str {
    if content.trim().is_empty() { "(empty)" } else { content }
}

/// What providers take in results.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Of this format.
    Picture(&'static str),
    Pdf,
}

/// The types that these providers take, with the media that the model may read.
const FORMS: [(&str, Form); 5] = [
    ("image/png", Form::Picture("png")),
    ("image/jpeg", Form::Picture("jpeg")),
    ("image/webp", Form::Picture("webp")),
    // Not of Gemini.
    ("image/gif", Form::Picture("gif")),
    ("application/pdf", Form::Pdf),
];

/// Writes the media that providers take, by their type, their Base64, and a name that no other one of the
/// conversation has. `None` without any.
fn with_media(
    result: &ToolResult,
    write: impl Fn((&str, Form), &str, &str) -> Option<Value>,
) -> Option<Vec<Value>> {
    let known = |media: &Media| {
        let kind = media.mime_type.as_deref()?.split(';').next()?.trim();
        FORMS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(kind))
    };
    // Bedrock takes no other characters in names.
    let id: String =
        result.id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let written = result.media.iter().zip(1..).filter_map(|(media, place)| {
        write(known(media)?, media.base64.as_deref()?, &format!("{id}-{place}"))
    });
    let written: Vec<_> = written.collect();
    (!written.is_empty()).then_some(written)
}
