//! Reading configuration from JSON, with errors that say where.

use serde::de::DeserializeOwned;
use thiserror::Error;

/// A text that is not the configuration it should be.
///
/// The message names the path to the offending place and what is wrong with it.
///
/// ```
/// use runtime_policy::PolicyEngine;
///
/// let rules = r#"[{"name": "late", "condition": {"and": [{"timed_out": -1}]}, "actions": []}]"#;
/// let error = PolicyEngine::from_json(rules).unwrap_err();
/// assert_eq!(error.path, "[0].condition.and[0].timed_out");
/// assert!(error.to_string().contains("-1 is negative"));
/// ```
#[derive(Debug, Error)]
#[error("{}{source}", prefix(path))]
#[non_exhaustive]
pub struct ConfigParseError {
    /// Where, as in `rules[0].condition.and[1]`; empty if it is the text as a whole.
    pub path: String,
    source: serde_json::Error,
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}: ") }
}

/// Reads all of `json`, keeping track of where it is.
pub(crate) fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, ConfigParseError> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        // The tracker writes the root as a lone dot.
        let path =
            if error.path().iter().len() == 0 { String::new() } else { error.path().to_string() };
        ConfigParseError { path, source: error.into_inner() }
    })?;
    reader.end().map_err(|source| ConfigParseError { path: String::new(), source })?;
    Ok(value)
}
