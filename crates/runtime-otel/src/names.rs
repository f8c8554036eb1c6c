//! Every name that leaves this crate, in one place.
//!
//! `gen_ai.*` and `error.type` are the conventions'; whatever they have no name for is under
//! `techrevati.*`. (The constants of `opentelemetry-semantic-conventions` are no help: all of its
//! `GEN_AI_*` are deprecated since the conventions moved.)

/// The name of the instrumentation scope.
pub const SCOPE: &str = "runtime-otel";

/// Keys of attributes that the conventions define.
pub mod gen_ai {
    /// The operation of a span: one of [`op`](super::op).
    pub const OPERATION: &str = "gen_ai.operation.name";
    /// The maker of the model, or the service that runs it.
    pub const PROVIDER: &str = "gen_ai.provider.name";
    /// The model that was asked.
    pub const REQUEST_MODEL: &str = "gen_ai.request.model";
    /// The model that answered.
    pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
    /// Why the answer ended, for each of its choices.
    pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
    /// The agent: our role.
    pub const AGENT_NAME: &str = "gen_ai.agent.name";
    /// The workflow, in the released conventions.
    pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
    /// The caller's conversation.
    pub const CONVERSATION: &str = "gen_ai.conversation.id";
    /// The tool.
    pub const TOOL_NAME: &str = "gen_ai.tool.name";
    /// The kind of tool: always [`FUNCTION`].
    pub const TOOL_TYPE: &str = "gen_ai.tool.type";
    /// The model's own id for the call of a tool.
    pub const TOOL_CALL: &str = "gen_ai.tool.call.id";
    /// All input, from caches or not.
    pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
    /// All output, reasoning included.
    pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
    /// Input that was read from a cache.
    pub const CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
    /// Input that was written to a cache, in the released conventions.
    pub const CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
    /// Input that was written to a cache, in the new repository.
    pub const CACHE_WRITE: &str = "gen_ai.usage.cache_write.input_tokens";
    /// Output that was reasoning.
    pub const REASONING: &str = "gen_ai.usage.reasoning.output_tokens";
    /// On metrics of the released conventions: `input` or `output`.
    pub const TOKEN_TYPE: &str = "gen_ai.token.type";
    /// On counters of the new repository: `audio`, or `unknown`.
    pub const TOKEN_MODALITY: &str = "gen_ai.token.modality";
    /// The type of a tool that the caller's own code runs.
    pub const FUNCTION: &str = "function";
}

/// Keys of captured contents, which the conventions leave to an opt-in.
pub mod content {
    /// The messages that a model was given, as JSON.
    pub const INPUT: &str = "gen_ai.input.messages";
    /// The messages that it gave, as JSON.
    pub const OUTPUT: &str = "gen_ai.output.messages";
    /// Instructions that were given apart from the messages, as JSON.
    pub const SYSTEM: &str = "gen_ai.system_instructions";
    /// The arguments of a tool, as JSON.
    pub const ARGUMENTS: &str = "gen_ai.tool.call.arguments";
    /// The result of a tool: a text, or JSON.
    pub const RESULT: &str = "gen_ai.tool.call.result";
}

/// The event of an error, as all of OpenTelemetry has it.
pub mod exception {
    /// The event.
    pub const EVENT: &str = "exception";
    /// What `error.type` says.
    pub const TYPE: &str = "exception.type";
    /// The error's text.
    pub const MESSAGE: &str = "exception.message";
}

