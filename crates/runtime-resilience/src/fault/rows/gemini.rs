//! The rows of the Gemini API and Vertex AI, by the reasons and names of Google's errors. The sources are in
//! `docs/faults.md`.

use crate::fault::field::ReplyField::{BlockReason, Message, QuotaId, Reason, Status, StopReason};
use crate::fault::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Malformed, Overload, Quota, RateLimit, Request, Server,
    Timeout,
};
use crate::fault::kind::FaultScope::Model;
use crate::fault::kind::{Reach, TimeoutPhase};
use crate::fault::provider::Provider::Gemini;
use crate::fault::rule::FaultRule as Rule;

pub(super) static ROWS: &[Rule] = &[
    Rule::new(Gemini, ContentPolicy).says(
        StopReason,
        &[
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
            "IMAGE_PROHIBITED_CONTENT",
            "IMAGE_RECITATION",
            "LANGUAGE",
            "MODEL_ARMOR",
        ],
    ),
    // The model wrote a tool call that cannot be read, or no answer at all.
    Rule::new(Gemini, Malformed).says(
        StopReason,
        &[
            "MALFORMED_FUNCTION_CALL",
            "MALFORMED_RESPONSE",
            "UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
            "NO_IMAGE",
            "IMAGE_OTHER",
            "OTHER",
        ],
    ),
    Rule::new(Gemini, Request).says(StopReason, &["MISSING_THOUGHT_SIGNATURE"]),
    Rule::new(Gemini, Quota).mentions(Reason, &["CREDITS_BALANCE", "BILLING_DISABLED"]),
    Rule::new(Gemini, Quota).says(Reason, &["QUOTA_EXHAUSTED"]).cools(Model),
    // Under 429, too.
    Rule::new(Gemini, Overload).says(Reason, &["MODEL_CAPACITY_EXHAUSTED"]).cools(Model),
    // Of Google's tools for images and video.
    Rule::new(Gemini, ContentPolicy).mentions(Reason, &["UNSAFE_GENERATION"]),
    Rule::new(Gemini, ContentPolicy).has(BlockReason),
    Rule::new(Gemini, Quota).mentions(QuotaId, &["PerDay"]).cools(Model),
    Rule::new(Gemini, RateLimit).mentions(QuotaId, &["PerMinute"]),
    Rule::new(Gemini, Quota)
        .says(Status, &["RESOURCE_EXHAUSTED"])
        .mentions(Message, &["limit: 0,"])
        .cools(Model),
    Rule::new(Gemini, Auth).says(Reason, &["API_KEY_INVALID", "API_KEY_SERVICE_BLOCKED"]),
    Rule::new(Gemini, ContextLength)
        .says(Status, &["INVALID_ARGUMENT"])
        .mentions(Message, &["exceeds the maximum number of tokens"]),
];

/// The names of Google's errors, which stand for many.
pub(super) static NAMES: &[Rule] = &[
    Rule::new(Gemini, RateLimit).says(Status, &["RESOURCE_EXHAUSTED"]),
    Rule::new(Gemini, Overload).says(Status, &["UNAVAILABLE"]).cools(Model),
    Rule::new(Gemini, Timeout(TimeoutPhase::Provider)).says(Status, &["DEADLINE_EXCEEDED"]),
    // The server did, and nobody here.
    Rule::new(Gemini, Server).says(Status, &["CANCELLED"]).reach(Reach::Unknown),
    // Gemini bills no request that fails.
    Rule::new(Gemini, Server).says(Status, &["INTERNAL", "UNKNOWN"]).reach(Reach::Refused),
    Rule::new(Gemini, Auth)
        .says(Status, &["FAILED_PRECONDITION"])
        .mentions(Message, &["Publisher Model", "model"])
        .cools(Model),
    Rule::new(Gemini, Auth).says(Status, &["UNAUTHENTICATED", "FAILED_PRECONDITION"]),
    Rule::new(Gemini, Auth).says(Status, &["PERMISSION_DENIED"]).cools(Model),
    Rule::new(Gemini, Request).says(Status, &["NOT_FOUND"]).cools(Model).elsewhere(true),
];
