//! [`PreCheck`] and [`PostCheck`]: the content that a guardrail checks.

use std::fmt;

use serde_json::Value;

/// The tool or turn that is checked. It displays as `tool 'search'` or `turn on model 'gpt-5'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuardrailSubject<'a> {
    /// A call of the tool with this name.
    Tool(&'a str),
    /// A model turn.
    Turn {
        /// The name of the model.
        model: &'a str,
    },
}

impl fmt::Display for GuardrailSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(tool) => write!(f, "tool '{tool}'"),
            Self::Turn { model } => write!(f, "turn on model '{model}'"),
        }
    }
}

/// A check before a tool or turn runs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PreCheck<'a> {
    /// The role that runs it.
    pub role: &'a str,
    /// The tool or turn.
    pub subject: GuardrailSubject<'a>,
    /// The arguments, or `null` if there are none.
    pub arguments: &'a Value,
}

impl<'a> PreCheck<'a> {
    /// Creates a check of arguments.
    pub const fn new(role: &'a str, subject: GuardrailSubject<'a>, arguments: &'a Value) -> Self {
        Self { role, subject, arguments }
    }
}

/// A check after a tool or turn has returned.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PostCheck<'a> {
    /// The role that ran it.
    pub role: &'a str,
    /// The tool or turn.
    pub subject: GuardrailSubject<'a>,
    /// The arguments, or `null` if there were none.
    pub arguments: &'a Value,
    /// The result, as JSON.
    pub result: &'a Value,
}

impl<'a> PostCheck<'a> {
    /// Creates a check of a result.
    pub const fn new(
        role: &'a str,
        subject: GuardrailSubject<'a>,
        arguments: &'a Value,
        result: &'a Value,
    ) -> Self {
        Self { role, subject, arguments, result }
    }
}
