//! The words and names for limits that the rows for everybody look for: rates, allowances, money. The sources are
//! in `docs/faults.md`.

/// A message is about a rate, and not about one request, or about what an answer may have.
pub(super) const THROTTLED: &[&str] = &[
    "is less than the `context_window`",
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
    "no quota",
    "pay-as-you-go limit",
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
    "billing cap",
    "billing limit",
    "billing required",
    "plan limit",
    "plan has expired",
    "package has expired",
    "subscription has expired",
    "subscription expired",
    "trial has expired",
    "trial has ended",
    "usage limit",
    "usage quota",
    "monthly limit",
    "monthly quota",
    "call volume quota",
    "weekly limit",
    "daily limit",
    "your premium request",
    "hit your limit",
    "limits will reset",
    "out of extra usage",
    "free allocated quota",
    "daily free allocation",
    "available credits",
    "credits exhausted",
    "account is in good standing",
    "payment required",
    "paymentrequired",
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
    "exceeded budget",
    "inference limit",
    "weekly rate limit",
    "欠费",
    "使用上限",
    "上限に達しました",
    "クォータに達しました",
    "利用制限に達しました",
    "할당량을 초과",
    "사용 한도를 초과",
];

/// A message says that a budget is spent, …
pub(super) const BUDGET: &[&str] = &[
    "budget exceeded",
    "budget exhausted",
    "budget is exhausted",
    "exceeded your budget",
    "exceeded its budget",
    "exceeds the budget",
];

/// … and it is one of time, or of thought.
pub(super) const NOT_OF_MONEY: &[&str] = &["time", "second", "latency", "thinking", "token"];

/// A message speaks of money, or of an allowance, …
pub(super) const MONEY: &[&str] = &[
    "balance",
    "credit",
    "quota",
    "funds",
    "allowance",
    "subscription",
    "余额",
    "额度",
    "配额",
    "套餐",
    "积分",
    "资费包",
    "资源包",
];

/// … and says that there is too little of it.
pub(super) const LACK: &[&str] = &[
    "insufficient ",
    " insufficient",
    "not enough",
    " exhausted",
    "used up",
    "depleted",
    "is too low",
    "overdue",
    "run out of",
    "ran out of",
    "have an active",
    "no active",
    "不足",
    "用尽",
    "用完",
    "耗尽",
    "超出",
    "已超",
    "已到期",
    "未订购",
    "未开通",
    "扣费额度失败",
    "扣额度失败",
];

/// Google's word for any limit, a rate of one's own, and a right that one has not.
pub(super) const ANY_LIMIT: &[&str] =
    &["check quota", "per minute", "rate limit", "permission", "每分钟", "每秒", "并发", "qps"];

/// A message is about a whole day, …
pub(super) const DAILY: &[&str] = &[
    "per day",
    "per-day",
    "perday",
    "per 86400s",
    "(tpd)",
    "(rpd)",
    "tpd rate limit",
    "limit_rpd",
    "daily quota",
    "daily rate limit",
    "daily request limit",
    "今日",
    "每日",
];

/// A message is about a short time, or about calls at the same time, …
pub(super) const FREQUENT: &[&str] =
    &["per minute", "per min", "per second", "per hour", "每分钟", "每秒", "并发", "频率", "qps"];

/// … and says that one of its limits is reached.
pub(super) const LIMIT: &[&str] =
    &["limit", "quota", "exceed", "too many", "上限", "限制", "超限", "超出", "超过"];

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
    "rate limited",
    "currently limited",
    "rate increased too quickly",
    "too frequent",
    "qpsoverflow",
    "concurrency limit",
    "concurrent request limit",
    "throttled",
    "request limit reached",
    "resourceexhausted",
    "throttlingexception",
    "too many tokens, please wait",
    "enqueued token limit",
    "cooling down",
    "in cooldown",
    "冷却中",
    "throttling threshold",
    "レート制限",
    "速率限制",
    "过于频繁",
    "限流",
];

/// No limit but that is reached. Google says so of a minute's limit, too.
pub(super) const ANY_QUOTA: &[&str] = &["quota exceeded for", "per minute", "metric"];

/// No money and no allowance is left.
pub(super) const NO_MONEY: &[&str] = &[
    "insufficient_quota",
    "insufficient_user_quota",
    "pre_consume_token_quota_failed",
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
    "balance_depleted",
    "credits_exhausted",
    "out_of_credits",
    "payment_required",
    "billing_hard_limit_reached",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "usage_limit_reached",
    "usage_not_included",
];

/// The same, as parts of the names of errors.
pub(super) const PAID_FOR: &[&str] = &[
    "overdue",
    "packexhausted",
    "insufficientquota",
    "insufficient_quota",
    "insufficientbalance",
    "insufficient_balance",
    "quota_exhausted",
    "accountquotaexceeded",
    "planquotaexceeded",
    "billing_error",
    "consumption_limit",
];

/// Too many requests or tokens, as parts of the names of errors.
pub(super) const LIMITED: &[&str] = &[
    "ratelimited",
    "rate_limited",
    "ratelimitexceeded",
    "rate_limit_exceeded",
    "ratelimitreached",
    "toomanyrequests",
    "throttling",
    "requestlimitexceeded",
    "serverlimitexceeded",
    "inflightbatchsize",
    "qpsoverflow",
];

/// Too many requests or tokens.
pub(super) const RATE: &[&str] = &[
    "rate_limit",
    "rate_limit_reached",
    "rate_limit_reached_error",
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
