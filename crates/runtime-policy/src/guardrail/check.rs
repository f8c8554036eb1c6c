//! What a guardrail is shown.

use std::fmt;

use serde_json::Value;

/// What is being checked. Displayed as `tool 'search'` or `turn on model 'gpt-5'`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuardrailSubject<'a> {
    /// A call of the tool of this name.
    Tool(&'a str),
    /// A model turn.
    Turn {
        /// The model's name.
        model: &'a str,
    },
}

impl<'a> GuardrailSubject<'a> {
    /// The tool's name, if it is a tool.
    pub const fn tool(self) -> Option<&'a str> {
        match self {
            Self::Tool(tool) => Some(tool),
            Self::Turn { .. } => None,
        }
    }

    /// The model's name, if it is a turn.
    pub const fn model(self) -> Option<&'a str> {
        match self {
            Self::Tool(_) => None,
            Self::Turn { model } => Some(model),
        }
    }
}

impl fmt::Display for GuardrailSubject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tool(tool) => write!(f, "tool '{tool}'"),
            Self::Turn { model } => write!(f, "turn on model '{model}'"),
        }
    }
}

/// What is known before a tool or turn runs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PreCheck<'a> {
    /// The role that asks.
    pub role: &'a str,
    /// What it asks for.
    pub subject: GuardrailSubject<'a>,
    /// The arguments; `null` if there are none.
    pub arguments: &'a Value,
}

impl<'a> PreCheck<'a> {
    /// A check of `arguments`, given to `subject` by `role`.
    pub const fn new(role: &'a str, subject: GuardrailSubject<'a>, arguments: &'a Value) -> Self {
        Self { role, subject, arguments }
    }
}

/// What is known after a tool or turn has returned.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PostCheck<'a> {
    /// The role that asked.
    pub role: &'a str,
    /// What it asked for.
    pub subject: GuardrailSubject<'a>,
    /// The arguments it was given; `null` if there were none.
    pub arguments: &'a Value,
    /// What came back, as JSON.
    pub result: &'a Value,
}

impl<'a> PostCheck<'a> {
    /// A check of `result`, which `subject` returned to `role` for `arguments`.
    pub const fn new(
        role: &'a str,
        subject: GuardrailSubject<'a>,
        arguments: &'a Value,
        result: &'a Value,
    ) -> Self {
        Self { role, subject, arguments, result }
    }
}
