//! The words for what a failure is: its kind, the phase of a timeout, what to cool down, how far
//! the request came.

use std::fmt;

use runtime_events::{FailureScenario, wire_names};

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// Too many requests or tokens in too short a time. It passes by itself.
    RateLimit,
    /// What may be spent or used is used up. Waiting a little does not help.
    Quota,
    /// The provider, or the model there, is busy with everybody's requests.
    Overload,
    /// The provider failed.
    Server,
    /// It took too long.
    Timeout(TimeoutPhase),
    /// The provider was not reached, or the connection broke.
    Network,
    /// The key is not accepted, or may not do this.
    Auth,
    /// The request is larger than the model or the provider takes.
    ContextLength,
    /// The request or the answer was blocked for what it says.
    ContentPolicy,
    /// The request is not accepted as it is.
    Request,
    /// What was received or stored could not be read.
    Malformed,
    /// A tool failed.
    Tool,
    /// The work was cancelled.
    Cancelled,
    /// Something failed on this side, or was refused before it was sent.
    Local,
    /// Nothing tells.
    Unknown,
}

wire_names! {
    /// What was waited for when the time was over.
    #[non_exhaustive]
    pub enum TimeoutPhase: "timeout phase" {
        /// A connection.
        Connect = "connect",
        /// The first token of an answer.
        FirstToken = "first_token",
        /// The next token of an answer.
        Idle = "idle",
        /// The whole answer.
        Attempt = "attempt",
        /// All attempts together. Nobody's failure: the time was the caller's.
        Total = "total",
        /// The provider itself waited, and said so.
        Provider = "provider",
        /// Nothing tells.
        Unknown = "unknown",
    }
}

wire_names! {
    /// What should rest after a failure, from the smallest to the largest.
    #[non_exhaustive]
    pub enum FaultScope: "scope" {
        /// Nothing beyond the call itself.
        Call = "call",
        /// The model, as this key sees it.
        Model = "model",
        /// The key, with all models.
        Key = "key",
        /// The provider, with all keys.
        Provider = "provider",
    }
}

wire_names! {
    /// How far the request came, from the least to the most that there may be to pay for.
    #[non_exhaustive]
    pub enum Reach: "reach" {
        /// The provider never had it: no connection, or refused on this side.
        NotSent = "not_sent",
        /// The provider had it and did not begin to work on it. Nothing is billed.
        Refused = "refused",
        /// The provider may have worked on it. Some of it may be billed, or all.
        Unknown = "unknown",
    }
}

impl FaultKind {
    /// The name of the kind; the phase of a timeout is not in it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::Quota => "quota",
            Self::Overload => "overload",
            Self::Server => "server",
            Self::Timeout(_) => "timeout",
            Self::Network => "network",
            Self::Auth => "auth",
            Self::ContextLength => "context_length",
            Self::ContentPolicy => "content_policy",
            Self::Request => "request",
            Self::Malformed => "malformed",
            Self::Tool => "tool",
            Self::Cancelled => "cancelled",
            Self::Local => "local",
            Self::Unknown => "unknown",
        }
    }

    /// Whether another attempt at the same place can end otherwise, whatever anybody asks for.
    ///
    /// What is false here is false for every [`Fault`](super::Fault): neither a row nor
    /// `x-should-retry: true` makes a fault of such a kind be retried.
    pub const fn may_pass(self) -> bool {
        !matches!(
            self,
            Self::Quota
                | Self::Auth
                | Self::ContextLength
                | Self::ContentPolicy
                | Self::Cancelled
                | Self::Local
        )
    }

    /// The scenario that recovery starts from, if nothing more is known than the kind.
    ///
    /// No scenario is made for a cancelled call or for a local failure. They are `llm_error`, as is
    /// all that has no other; nothing is to be retried.
    pub const fn scenario(self) -> FailureScenario {
        match self {
            Self::Timeout(_) => FailureScenario::LlmTimeout,
            Self::ContextLength => FailureScenario::ContextOverflow,
            Self::Malformed => FailureScenario::MemoryCorruption,
            Self::Tool => FailureScenario::ToolExecutionError,
            Self::Quota | Self::Overload | Self::Network | Self::Auth => {
                FailureScenario::ProviderFailure
            }
            Self::RateLimit
            | Self::Server
            | Self::ContentPolicy
            | Self::Request
            | Self::Cancelled
            | Self::Local
            | Self::Unknown => FailureScenario::LlmError,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Timeout(phase) => write!(f, " ({})", phase.as_str()),
            _ => Ok(()),
        }
    }
}
