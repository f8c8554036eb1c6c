//! The result of a call: what of it a model can read.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use runtime_orchestrator::BoxError;
use runtime_tools::{Media, ToolOutput};
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

/// What a call returned, as the model and the program get it.
pub(crate) fn read(result: CallToolResult, whole: bool) -> Result<Value, BoxError> {
    let CallToolResult { content, structured_content, is_error, .. } = result;
    let media: Vec<_> = if whole { content.iter().filter_map(media).collect() } else { Vec::new() };
    let texts = content.into_iter().map(text).collect::<Vec<_>>().join("\n");
    if is_error == Some(true) {
        let told = structured_content.as_ref().map(Value::to_string);
        let told = told.unwrap_or_else(|| "the tool failed".to_owned());
        let message = if texts.is_empty() { told } else { texts };
        return Err(McpToolError { message }.into());
    }
    match structured_content {
        // It is the text as well.
        Some(structured) if texts.is_empty() => Ok(structured),
        structured => {
            let output = media.into_iter().fold(ToolOutput::text(texts), ToolOutput::media);
            let structured = structured.filter(|_| whole);
            let output = structured.into_iter().fold(output, ToolOutput::structured);
            Ok(serde_json::to_value(output)?)
        }
    }
}

/// What a model reads of a block. What is no text is named.
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

/// What a block has beside its text.
fn media(block: &ContentBlock) -> Option<Media> {
    let at = |uri: &str, kind: &Option<String>| {
        let mut media = Media::link(uri);
        media.mime_type.clone_from(kind);
        media
    };
    match block {
        ContentBlock::Image(image) => Some(Media::base64(&image.mime_type, &image.data)),
        ContentBlock::Audio(audio) => Some(Media::base64(&audio.mime_type, &audio.data)),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            // Its text is in the text.
            ResourceContents::TextResourceContents { uri, mime_type, .. } => {
                Some(at(uri, mime_type))
            }
            ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
                let mut file = at(uri, mime_type);
                file.base64 = Some(blob.clone());
                Some(file)
            }
            _ => None,
        },
        ContentBlock::ResourceLink(link) => Some(at(&link.uri, &link.mime_type)),
        _ => None,
    }
}