/// Keys that viewers read, and the conventions for generative AI have no name for.
pub mod viewer {
    /// The user that a span is for.
    pub const USER: &str = "user.id";
    /// What viewers group traces by.
    pub const SESSION: &str = "session.id";
    /// The cost of a call in US dollars, for Langfuse.
    pub const LANGFUSE_COST: &str = "gen_ai.usage.cost";
    /// The same as JSON, for `MLflow`.
    pub const MLFLOW_COST: &str = "mlflow.llm.cost";
    /// The same in the `OpenInference` conventions.
    pub const OPEN_INFERENCE_COST: &str = "llm.cost.total";
    /// What a span was given, in the `OpenInference` conventions: what lists of spans show.
    pub const INPUT: &str = "input.value";
    /// What kind of text that is: [`TEXT`] or [`JSON`].
    pub const INPUT_TYPE: &str = "input.mime_type";
    /// What came of it.
    pub const OUTPUT: &str = "output.value";
    /// As above.
    pub const OUTPUT_TYPE: &str = "output.mime_type";
    /// A text.
    pub const TEXT: &str = "text/plain";
    /// JSON.
    pub const JSON: &str = "application/json";
}

/// The values of `gen_ai.operation.name` that are used.
pub mod op {
    /// A session.
    pub const INVOKE_AGENT: &str = "invoke_agent";
    /// The workflow around a session that names one.
    pub const INVOKE_WORKFLOW: &str = "invoke_workflow";
    /// A turn.
    pub const CHAT: &str = "chat";
    /// A tool.
    pub const EXECUTE_TOOL: &str = "execute_tool";
}

/// How a span failed: a failure class, or one of these.
pub mod error {
    /// The key.
    pub const TYPE: &str = "error.type";
    /// No event says how it ended: the process died, or its end was lost.
    pub const ABANDONED: &str = "abandoned";
    /// It took longer than it was given.
    pub const TIMEOUT: &str = "timeout";
    /// The caller's code panicked.
    pub const PANIC: &str = "panic";
    /// It failed, and nothing more is known.
    pub const OTHER: &str = "_OTHER";
}

/// Our own attributes, and the name of our own span.
pub mod own {
    /// The beginning of every one of them.
    pub const PREFIX: &str = "techrevati.";
    /// The span of one attempt of a recovering turn.
    pub const ATTEMPT: &str = "attempt";
    /// The session.
    pub const SESSION: &str = "techrevati.session.id";
    /// The phase that the agent works in.
    pub const PHASE: &str = "techrevati.phase";
    /// The project.
    pub const PROJECT: &str = "techrevati.project_id";
    /// One of the caller's labels; its name follows.
    pub const LABEL: &str = "techrevati.label.";
    /// How a span ended.
    pub const OUTCOME: &str = "techrevati.outcome";
    /// How it failed.
    pub const FAILURE_CLASS: &str = "techrevati.failure_class";
    /// A line for people; only with details, or of a failure with errors.
    pub const DETAIL: &str = "techrevati.detail";
    /// The cost of a turn or an attempt, in US dollars.
    pub const COST: &str = "techrevati.cost_usd";
    /// Whether the cost is an estimate.
    pub const ESTIMATED: &str = "techrevati.estimated";
    /// Whether the provider has reported the cost.
    pub const COST_REPORTED: &str = "techrevati.cost_reported";
    /// How many attempts a turn took.
    pub const ATTEMPTS: &str = "techrevati.attempts";
    /// Which attempt it is, from 1.
    pub const ATTEMPT_NUMBER: &str = "techrevati.attempt";
    /// The provider of an attempt, by the caller's name for it.
    pub const PROVIDER: &str = "techrevati.provider";
    /// The model of an attempt.
    pub const MODEL: &str = "techrevati.model";
    /// Whether an attempt is a second one beside a slow first.
    pub const HEDGE: &str = "techrevati.hedge";
    /// On a link: why it is there.
    pub const LINK: &str = "techrevati.link";
    /// The kind of failure that is recovered from.
    pub const SCENARIO: &str = "techrevati.scenario";
    /// How far a recovery is: `attempted`, `succeeded`, `failed`, `escalated`.
    pub const RECOVERY: &str = "techrevati.recovery";
    /// The breaker.
    pub const BREAKER: &str = "techrevati.breaker";
    /// The fleet whose backend went away or came back.
    pub const FLEET: &str = "techrevati.fleet";
    /// The state that something comes from.
    pub const FROM: &str = "techrevati.from";
    /// The state that something goes to.
    pub const TO: &str = "techrevati.to";
}

