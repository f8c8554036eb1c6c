//! The words and names that the rows for everybody look for. The sources are in `docs/faults.md`.

/// A message says that the request is larger than the model takes.
pub(super) const TOO_LONG: &[&str] = &[
    "context length",
    "context window",
    "context size",
    "context limit",
    "maximum context",
    "max context",
    "maximum prompt length",
    "maximum model length",
    "max_model_len",
    "prompt is too long",
    "prompt too long",
    "prompt exceeds",
    "prompt length",
    "max_seq_len",
    "input is too long",
    "input too long",
    "input length",
    "inputs are too long",
    "input tokens exceed",
    "input token count",
    "input tokens exceeded",
    "number of input tokens",
    "prompt token count",
    "too many input tokens",
    "too many tokens",
    "too many total text bytes",
    "too large for model",
    "too large for this model",
    "more than max tokens",
    "exceeds the maximum number of tokens",
    "reduce the length of the",
    "`inputs` tokens",
    "`inputs` must have less than",
    "model token limit",
    "token length",
    "tokens too long",
    "message size",
    "max message tokens",
    "shorter input",
    "shorter prompt",
    "max allowed tokens",
];

/// A message is about a rate, and not about one request.
pub(super) const THROTTLED: &[&str] = &[
    "rate limit",
    "ratelimit",
    "per minute",
    "per min",
    "per day",
    "per hour",
    "per second",
    "please wait",
    "throttl",
    "tpm",
    "tpd",
];

/// A message says that no money or no allowance is left.
pub(super) const SPENT: &[&str] = &[
    "no credits",
    "out of credits",
    "any credits",
    "add credits",
    "purchase credits",
    "purchase more credits",
    "requires more credits",
    "monthly included credits",
    "spending limit",
    "spend limit",
    "spending cap",
    "billing hard limit",
    "usage limit",
    "monthly limit",
    "monthly quota",
    "call volume quota",
    "weekly limit",
    "daily limit",
    "premium request allowance",
    "out of extra usage",
    "free allocated quota",
    "daily free allocation",
    "available credits",
    "credits exhausted",
    "account is in good standing",
    "payment required",
    "past invoices",
    "unpaid invoice",
    "subscription quota",
    "past due",
    "is overdue",
    "in arrears",
    "credits expired",
    "please recharge",
    "please top up",
    "top up your",
    "budget has been exceeded",
    "over budget",
    "exceededbudget",
    "欠费",
];

/// A message speaks of money, or of an allowance, …
pub(super) const MONEY: &[&str] =
    &["balance", "credit", "quota", "funds", "allowance", "余额", "额度"];

/// … and says that there is too little of it.
pub(super) const LACK: &[&str] = &[
    "insufficient ",
    " insufficient",
    "not enough",
    "is exhausted",
    "are exhausted",
    "been exhausted",
    "exhausted its",
    "depleted",
    "is too low",
    "overdue",
    "run out of",
    "ran out of",
    "不足",
    "用尽",
    "耗尽",
    "扣费额度失败",
];

/// Google's word for any limit, a rate of one's own, and a right that one has not.
pub(super) const ANY_LIMIT: &[&str] = &["check quota", "per minute", "rate limit", "permission"];

/// A message says that the model's tool call cannot be read.
pub(super) const TOOL_CALL: &[&str] = &[
    "error parsing tool call",
    "failed to parse tool call",
    "failed to parse input at pos",
    "invalid sequence as part of tooluse",
    "not output valid tool call",
    "failed to call a function",
    "failed to generate json",
];

/// A message is about a whole day, …
pub(super) const DAILY: &[&str] = &[
    "per day",
    "per-day",
    "per 86400s",
    "(tpd)",
    "(rpd)",
    "tpd rate limit",
    "limit_rpd",
    "daily quota",
    "daily rate limit",
    "daily request limit",
];

/// A message is about a minute or less, …
pub(super) const FREQUENT: &[&str] = &["per minute", "per min", "per second", "per hour"];

/// … and says that one of its limits is reached.
pub(super) const LIMIT: &[&str] = &["limit", "quota", "exceed", "too many"];

/// A message of one's own rate, although all are busy, or a guess, as Cloudflare's of the host behind it.
pub(super) const A_RATE: &[&str] = &["rate limit", "per minute", "may indicate"];

/// A message says that there were too many requests, under whatever status.
pub(super) const TOO_OFTEN: &[&str] = &[
    "too many requests",
    "too many concurrent requests",
    "rate limit exceeded",
    "rate limit reached",
    "rate limit has been exceeded",
    "rate limit is exceeded",
    "exceeded your rate limit",
    "exceeded a secondary rate limit",
    "rate-limited",
    "rate increased too quickly",
    "concurrency limit",
    "concurrent request limit",
    "throttled",
    "request limit reached",
    "resourceexhausted",
    "throttlingexception",
    "too many tokens, please wait",
    "速率限制",
    "过于频繁",
];

