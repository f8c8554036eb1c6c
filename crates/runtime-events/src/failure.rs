//! How agents fail: the class an event carries and the scenario recovery works from.

use crate::wire_names;

wire_names! {
    /// The failure taxonomy of events.
    #[non_exhaustive]
    pub enum AgentFailureClass: "failure class" {
        /// The model did not answer in time.
        LlmTimeout = "llm_timeout",
        /// The model's provider answered with an error.
        LlmError = "llm_error",
        /// A tool failed.
        ToolError = "tool_error",
        /// The prompt did not fit the model's context.
        ContextOverflow = "context_overflow",
        /// The provider asked for fewer requests.
        RateLimit = "rate_limit",
        /// Something the agent depends on failed.
        DependencyFailed = "dependency_failed",
        /// Stored or received data could not be read.
        MemoryCorruption = "memory_corruption",
        /// An output did not have the required form.
        ValidationError = "validation_error",
        /// The provider refused the prompt.
        PromptRejection = "prompt_rejection",
        /// Nothing more is known.
        Unknown = "unknown",
        /// A rule of the organisation was broken.
        GovernanceBreach = "governance_breach",
        /// The role may not use the tool.
        PermissionDenied = "permission_denied",
        /// A guardrail objected to an input or an output.
        GuardrailViolation = "guardrail_violation",
        /// The work was cancelled.
        Cancelled = "cancelled",
    }
}

wire_names! {
    /// A kind of failure that has a recovery recipe.
    #[non_exhaustive]
    pub enum FailureScenario: "failure scenario" {
        /// The model did not answer in time.
        LlmTimeout = "llm_timeout",
        /// The model's provider answered with an error.
        LlmError = "llm_error",
        /// A tool failed.
        ToolExecutionError = "tool_execution_error",
        /// The prompt did not fit the model's context.
        ContextOverflow = "context_overflow",
        /// Something downstream did not answer in time.
        DependencyTimeout = "dependency_timeout",
        /// Stored or received data could not be read.
        MemoryCorruption = "memory_corruption",
        /// The provider cannot be reached or refuses the caller.
        ProviderFailure = "provider_failure",
    }
}

impl FailureScenario {
    /// The class under which events report this scenario.
    ///
    /// ```
    /// use runtime_events::{AgentFailureClass, FailureScenario};
    ///
    /// let class = FailureScenario::ProviderFailure.failure_class();
    /// assert_eq!(class, AgentFailureClass::DependencyFailed);
    /// ```
    pub const fn failure_class(self) -> AgentFailureClass {
        match self {
            Self::LlmTimeout => AgentFailureClass::LlmTimeout,
            Self::LlmError => AgentFailureClass::LlmError,
            Self::ToolExecutionError => AgentFailureClass::ToolError,
            Self::ContextOverflow => AgentFailureClass::ContextOverflow,
            Self::DependencyTimeout | Self::ProviderFailure => AgentFailureClass::DependencyFailed,
            Self::MemoryCorruption => AgentFailureClass::MemoryCorruption,
        }
    }
}
