//! [`ReportedUsageError`]: usage that cannot be as it is reported.

use serde_json::Value;
use thiserror::Error;

/// Usage that cannot be as it is reported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("reported usage: `{field}` is {value}, {kind}")]
#[non_exhaustive]
pub struct ReportedUsageError {
    /// The field it is about, by the provider's own name; several of them are joined by ` + `.
    /// `.` is the whole JSON.
    pub field: String,
    /// What was found, at most some eighty characters of it.
    pub value: String,
    /// What is wrong with it.
    pub kind: ReportedUsageErrorKind,
}

/// What is wrong with reported usage.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReportedUsageErrorKind {
    /// Negative, fractional, too large, or no number at all.
    #[error("which is not a whole number from zero up")]
    NotACount,
    /// Negative, too large, or no number at all.
    #[error("which is not an amount of US dollars")]
    NotACost,
    /// There must be an object with fields.
    #[error("which is not an object")]
    NotAnObject,
    /// There must be a list.
    #[error("which is not a list")]
    NotAList,
    /// A part that is more than the whole it belongs to.
    #[error("more than `{field}`, which is {value}")]
    MoreThan {
        /// The whole.
        field: String,
        /// Its value.
        value: u64,
    },
    /// A total that is not what the counts add up to.
    #[error("but `{fields}` is {values}")]
    NotTheSum {
        /// The counts.
        fields: String,
        /// Their values.
        values: String,
    },
}

impl ReportedUsageError {
    pub(crate) fn about(field: &str, value: &Value, kind: ReportedUsageErrorKind) -> Self {
        const LONGEST: usize = 80;
        let mut value = value.to_string();
        if value.chars().nth(LONGEST).is_some() {
            value = value.chars().take(LONGEST - 1).chain(['…']).collect();
        }
        Self::new(field, value, kind)
    }

    pub(crate) fn new(
        field: impl Into<String>,
        value: impl Into<String>,
        kind: ReportedUsageErrorKind,
    ) -> Self {
        Self { field: field.into(), value: value.into(), kind }
    }
}