/// No limit but that is reached. Google says so of a minute's limit, too.
pub(super) const ANY_QUOTA: &[&str] = &["quota exceeded for", "per minute", "metric"];

/// A message says that the key is none.
pub(super) const NO_KEY: &[&str] = &[
    "api key not valid",
    "api key not found",
    "api key expired",
    "api key has expired",
    "api key is invalid",
    "invalid api key",
    "incorrect api key",
    "invalid api token",
    "access token invalid",
    "access token is invalid",
    "access token expired",
    "invalid access token",
    "invalid_grant",
    "token has been revoked",
];

/// A message says of an account …
pub(super) const ACCOUNT: &[&str] = &["account", "organization", "workspace"];

/// … that it is closed.
pub(super) const CLOSED: &[&str] = &[
    "has been disabled",
    "has been deactivated",
    "is deactivated",
    "has been suspended",
    "is suspended",
];

/// A message says of a model …
pub(super) const MODEL: &[&str] = &["model", "endpoint"];

/// … that it is not there, or not any more.
pub(super) const GONE: &[&str] = &[
    "is no longer available",
    "is not available",
    "no healthy deployments",
    "been decommissioned",
    "been retired",
    "been deprecated",
    "end of life",
    "end of its life",
    "invalid model",
    "not a valid model",
    "unknown model",
    "unavailable model",
    "no such model",
    "model name is invalid",
    "model not found",
    "not supported by any provider",
    "model is not supported",
    "non-serverless model",
    "endpoint is paused",
    "not accessible via the",
    "is only supported in v1/",
];

/// A message says what a model cannot do; another may.
pub(super) const UNABLE: &[&str] = &[
    "not support tool",
    "n't support tool",
    "not support function",
    "not support image",
    "n't support image",
    "not support vision",
    "not support model",
    "image input is not supported",
    "not work with the specified model",
];

/// A message says that the content was refused for what it is.
pub(super) const REFUSED: &[&str] = &[
    "content exists risk",
    "considered high risk",
    "inappropriate content",
    "violates usage guidelines",
    "violating our usage policy",
    "violates our usage policy",
    "flagged as potentially violating",
    "content filtering policy",
    "content management policy",
    "content_policy_violation",
    "contentpolicyviolation",
    "safety system",
    "blocked by guardrail",
    "flagged for possible",
    "content was flagged",
    "prompt was flagged",
    "request was flagged",
    "input was flagged",
    "flagged as sensitive",
    "may contain sensitive",
    "can't help with that request",
    "can't assist with that request",
    "violated guardrail",
    "violated moderation",
    "guardrail checks",
    "responsible ai",
    "敏感",
    "违规",
];

/// Why an answer ended, in the words of the model's provider, which gateways keep.
pub(super) const STOPPED: &[&str] = &[
    "content_filter",
    "content_filtered",
    "refusal",
    "safety",
    "recitation",
    "blocklist",
    "prohibited_content",
    "spii",
    "guardrail_intervened",
];

/// An image that cannot be used, in the error codes of `OpenAI`'s responses.
pub(super) const BAD_IMAGE: &[&str] = &[
    "invalid_image",
    "invalid_image_format",
    "invalid_base64_image",
    "invalid_image_url",
    "invalid_image_mode",
    "image_too_large",
    "image_too_small",
    "image_parse_error",
    "image_file_too_large",
    "unsupported_image_media_type",
    "empty_image_file",
    "failed_to_download_image",
    "image_file_not_found",
];

/// No money and no allowance is left.
pub(super) const NO_MONEY: &[&str] = &[
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_balance",
    "insufficient_balance_error",
    "insufficient_credits",
    "insufficient_funds",
    "accountoverdueerror",
    "billing_not_active",
    "token_quota_reached",
    "setlimitexceeded",
    "not_enough_balance",
    "credit_balance_exhausted",
    "credit_balance_too_low",
    "billing_hard_limit_reached",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "usage_limit_reached",
    "usage_not_included",
];

/// Too many requests or tokens.
pub(super) const RATE: &[&str] = &[
    "rate_limit_exceeded",
    "rate_limit_error",
    "rate_limited",
    "ratelimitreached",
    "slow_down",
    "too_many_requests",
    "too_many_requests_error",
    "throttling_error",
    "model_rate_limit",
    "request_limit_exceeded",
    "RequestLimitExceeded",
    "resource_exhausted",
];

/// The model is not there, or not any more.
pub(super) const NO_MODEL: &[&str] = &[
    "model_not_found",
    "model_not_available",
    "model_not_supported",
    "unsupported_model",
    "model_decommissioned",
    "model_gone",
    "model_terms_required",
    "invalid_model",
];

/// In a stream: a request that is none, in the codes of Google's interactions.
pub(super) const WRONG: &[&str] = &[
    "invalid_request",
    "failed_precondition",
    "out_of_range",
    "parameter_unknown",
    "already_exists",
    "unimplemented",
];

/// In a stream: the server failed.
pub(super) const FAILED: &[&str] =
    &["api_error", "internal_error", "aborted", "upstream_error", "provider_disconnected"];
