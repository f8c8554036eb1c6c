//! The rows of `OpenAI`'s imitators and of gateways, by their words. The sources are in `docs/faults.md`.

use super::Rule;
use super::limits::THROTTLED;
use super::words::TOO_LONG;
use crate::fault::field::ReplyField::{Code, Message, StopReason, Type};
use crate::fault::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Malformed, Network, Overload, Quota, RateLimit, Request,
    Server, Timeout,
};
use crate::fault::kind::FaultScope::Model;
use crate::fault::kind::{Reach, TimeoutPhase};
use crate::fault::numbers::{
    BAIDU_BUSY, BAIDU_FAILED, BAIDU_KEY, BAIDU_RATE, BAIDU_SPENT, BAIDU_WRONG, MINIMAX_CONTENT,
    MINIMAX_FAILED, MINIMAX_KEY, MINIMAX_LATE, MINIMAX_RATE, MINIMAX_SPENT, MINIMAX_WRONG,
};
use crate::fault::provider::Provider::{
    self, Baidu, Cerebras, Cohere, DeepSeek, GitHub, Groq, HuggingFace, LiteLlm, LlamaCpp, MiniMax,
    Mistral, Moonshot, Qwen, Tgi, Vllm, XAi, Zai,
};

/// The rows of one of them.
pub(super) fn of(provider: Provider) -> &'static [Rule] {
    TABLES.iter().find(|(own, _)| *own == provider).map_or(&[], |(_, rows)| rows)
}

/// The rows of all of them.
pub(super) fn all() -> impl Iterator<Item = &'static Rule> {
    TABLES.iter().flat_map(|(_, rows)| *rows)
}

/// How many they are.
pub(super) const MOST: usize = {
    let (mut sum, mut at) = (0, 0);
    while at < TABLES.len() {
        sum += TABLES[at].1.len();
        at += 1;
    }
    sum
};

static TABLES: &[(Provider, &[Rule])] = &[
    (LiteLlm, LITELLM),
    (LlamaCpp, LLAMA_CPP),
    (Vllm, VLLM),
    (Tgi, TGI),
    (XAi, XAI),
    (Mistral, MISTRAL),
    (Groq, GROQ),
    (Cerebras, CEREBRAS),
    (DeepSeek, DEEPSEEK),
    (Moonshot, MOONSHOT),
    (Qwen, QWEN),
    (Zai, ZAI),
    (MiniMax, MINIMAX),
    (Baidu, BAIDU),
    (Cohere, COHERE),
    (HuggingFace, HUGGING_FACE),
    (GitHub, GITHUB),
];

/// `LiteLLM` puts the name of its exception before the words of the provider behind it.
static LITELLM: &[Rule] = &[
    Rule::new(LiteLlm, Quota).says(Type, &["budget_exceeded"]),
    Rule::new(LiteLlm, ContentPolicy).mentions(Message, &["ContentPolicyViolationError"]),
    Rule::new(LiteLlm, Auth).begins(Message, &["litellm.AuthenticationError"]),
    Rule::new(LiteLlm, Request)
        .begins(Message, &["litellm.NotFoundError"])
        .cools(Model)
        .elsewhere(true),
    Rule::new(LiteLlm, Timeout(TimeoutPhase::Provider)).begins(Message, &["litellm.Timeout"]),
    Rule::new(LiteLlm, Quota)
        .begins(Message, &["No deployments available"])
        .mentions(Message, &["budget"]),
    // Every deployment of the model rests.
    Rule::new(LiteLlm, RateLimit).begins(Message, &["No deployments available"]),
];

static LLAMA_CPP: &[Rule] = &[
    Rule::new(LlamaCpp, ContextLength).says(Type, &["exceed_context_size_error"]),
    Rule::new(LlamaCpp, ContextLength).mentions(Message, &["is too large to process"]),
    Rule::new(LlamaCpp, Overload).says(Type, &["unavailable_error"]),
];

static VLLM: &[Rule] = &[
    // The prompt alone is longer than the window.
    Rule::new(Vllm, ContextLength).mentions(Message, &["max_tokens must be at least 1, got -"]),
    Rule::new(Vllm, Server).mentions(Message, &["EngineCore", "EngineDeadError", "engine loop"]),
];

static TGI: &[Rule] = &[
    Rule::new(Tgi, Overload).says(Type, &["overloaded"]),
    Rule::new(Tgi, Server).says(Type, &["generation", "incomplete_generation"]),
    Rule::new(Tgi, ContextLength).says(Type, &["validation"]).mentions(Message, TOO_LONG),
    Rule::new(Tgi, Request).says(Type, &["validation"]),
];

