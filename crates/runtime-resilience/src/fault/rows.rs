//! The rows of each provider. The first that matches decides; the rows of the provider come first,
//! then the rows for everybody.
//!
//! Rows by name have no status: the same names come in a stream, under status 200. The sources of
//! the names are in `docs/faults.md`.

use super::field::ReplyField::{
    BlockReason, Code, Exception, Message, Metadata, QuotaId, Reason, Status, StopReason, Type,
};
use super::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Overload, Quota, RateLimit, Request, Server, Timeout,
};
use super::kind::FaultScope::{Call, Key, Model};
use super::kind::{Reach, TimeoutPhase};
use super::provider::Provider::{self, Anthropic, Azure, Bedrock, Gemini, Ollama, OpenRouter};
use super::rule::FaultRule as Rule;

/// The rows that a provider's replies are read by, in order.
pub(super) const fn of(provider: Provider) -> [&'static [Rule]; 2] {
    let own: &'static [Rule] = match provider {
        Provider::OpenAi | Provider::Other => &[],
        Azure => AZURE,
        Anthropic => ANTHROPIC,
        Gemini => GEMINI,
        Bedrock => BEDROCK,
        OpenRouter => OPENROUTER,
        Ollama => OLLAMA,
    };
    [own, EVERYBODY]
}

static AZURE: &[Rule] = &[
    Rule::new(Azure, ContentPolicy).says(Code, &["content_filter", "ResponsibleAIPolicyViolation"]),
    // Azure reads input that is too long, and bills it.
    Rule::new(Azure, ContextLength).says(Code, &["context_length_exceeded"]).reach(Reach::Unknown),
    Rule::new(Azure, ContextLength)
        .status(400, 400)
        .mentions(Message, &["maximum context length", "context length", "context window"])
        .reach(Reach::Unknown),
    Rule::new(Azure, Request).says(Code, &["DeploymentNotFound"]).cools(Model).elsewhere(true),
];

static ANTHROPIC: &[Rule] = &[
    Rule::new(Anthropic, Quota).says(Code, &["enforced_spend_limit_reached"]),
    Rule::new(Anthropic, Quota).says(Type, &["billing_error", "enforced_spend_limit_reached"]),
    Rule::new(Anthropic, Quota)
        .mentions(Message, &["enforced_spend_limit_reached", "credit balance is too low"]),
    Rule::new(Anthropic, ContextLength)
        .says(Type, &["invalid_request_error"])
        .mentions(Message, &["prompt is too long", "exceed context limit"]),
    Rule::new(Anthropic, ContextLength).says(Type, &["request_too_large"]),
    Rule::new(Anthropic, ContextLength)
        .says(StopReason, &["model_context_window_exceeded"])
        .reach(Reach::Unknown),
    Rule::new(Anthropic, ContentPolicy).says(StopReason, &["refusal"]),
    Rule::new(Anthropic, RateLimit).says(Type, &["rate_limit_error"]),
    Rule::new(Anthropic, Overload).says(Type, &["overloaded_error"]),
    Rule::new(Anthropic, Timeout(TimeoutPhase::Provider)).says(Type, &["timeout_error"]),
    Rule::new(Anthropic, Server).says(Type, &["api_error"]),
    Rule::new(Anthropic, Auth).says(Type, &["authentication_error"]),
    Rule::new(Anthropic, Auth).says(Type, &["permission_error"]).cools(Model),
    Rule::new(Anthropic, Request).says(Type, &["not_found_error"]).cools(Model).elsewhere(true),
];

static GEMINI: &[Rule] = &[
    Rule::new(Gemini, ContentPolicy).has(BlockReason),
    Rule::new(Gemini, Quota).mentions(QuotaId, &["PerDay"]).cools(Model),
    Rule::new(Gemini, Quota)
        .says(Status, &["RESOURCE_EXHAUSTED"])
        .mentions(Message, &["limit: 0,"])
        .cools(Model),
    Rule::new(Gemini, Auth).says(Reason, &["API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"]),
    Rule::new(Gemini, ContextLength)
        .says(Status, &["INVALID_ARGUMENT"])
        .mentions(Message, &["exceeds the maximum number of tokens"]),
    Rule::new(Gemini, RateLimit).says(Status, &["RESOURCE_EXHAUSTED"]),
    Rule::new(Gemini, Overload).says(Status, &["UNAVAILABLE"]).cools(Model),
    Rule::new(Gemini, Timeout(TimeoutPhase::Provider)).says(Status, &["DEADLINE_EXCEEDED"]),
    // Gemini bills no request that fails.
    Rule::new(Gemini, Server).says(Status, &["INTERNAL", "UNKNOWN"]).reach(Reach::Refused),
    Rule::new(Gemini, Auth).says(Status, &["UNAUTHENTICATED", "FAILED_PRECONDITION"]),
    Rule::new(Gemini, Auth).says(Status, &["PERMISSION_DENIED"]).cools(Model),
    Rule::new(Gemini, Request).says(Status, &["NOT_FOUND"]).cools(Model).elsewhere(true),
];

