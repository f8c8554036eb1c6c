//! The rows of Azure, Anthropic, `OpenRouter` and Ollama. The sources are in `docs/faults.md`.

use super::Rule;
use super::words::TOOL_CALL;
use crate::fault::field::ReplyField::{Code, Message, Metadata, StopReason, Type};
use crate::fault::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Malformed, Overload, Quota, RateLimit, Request, Server,
    Timeout,
};
use crate::fault::kind::FaultScope::{Call, Key, Model};
use crate::fault::kind::{Reach, TimeoutPhase};
use crate::fault::provider::Provider::{Anthropic, Azure, Ollama, OpenRouter};

pub(super) static AZURE: &[Rule] = &[
    Rule::new(Azure, ContentPolicy).says(Code, &["content_filter", "ResponsibleAIPolicyViolation"]),
    // Azure reads input that is too long, and bills it.
    Rule::new(Azure, ContextLength).says(Code, &["context_length_exceeded"]).reach(Reach::Unknown),
    Rule::new(Azure, ContextLength)
        .status(400, 400)
        .mentions(Message, &["maximum context length", "context length", "context window"])
        .reach(Reach::Unknown),
    Rule::new(Azure, Request)
        .says(Code, &["DeploymentNotFound", "OperationNotSupported"])
        .cools(Model)
        .elsewhere(true),
    // Azure bills what it processed, whatever the status.
    Rule::new(Azure, Server).status(500, 500).says(Type, &["server_error"]).reach(Reach::Unknown),
    Rule::new(Azure, Server).status(500, 500).reach(Reach::Unknown),
];

pub(super) static ANTHROPIC: &[Rule] = &[
    Rule::new(Anthropic, Quota).says(Code, &["enforced_spend_limit_reached"]),
    Rule::new(Anthropic, Quota).says(Type, &["billing_error", "enforced_spend_limit_reached"]),
    Rule::new(Anthropic, Quota)
        .mentions(Message, &["enforced_spend_limit_reached", "credit balance is too low"]),
    Rule::new(Anthropic, Quota)
        .says(Type, &["invalid_request_error"])
        .mentions(Message, &["usage limits"]),
    Rule::new(Anthropic, ContextLength)
        .says(Type, &["invalid_request_error"])
        .mentions(Message, &["prompt is too long", "exceed context limit"]),
    Rule::new(Anthropic, ContextLength).says(Type, &["request_too_large"]),
    Rule::new(Anthropic, ContextLength)
        .says(StopReason, &["model_context_window_exceeded"])
        .reach(Reach::Unknown),
    Rule::new(Anthropic, ContentPolicy).says(StopReason, &["refusal"]),
    // A plan without long requests: shorter ones are answered.
    Rule::new(Anthropic, ContextLength).mentions(Message, &["long context requests"]),
];

/// Its types, which its imitators put before words of their own.
pub(super) static ANTHROPIC_NAMES: &[Rule] = &[
    Rule::new(Anthropic, RateLimit).says(Type, &["rate_limit_error"]),
    Rule::new(Anthropic, Overload).says(Type, &["overloaded_error"]),
    Rule::new(Anthropic, Timeout(TimeoutPhase::Provider)).says(Type, &["timeout_error"]),
    Rule::new(Anthropic, Auth).says(Type, &["authentication_error"]),
    Rule::new(Anthropic, Auth).says(Type, &["permission_error"]).cools(Model),
    Rule::new(Anthropic, Request).says(Type, &["not_found_error"]).cools(Model).elsewhere(true),
];

pub(super) static OPENROUTER: &[Rule] = &[
    // Its own names, under whatever status.
    Rule::new(OpenRouter, ContextLength)
        .says(Code, &["token_limit_exceeded", "string_too_long", "payload_too_large"]),
    Rule::new(OpenRouter, Request).says(
        Code,
        &[
            "max_tokens_exceeded",
            "precondition_failed",
            "unprocessable",
            "unsupported_image_format",
        ],
    ),
    Rule::new(OpenRouter, Overload).says(Code, &["provider_overloaded"]).cools(Model),
    Rule::new(OpenRouter, Server)
        .says(Code, &["provider_unavailable", "server", "unmapped"])
        .cools(Model),
    Rule::new(OpenRouter, Timeout(TimeoutPhase::Provider)).says(Code, &["timeout"]),
    Rule::new(OpenRouter, ContentPolicy).says(Code, &["refusal"]),
    Rule::new(OpenRouter, ContentPolicy).status(403, 403).has(Metadata("patterns")),
    Rule::new(OpenRouter, RateLimit)
        .status(402, 402)
        .says(Metadata("limit_source"), &["openrouter_in_flight_budget"])
        .cools(Key),
    Rule::new(OpenRouter, ContentPolicy).status(403, 403).has(Metadata("reasons")),
    Rule::new(OpenRouter, ContentPolicy)
        .status(403, 403)
        .mentions(Message, &["moderation", "guardrail", "flagged"]),
    Rule::new(OpenRouter, Quota).status(403, 403).mentions(Message, &["limit exceeded"]),
    Rule::new(OpenRouter, Quota).status(429, 429).mentions(Message, &["free-models-per-day"]),
    // With a provider's name, it is the provider's limit; without, the key's.
    Rule::new(OpenRouter, RateLimit).status(429, 429).has(Metadata("provider_name")),
    Rule::new(OpenRouter, RateLimit).status(429, 429).cools(Key),
    Rule::new(OpenRouter, Server).status(502, 502).cools(Model),
    Rule::new(OpenRouter, Overload).status(503, 503).cools(Model),
];

pub(super) static OLLAMA: &[Rule] = &[
    Rule::new(Ollama, Malformed).mentions(Message, TOOL_CALL),
    // A model that cannot chat, think or see.
    Rule::new(Ollama, Request)
        .status(400, 400)
        .mentions(Message, &["does not support "])
        .cools(Model)
        .elsewhere(true),
    // The model wants a newer server.
    Rule::new(Ollama, Request).status(412, 412).cools(Model).elsewhere(true),
    Rule::new(Ollama, Overload).status(503, 503),
    Rule::new(Ollama, RateLimit).status(429, 429).cools(Key),
    Rule::new(Ollama, Timeout(TimeoutPhase::Provider)).status(408, 408).never_here(),
    Rule::new(Ollama, Server).status(409, 409).never_here().cools(Call).counts(false),
    Rule::new(Ollama, Server).status(500, 599).never_here().cools(Model),
];
