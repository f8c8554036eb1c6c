//! The result of a call: what of it a model can read.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;
use thiserror::Error;

/// The error for a tool that failed on its server. Its text is what the server says.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct McpToolError {
    /// The text of the server.
    pub message: String,
}

/// The texts of a result, or its structured content if it has no text. What is neither is named, since
/// the result of a tool is a text for the model.
pub(crate) fn read(result: CallToolResult) -> Result<Value, McpToolError> {
    let CallToolResult { content, structured_content, is_error, .. } = result;
    let texts = content.into_iter().map(text).collect::<Vec<_>>().join("\n");
    if is_error == Some(true) {
        let told = structured_content.as_ref().map(Value::to_string);
        let told = told.unwrap_or_else(|| "the tool failed".to_owned());
        return Err(McpToolError { message: if texts.is_empty() { told } else { texts } });
    }
    match structured_content {
        Some(structured) if texts.is_empty() => Ok(structured),
        _ => Ok(Value::String(texts)),
    }
}

fn text(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => format!("[an image: {}]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[audio: {}]", audio.mime_type),
        ContentBlock::Resource(embedded) => match embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text,
            ResourceContents::BlobResourceContents { uri, .. } => format!("[a file: {uri}]"),
            _ => "[a resource]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[a resource: {}]", link.uri),
        _ => "[content of an unknown kind]".to_owned(),
    }
}
