//! [`ToolOutput`]: what a tool returns that is more than a text.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

/// What a tool returns that is more than a text: pictures, sounds, files, links, and a value for your program.
///
/// A tool that returns one gives each part to who can use it: the text to every model, the media to models whose
/// [`Dialect`](crate::Dialect) takes them in results, and all of it to your program, in the
/// [`ToolResult`](crate::ToolResult).
///
/// ```
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async {
/// use runtime_orchestrator::{BoxError, Orchestrator};
/// use runtime_tools::{Dialect, Media, Tool, ToolOutput, ToolRunner, ToolUse, Toolbox};
/// use serde_json::json;
///
/// let plot = Tool::new("plot", "Draws the numbers of the week.", async |(): ()| {
///     let picture = Media::base64("image/png", "iVBORw0KGgo=");
///     Ok::<_, BoxError>(ToolOutput::text("the plot of seven days").media(picture))
/// });
/// let toolbox = Toolbox::new().with(plot)?;
/// let session = Orchestrator::new("writer", "draft").session()?;
///
/// let uses = vec![ToolUse::new("1", "plot", json!({}))];
/// let results = ToolRunner::new(&session, &toolbox).run(uses).await?;
/// assert_eq!(results[0].content, "the plot of seven days");
/// assert_eq!(results[0].media.len(), 1);
/// let messages = Dialect::Anthropic.results(&results);
/// assert_eq!(messages[0]["content"][0]["content"][1]["source"]["media_type"], "image/png");
/// # Ok::<_, BoxError>(()) }).unwrap();
/// ```
///
/// Guardrails, [captures](runtime_orchestrator::Capture) and the journal of a durable session have all of it, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ToolOutput {
    pub(crate) text: String,
    pub(crate) structured: Option<Value>,
    pub(crate) media: Vec<Media>,
}

/// A picture, a sound or a file beside the text of a result, or a link to one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Media {
    /// What it is, such as `image/png`. `None` if nobody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    /// Its bytes in Base64, as MCP and the providers write them. `None` of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// The only field of an output that is more than a text, as JSON: guardrails and journals see it.
const FIELD: &str = "$tool_output";

#[derive(Serialize, Deserialize)]
struct Parts<T, V, M> {
    text: T,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none")]
    structured: Option<V>,
    media: M,
}

impl ToolOutput {
    /// An output of this text, which every model gets.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// Sets the value for your program: [`ToolResult::structured`](crate::ToolResult::structured). No model gets it.
    pub fn structured(self, value: impl Into<Value>) -> Self {
        Self { structured: Some(value.into()), ..self }
    }

    /// Adds a picture, a sound, a file or a link.
    pub fn media(mut self, media: Media) -> Self {
        self.media.push(media);
        self
    }

    /// What a call returned.
    pub(crate) fn read(value: Value) -> Self {
        match value {
            Value::String(text) => Self::text(text),
            Value::Object(mut fields) if fields.len() == 1 && fields.contains_key(FIELD) => {
                let inside = fields.remove(FIELD).unwrap_or_default();
                match Parts::<String, Value, Vec<Media>>::deserialize(&inside) {
                    Ok(Parts { text, structured, media }) => Self { text, structured, media },
                    // Of somebody else.
                    Err(_) => Self::of_value(Value::from_iter([(FIELD, inside)])),
                }
            }
            value => Self::of_value(value),
        }
    }

    fn of_value(value: Value) -> Self {
        Self { text: value.to_string(), structured: Some(value), media: Vec::new() }
    }
}

/// A text alone is a text in JSON as well.
impl Serialize for ToolOutput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { text, structured, media } = self;
        if structured.is_none() && media.is_empty() {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(FIELD, &Parts { text, structured: structured.as_ref(), media })?;
        map.end()
    }
}

impl Media {
    /// Something of this type, by its bytes in Base64.
    pub fn base64(mime_type: impl Into<String>, base64: impl Into<String>) -> Self {
        Self { mime_type: Some(mime_type.into()), base64: Some(base64.into()), uri: None }
    }

    /// Something that is elsewhere. No provider loads it; your program may.
    pub fn link(uri: impl Into<String>) -> Self {
        Self { mime_type: None, base64: None, uri: Some(uri.into()) }
    }
}

/// With the length of the bytes in their place.
impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("mime_type", &self.mime_type)
            .field("base64", &self.base64.as_ref().map(String::len))
            .field("uri", &self.uri)
            .finish()
    }
}
