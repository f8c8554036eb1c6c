//! The kinds of failures, the phases of timeouts, what rests, and how far a request came.

use std::fmt;

use runtime_events::{FailureScenario, wire_names};

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// Too many requests or tokens in too short a time. Passes by itself.
    RateLimit,
    /// A quota is used up. Waiting a little does not help.
    Quota,
    /// The provider or the model is too busy, with everybody's requests.
    Overload,
    /// The provider failed.
    Server,
    /// The call took too long.
    Timeout(TimeoutPhase),
    /// The provider was not reached, or the connection broke.
    Network,
    /// The key is not accepted, or not allowed to do this.
    Auth,
    /// The request is larger than the model or the provider accepts.
    ContextLength,
    /// The request or the answer was blocked for its content.
    ContentPolicy,
    /// The request is invalid.
    Request,
    /// Received or stored data could not be read.
    Malformed,
    /// A tool failed.
    Tool,
    /// The work was cancelled.
    Cancelled,
    /// The failure was on this side, or the call was refused before it was sent.
    Local,
    /// The kind is not known.
    Unknown,
}

wire_names! {
    /// The part of a call that a timeout ended.
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
        /// The end of all attempts together. This is nobody's failure: the caller set the time.
        Total = "total",
        /// The provider reported a timeout of its own.
        Provider = "provider",
        /// It is not known.
        Unknown = "unknown",
    }
}

wire_names! {
    /// What should rest after a failure, from the smallest to the largest.
    #[non_exhaustive]
    pub enum FaultScope: "scope" {
        /// Nothing beyond the call itself.
        Call = "call",
        /// The model, with this key.
        Model = "model",
        /// The key, for all models.
        Key = "key",
        /// The provider, for all keys.
        Provider = "provider",
    }
}

wire_names! {
    /// How far a request came, from the least to the most that may be billed.
    #[non_exhaustive]
    pub enum Reach: "reach" {
        /// The provider did not receive it: there was no connection, or it was refused on this side.
        NotSent = "not_sent",
        /// The provider received it and refused to work on it. Nothing is billed.
        Refused = "refused",
        /// The provider answered with an error of its own, before any token. That has no usage to bill; only
        /// a strict budget keeps what was reserved for it.
        Failed = "failed",
        /// The provider may have worked on it. Any part may be billed.
        Unknown = "unknown",
    }
}

impl FaultKind {
    /// Every kind, of timeouts the one whose phase is not known.
    pub const ALL: [Self; 15] = [
        Self::RateLimit,
        Self::Quota,
        Self::Overload,
        Self::Server,
        Self::Timeout(TimeoutPhase::Unknown),
        Self::Network,
        Self::Auth,
        Self::ContextLength,
        Self::ContentPolicy,
        Self::Request,
        Self::Malformed,
        Self::Tool,
        Self::Cancelled,
        Self::Local,
        Self::Unknown,
    ];

    /// The name of the kind, without the phase of a timeout.
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

    /// Whether a failure of this kind may pass without a change of place or request.
    ///
    /// If not, no [`Fault`](super::Fault) of this kind is retried at the same place, whatever a row or
    /// `x-should-retry: true` says. Only a refusal on this side that says when it ends is waited for, such as
    /// that of an open breaker.
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

    /// The usual scenario of this kind.
    ///
    /// A cancelled call and a local failure have no scenario of their own: they are `llm_error`, as
    /// everything without one, and are not retried.
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
