//! A typed answer: from the text of a reply to the type that was asked for.

mod wrapped;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
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

/// The answer as its type.
///
/// Models wrap it: in thoughts, in words, in blocks of Markdown. The JSON itself is not mended, and it has to be clear
/// which one is the answer.
pub(crate) fn typed<A: DeserializeOwned>(text: String) -> Result<A, InvalidAnswerError> {
    let answer = wrapped::unthought(&text);
    let read = read(answer)
        .or_else(|problem| if is_json(answer) { Err(problem) } else { unwrapped(answer, problem) });
    read.map_err(|problem| InvalidAnswerError { answer: text, problem })
}

/// The only JSON in a text that fits.
fn unwrapped<A: DeserializeOwned>(text: &str, mut problem: String) -> Result<A, String> {
    let mut found: Option<(A, &str)> = None;
    for json in wrapped::all(text) {
        match read(json) {
            Ok(answer) => match found {
                Some((_, first)) if !is_same(first, json) => {
                    return Err(
                        "the text has several that fit; write one, and nothing else".to_owned()
                    );
                }
                _ => found = Some((answer, json)),
            },
            Err(why) => problem = why,
        }
    }
    found.map(|(answer, _)| answer).ok_or(problem)
}

fn read<A: DeserializeOwned>(text: &str) -> Result<A, String> {
    let json = &mut serde_json::Deserializer::from_str(text);
    let answer = serde_path_to_error::deserialize(&mut *json).map_err(|error| error.to_string())?;
    json.end().map(|()| answer).map_err(|error| error.to_string())
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn is_same(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(|json| serde_json::from_str::<Value>(json).ok());
    one == other
}
