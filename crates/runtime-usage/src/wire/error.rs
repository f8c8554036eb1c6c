//! [`ReportedUsageError`]: usage that cannot be read.

use serde_json::Value;
use thiserror::Error;

/// The error for reported usage that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("reported usage: `{field}` is {value}, {kind}")]
#[non_exhaustive]
pub struct ReportedUsageError {
    /// The provider's name of the field. The whole JSON is `.`.
    pub field: String,
    /// The value, cut off after about eighty characters.
    pub value: String,
    /// What is wrong with it.
    pub kind: ReportedUsageErrorKind,
}

/// What is wrong with a field of reported usage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportedUsageErrorKind {
    /// It is negative, fractional, too large, or not a number.
    #[error("not a whole number of tokens")]
    NotACount,
    /// It is negative, too large, or not a number.
    #[error("not an amount of US dollars")]
    NotACost,
    /// It is not a JSON object.
    #[error("not an object")]
    NotAnObject,
    /// It is not a JSON array.
    #[error("not an array")]
    NotAList,
}

impl ReportedUsageError {
    pub(crate) fn about(field: &str, value: &Value, kind: ReportedUsageErrorKind) -> Self {
        const LONGEST: usize = 80;
        let mut value = value.to_string();
        if value.chars().nth(LONGEST).is_some() {
            value = value.chars().take(LONGEST - 1).chain(['…']).collect();
        }
        Self { field: field.to_owned(), value, kind }
    }
}
