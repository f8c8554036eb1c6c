//! Reads configuration from JSON. Errors name the path of the value that is wrong.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// The error for a configuration that is not valid. It names the path of the value and what is wrong
/// with it.
///
/// ```
/// use runtime_policy::PolicyEngine;
///
/// let rules = r#"[{"name": "late", "condition": {"and": [{"timed_out": -1}]}, "actions": []}]"#;
/// let error = PolicyEngine::from_json(rules).unwrap_err();
/// assert_eq!(error.path, "[0].condition.and[0].timed_out");
/// assert!(error.to_string().contains("`-1`: must not be negative"));
/// ```
#[derive(Debug, Error)]
#[error("{}{error}", prefix(path))]
#[non_exhaustive]
pub struct ConfigParseError {
    /// The path, such as `rules[0].condition.and[1]`. Empty for the whole text.
    pub path: String,
    error: serde_json::Error,
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Reads all of `json` and tracks the path.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, ConfigParseError> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // The tracker writes the root as a dot.
        let path =
            if error.path().iter().len() == 0 { String::new() } else { error.path().to_string() };
        ConfigParseError { path, error: error.into_inner() }
    })?;
    reader.end().map_err(|error| ConfigParseError { path: String::new(), error })?;
    Ok(value)
}
