//! The same question asked through five clients, each with at most five lines that speak of us.

pub mod genai_chat;
pub mod openai;
pub mod plain_reqwest;
pub mod provider;
pub mod rig_agent;

/// The question.
pub const QUESTION: &str = "Say hello";

pub type Result<T> = std::result::Result<T, techrevati_runtime::BoxError>;
