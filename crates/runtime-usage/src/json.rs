//! Reads JSON so that an error says where it occurred.

use serde::Deserialize;

/// Reads `json`. An error names the path of the value that is wrong.
pub(crate) fn read<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, Misread> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| Misread { at: error.path().to_string(), source: error.into_inner() })?;
    reader.end().map_err(|source| Misread { at: ROOT.to_owned(), source })?;
    Ok(value)
}

/// The path of the whole text.
const ROOT: &str = ".";

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(crate) struct Misread {
    pub(crate) at: String,
    pub(crate) source: serde_json::Error,
}