static XAI: &[Rule] = &[Rule::new(XAi, ContentPolicy).mentions(Message, &["SAFETY_CHECK_TYPE"])];

static MISTRAL: &[Rule] = &[
    Rule::new(Mistral, ContextLength).says(Code, &["3051"]),
    Rule::new(Mistral, Request).says(Code, &["1500"]).cools(Model).elsewhere(true),
    Rule::new(Mistral, RateLimit).says(Code, &["1300"]),
    Rule::new(Mistral, Overload).says(Code, &["3505"]),
    Rule::new(Mistral, ContextLength).says(StopReason, &["model_length"]).reach(Reach::Unknown),
    Rule::new(Mistral, Overload).begins(Message, &["Service tier capacity exceeded"]).cools(Model),
];

static GROQ: &[Rule] = &[
    // The model wrote a tool call, or JSON, that cannot be read.
    Rule::new(Groq, Malformed).says(Code, &["tool_use_failed", "json_validate_failed"]),
    Rule::new(Groq, Auth).says(Code, &["organization_restricted"]),
    Rule::new(Groq, Auth)
        .says(Code, &["model_permission_blocked_org", "model_permission_blocked_project"])
        .cools(Model),
    Rule::new(Groq, Quota).says(Code, &["blocked_api_access"]),
];

static CEREBRAS: &[Rule] = &[
    Rule::new(Cerebras, Auth).says(Code, &["wrong_api_key"]),
    Rule::new(Cerebras, Quota)
        .says(Code, &["token_quota_exceeded", "request_quota_exceeded"])
        .mentions(Message, &["per day"])
        .cools(Model),
    Rule::new(Cerebras, RateLimit).says(Code, &["token_quota_exceeded", "request_quota_exceeded"]),
    Rule::new(Cerebras, Overload).says(Code, &["queue_exceeded"]).cools(Model),
];

static DEEPSEEK: &[Rule] =
    &[Rule::new(DeepSeek, Overload).says(StopReason, &["insufficient_system_resource"])];

static MOONSHOT: &[Rule] = &[
    Rule::new(Moonshot, Quota).says(Type, &["exceeded_current_quota_error"]),
    Rule::new(Moonshot, Overload).says(Type, &["engine_overloaded_error"]),
    Rule::new(Moonshot, RateLimit).says(Type, &["rate_limit_reached_error"]),
    Rule::new(Moonshot, Auth)
        .says(Type, &["invalid_authentication_error", "incorrect_api_key_error"]),
    Rule::new(Moonshot, Auth).says(Type, &["permission_denied_error"]).cools(Model),
    Rule::new(Moonshot, Request)
        .says(Type, &["resource_not_found_error"])
        .cools(Model)
        .elsewhere(true),
];

static QWEN: &[Rule] = &[
    Rule::new(Qwen, ContentPolicy).says(Code, &["data_inspection_failed", "DataInspectionFailed"]),
    Rule::new(Qwen, ContentPolicy).mentions(Message, &["DataInspectionFailed"]),
    Rule::new(Qwen, Quota).says(
        Code,
        &["Arrearage", "PrepaidBillOverdue", "PostpaidBillOverdue", "AllocationQuota.FreeTierOnly"],
    ),
    Rule::new(Qwen, RateLimit).says(
        Code,
        &[
            "Throttling",
            "Throttling.RateQuota",
            "Throttling.BurstRate",
            "Throttling.AllocationQuota",
            "LimitRequests",
            "limit_requests",
            "limit_burst_rate",
        ],
    ),
    // The tokens of a minute. Their code is `insufficient_quota`, and so may be their words.
    Rule::new(Qwen, RateLimit)
        .mentions(Message, &["allocated quota exceeded", "error-code#token-limit"]),
    Rule::new(Qwen, Auth).says(Code, &["InvalidApiKey"]),
    Rule::new(Qwen, Request).says(Code, &["ModelNotFound"]).cools(Model).elsewhere(true),
];