/// Metrics, their units and their buckets.
pub mod metric {
    /// Seconds.
    pub const SECONDS: &str = "s";
    /// Tokens.
    pub const TOKENS: &str = "{token}";
    /// How long a chat took.
    pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
    /// The same, in the new repository.
    pub const INFERENCE_DURATION: &str = "gen_ai.client.inference.duration";
    /// Tokens of a chat, in the released conventions.
    pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";
    /// How long a session took, in the new repository.
    pub const AGENT_DURATION: &str = "gen_ai.invoke_agent.duration";
    /// The same, where the conventions have no name for it.
    pub const OWN_AGENT_DURATION: &str = "techrevati.invoke_agent.duration";
    /// How long a tool took, in the new repository.
    pub const TOOL_DURATION: &str = "gen_ai.execute_tool.duration";
    /// The same, where the conventions have no name for it.
    pub const OWN_TOOL_DURATION: &str = "techrevati.execute_tool.duration";
    /// Chats per session, in the new repository.
    pub const INFERENCE_CALLS: &str = "gen_ai.invoke_agent.inference_calls";
    /// The same, where the conventions have no name for it.
    pub const OWN_INFERENCE_CALLS: &str = "techrevati.invoke_agent.inference_calls";
    /// Tools per session, in the new repository.
    pub const TOOL_CALLS: &str = "gen_ai.invoke_agent.tool_calls";
    /// The same, where the conventions have no name for it.
    pub const OWN_TOOL_CALLS: &str = "techrevati.invoke_agent.tool_calls";
    /// Counters of the new repository.
    pub const USAGE_INPUT: &str = "gen_ai.client.inference.usage.input_tokens";
    /// As above.
    pub const USAGE_OUTPUT: &str = "gen_ai.client.inference.usage.output_tokens";
    /// As above.
    pub const USAGE_CACHE_READ: &str = "gen_ai.client.inference.usage.cache_read.input_tokens";
    /// As above.
    pub const USAGE_CACHE_WRITE: &str = "gen_ai.client.inference.usage.cache_write.input_tokens";
    /// As above.
    pub const USAGE_REASONING: &str = "gen_ai.client.inference.usage.reasoning.output_tokens";
    /// Histograms of the new repository.
    pub const CALL_INPUT: &str = "gen_ai.client.inference.operation.input_tokens";
    /// As above.
    pub const CALL_OUTPUT: &str = "gen_ai.client.inference.operation.output_tokens";
    /// The cost of turns, in US dollars.
    pub const COST: &str = "techrevati.cost";
    /// Recoveries, by scenario and by how far they are.
    pub const RECOVERIES: &str = "techrevati.recoveries";
    /// Changes of breakers, by the states they came from and went to.
    pub const BREAKER_CHANGES: &str = "techrevati.breaker.changes";
    /// How often the backend of a fleet went away, and came back.
    pub const FLEET_CHANGES: &str = "techrevati.fleet.changes";

    /// Buckets of calls: of models and of tools.
    pub const CALL_BUCKETS: [f64; 14] =
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    /// Buckets of sessions.
    pub const AGENT_BUCKETS: [f64; 13] =
        [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6];
    /// Buckets of tokens.
    pub const TOKEN_BUCKETS: [f64; 14] = [
        1.0,
        4.0,
        16.0,
        64.0,
        256.0,
        1_024.0,
        4_096.0,
        16_384.0,
        65_536.0,
        262_144.0,
        1_048_576.0,
        4_194_304.0,
        16_777_216.0,
        67_108_864.0,
    ];
    /// Buckets of calls per session.
    pub const COUNT_BUCKETS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
}