static BEDROCK: &[Rule] = &[
    Rule::new(Bedrock, Quota)
        .says(Exception, &["ThrottlingException"])
        .mentions(Message, &["per day"])
        .cools(Model),
    Rule::new(Bedrock, RateLimit)
        .says(Exception, &["ThrottlingException", "TooManyRequestsException"]),
    Rule::new(Bedrock, Quota).says(Exception, &["ServiceQuotaExceededException"]),
    Rule::new(Bedrock, Overload).says(Exception, &["ModelNotReadyException"]).cools(Model),
    Rule::new(Bedrock, Timeout(TimeoutPhase::Provider)).says(Exception, &["ModelTimeoutException"]),
    Rule::new(Bedrock, Server)
        .says(Exception, &["ModelStreamErrorException", "ModelErrorException"])
        .cools(Model),
    Rule::new(Bedrock, Server).says(Exception, &["InternalServerException"]),
    Rule::new(Bedrock, Overload).says(Exception, &["ServiceUnavailableException"]),
    Rule::new(Bedrock, ContextLength)
        .says(Exception, &["ValidationException"])
        .mentions(Message, &["too long", "too many input tokens", "too many tokens"]),
    Rule::new(Bedrock, Request).says(Exception, &["ValidationException"]),
    Rule::new(Bedrock, Auth).says(Exception, &["AccessDeniedException"]).cools(Model),
    Rule::new(Bedrock, Auth).says(
        Exception,
        &["UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"],
    ),
    Rule::new(Bedrock, Request)
        .says(Exception, &["ResourceNotFoundException"])
        .cools(Model)
        .elsewhere(true),
    Rule::new(Bedrock, Server).status(424, 424).cools(Model),
];

static OPENROUTER: &[Rule] = &[
    Rule::new(OpenRouter, RateLimit)
        .status(402, 402)
        .says(Metadata("limit_source"), &["openrouter_in_flight_budget"])
        .cools(Key),
    Rule::new(OpenRouter, ContentPolicy).status(403, 403).has(Metadata("reasons")),
    Rule::new(OpenRouter, ContentPolicy)
        .status(403, 403)
        .mentions(Message, &["moderation", "guardrail", "flagged"]),
    // With a provider's name, it is the provider's limit; without, the key's.
    Rule::new(OpenRouter, RateLimit).status(429, 429).has(Metadata("provider_name")),
    Rule::new(OpenRouter, RateLimit).status(429, 429).cools(Key),
    Rule::new(OpenRouter, Server).status(502, 502).cools(Model),
    Rule::new(OpenRouter, Overload).status(503, 503).cools(Model),
];

static OLLAMA: &[Rule] = &[
    Rule::new(Ollama, Overload).status(503, 503),
    Rule::new(Ollama, RateLimit).status(429, 429).cools(Key),
    Rule::new(Ollama, Timeout(TimeoutPhase::Provider)).status(408, 408).never_here(),
    Rule::new(Ollama, Server).status(409, 409).never_here().cools(Call).counts(false),
    Rule::new(Ollama, Server).status(500, 599).never_here().cools(Model),
];

/// `OpenAI`'s names, which its imitators use too, then the statuses of HTTP.
static EVERYBODY: &[Rule] = &[
    Rule::any(Quota).says(
        Code,
        &[
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        ],
    ),
    Rule::any(Quota).says(Type, &["insufficient_quota"]),
    Rule::any(ContextLength).says(Code, &["context_length_exceeded"]),
    // More tokens than a whole minute allows: no wait helps.
    Rule::any(ContextLength)
        .says(Code, &["rate_limit_exceeded"])
        .begins(Message, &["Request too large for"]),
    Rule::any(ContentPolicy)
        .says(Code, &["content_filter", "content_policy_violation", "moderation_blocked"]),
    Rule::any(RateLimit).says(Code, &["rate_limit_exceeded", "slow_down"]),
    Rule::any(Overload).says(Code, &["server_is_overloaded"]),
    Rule::any(Auth).says(Code, &["invalid_api_key"]),
    Rule::any(Request).says(Code, &["model_not_found"]).cools(Model).elsewhere(true),
    Rule::any(Server).says(Code, &["server_error"]),
    Rule::any(Overload).says(Type, &["overloaded_error", "service_unavailable_error"]),
    Rule::any(Server).says(Type, &["server_error"]),
    Rule::any(RateLimit).says(Type, &["rate_limit_error"]),
    Rule::any(ContextLength).status(400, 400).mentions(
        Message,
        &["maximum context length", "context length", "context window", "prompt is too long"],
    ),
    Rule::any(Request).status(400, 400),
    Rule::any(Auth).status(401, 401),
    Rule::any(Quota).status(402, 402),
    Rule::any(Auth).status(403, 403),
    Rule::any(Request).status(404, 404).cools(Model).elsewhere(true),
    Rule::any(Timeout(TimeoutPhase::Provider)).status(408, 408),
    Rule::any(Server).status(409, 409).cools(Call).counts(false),
    Rule::any(ContextLength).status(413, 413),
    Rule::any(RateLimit).status(429, 429),
    Rule::any(Request).status(400, 499),
    // A 503 without a name may come from anywhere on the way.
    Rule::any(Overload).status(503, 503).reach(Reach::Unknown),
    Rule::any(Timeout(TimeoutPhase::Provider)).status(504, 504),
    Rule::any(Overload).status(529, 529),
    Rule::any(Server).status(500, 599),
    Rule::any(Request).says(Type, &["invalid_request_error"]),
    Rule::any(ContentPolicy).says(StopReason, &["content_filter"]),
    Rule::any(Server).says(StopReason, &["error"]),
];