static ZAI: &[Rule] = &[
    // No balance, the day's, week's and month's limit, and a plan that is over.
    Rule::new(Zai, Quota).says(Code, &["1113", "1304", "1308", "1309", "1310"]),
    Rule::new(Zai, ContextLength).says(Code, &["1261"]),
    Rule::new(Zai, ContentPolicy).says(Code, &["1301"]),
    Rule::new(Zai, RateLimit).says(Code, &["1302", "1303"]),
    Rule::new(Zai, Overload).says(Code, &["1305", "1312"]).cools(Model),
    Rule::new(Zai, Auth).says(
        Code,
        &["1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112", "1121", "1300"],
    ),
    // A plan without this model.
    Rule::new(Zai, Auth).says(Code, &["1220", "1311"]).cools(Model),
    Rule::new(Zai, Request).says(Code, &["1211", "1221", "1222"]).cools(Model).elsewhere(true),
    Rule::new(Zai, Server).says(Code, &["1120", "1230", "1234"]),
    Rule::new(Zai, Request).says(Code, &["1210", "1213", "1214", "1215"]),
    Rule::new(Zai, ContentPolicy).says(StopReason, &["sensitive"]),
    Rule::new(Zai, ContextLength)
        .says(StopReason, &["model_context_window_exceeded"])
        .reach(Reach::Unknown),
    Rule::new(Zai, Network).says(StopReason, &["network_error"]),
];

static MINIMAX: &[Rule] = &[
    Rule::new(MiniMax, ContentPolicy)
        .mentions(Message, &["input new_sensitive", "output new_sensitive"]),
    Rule::new(MiniMax, Auth).mentions(Message, &["login fail: "]),
    Rule::new(MiniMax, RateLimit).says(Code, MINIMAX_RATE),
    Rule::new(MiniMax, Quota).says(Code, MINIMAX_SPENT),
    Rule::new(MiniMax, Auth).says(Code, MINIMAX_KEY),
    Rule::new(MiniMax, ContentPolicy).says(Code, MINIMAX_CONTENT),
    Rule::new(MiniMax, Timeout(TimeoutPhase::Provider)).says(Code, MINIMAX_LATE),
    Rule::new(MiniMax, Server).says(Code, MINIMAX_FAILED),
    Rule::new(MiniMax, Request).says(Code, MINIMAX_WRONG),
];

static BAIDU: &[Rule] = &[
    Rule::new(Baidu, RateLimit).says(Code, BAIDU_RATE),
    Rule::new(Baidu, Quota).says(Code, BAIDU_SPENT),
    Rule::new(Baidu, Auth).says(Code, BAIDU_KEY),
    Rule::new(Baidu, Overload).says(Code, BAIDU_BUSY),
    Rule::new(Baidu, Server).says(Code, BAIDU_FAILED),
    Rule::new(Baidu, Request).says(Code, BAIDU_WRONG),
    Rule::new(Baidu, ContextLength).says(Code, &["characters_too_long", "tokens_too_long"]),
    Rule::new(Baidu, ContentPolicy).says(Type, &["unsafe_request"]),
    Rule::new(Baidu, Quota)
        .says(Code, &["QUOTA_USER_DAILY_REQUEST", "QUOTA_USER_DAILY_FREE"])
        .cools(Model),
];

static COHERE: &[Rule] = &[
    Rule::new(Cohere, Quota).mentions(Message, &["API calls / month"]),
    Rule::new(Cohere, RateLimit).mentions(Message, &["API calls / minute"]),
    Rule::new(Cohere, ContextLength).begins(Message, &["too many tokens: "]).unless(THROTTLED),
    Rule::new(Cohere, ContentPolicy).says(StopReason, &["ERROR_TOXIC"]),
    Rule::new(Cohere, ContextLength).says(StopReason, &["ERROR_LIMIT"]),
    Rule::new(Cohere, Timeout(TimeoutPhase::Provider)).says(StopReason, &["TIMEOUT"]),
];

static HUGGING_FACE: &[Rule] =
    &[Rule::new(HuggingFace, Overload).mentions(Message, &["is currently loading"]).cools(Model)];

static GITHUB: &[Rule] = &[
    Rule::new(GitHub, ContextLength)
        .says(Code, &["model_max_prompt_tokens_exceeded", "tokens_limit_reached"]),
    Rule::new(GitHub, Quota).says(
        Code,
        &[
            "quota_exceeded",
            "free_quota_exceeded",
            "session_quota_exceeded",
            "additional_spend_limit_reached",
            "user_weekly_rate_limited",
        ],
    ),
    Rule::new(GitHub, Request)
        .says(Code, &["unavailable_model", "unsupported_api_for_model"])
        .cools(Model)
        .elsewhere(true),
];
