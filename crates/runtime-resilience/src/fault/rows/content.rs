//! The words and names for content that is refused, which the rows for everybody look for. The sources are in
//! `docs/faults.md`.

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
    "contentfiltered",
    "contentfiltererror",
    "contentfilterfinishreason",
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
    "responsibleaipolicy",
    "prohibited_content",
    "prompt injection",
    "prompt blocked",
    "prompt pattern is blocked",
    "response blocked",
    "敏感",
    "违规",
];

/// A message speaks of what content has to be, …
pub(super) const POLICY: &[&str] = &[
    "content policy",
    "content policies",
    "content filter",
    "usage polic",
    "our polic",
    "safety",
    "moderation",
    "sensitive",
    "harmful",
    "unsafe",
    "inappropriate",
    "prohibited",
    "disallowed",
    "nsfw",
    "content checker",
    "guardrail",
];

/// … and says that this is not.
pub(super) const VIOLATED: &[&str] = &[
    "violat",
    "flagged",
    "blocked",
    "rejected",
    "filtered",
    "moderated",
    "refused",
    "detected",
    "sensitive content",
    "sensitive chat",
    "sensitive word",
    "sensitive info",
    "prohibited content",
    "prohibited word",
    "harmful content",
    "unsafe content",
];

/// The content was refused for what it is, in the error codes of `OpenAI` and of gateways.
pub(super) const MODERATED: &[&str] = &[
    "content_filter",
    "content_policy_violation",
    "moderation_blocked",
    "image_content_policy_violation",
    "invalid_prompt",
    "cyber_policy",
    "misalignment_policy_violation",
    "content_moderated",
    "content_moderation",
    "content_blocked",
    "prompt_blocked",
    "sensitive_words_detected",
    "sensitive_check_error",
    "safety_violation",
    "hooks_failed",
];

/// The same, as parts of names.
pub(super) const CENSORED: &[&str] = &[
    "sensitivecontent",
    "censorship",
    "guardrail_violation",
    "guardrails_violation",
    "policy_blocked",
    "policy_violation",
    "prompt_flagged",
    "prompt_threat",
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
