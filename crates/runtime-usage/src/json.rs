//! Reads JSON so that an error says where it occurred.

use serde::Deserialize;

/// Reads `json`. An error has the path of the value that is wrong. The path of the whole text is `.`.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    json: &'a str,
) -> Result<T, (String, serde_json::Error)> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| (error.path().to_string(), error.into_inner()))?;
    reader.end().map_err(|error| (".".to_owned(), error))?;
    Ok(value)
}
