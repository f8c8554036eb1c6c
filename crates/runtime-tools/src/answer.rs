//! A typed answer: from the text of a reply to the type that was asked for.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// The error for an answer that is not of the type that was asked for. Its text is for the model.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the answer is not the JSON that was asked for: {problem}")]
#[non_exhaustive]
pub struct InvalidAnswerError {
    /// The answer, as the model wrote it.
    pub answer: String,
    /// The problem, with the path to the value.
    pub problem: String,
}

/// The answer as its type. Models like to put JSON into a code block of Markdown.
pub(crate) fn typed<A: DeserializeOwned>(text: String) -> Result<A, InvalidAnswerError> {
    let json = &mut serde_json::Deserializer::from_str(unfenced(&text));
    let read = serde_path_to_error::deserialize(&mut *json).map_err(|error| error.to_string());
    let whole = read.and_then(|answer| match json.end() {
        Ok(()) => Ok(answer),
        Err(error) => Err(error.to_string()),
    });
    whole.map_err(|problem| InvalidAnswerError { answer: text, problem })
}

/// The text inside a code block, if the text is one.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    // The first line is the language.
    inside.and_then(|inside| inside.split_once('\n')).map_or(text, |(_, inside)| inside)
}
