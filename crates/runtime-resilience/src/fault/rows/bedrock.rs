//! The rows of Bedrock, by the names of its exceptions. The sources are in `docs/faults.md`.

use super::words::{TOO_LONG, UNABLE};
use crate::fault::field::ReplyField::{Exception, Message, StopReason};
use crate::fault::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Malformed, Overload, Quota, RateLimit, Request, Server,
    Timeout,
};
use crate::fault::kind::FaultScope::Model;
use crate::fault::kind::{Reach, TimeoutPhase};
use crate::fault::provider::Provider::Bedrock;
use crate::fault::rule::FaultRule as Rule;

pub(super) static ROWS: &[Rule] = &[
    Rule::new(Bedrock, Quota)
        .says(Exception, &["ThrottlingException"])
        .mentions(Message, &["per day"])
        .cools(Model),
    Rule::new(Bedrock, RateLimit)
        .says(Exception, &["ThrottlingException", "TooManyRequestsException"]),
    Rule::new(Bedrock, Quota).says(Exception, &["ServiceQuotaExceededException"]),
    Rule::new(Bedrock, Overload).says(Exception, &["ModelNotReadyException"]).cools(Model),
    Rule::new(Bedrock, Timeout(TimeoutPhase::Provider)).says(Exception, &["ModelTimeoutException"]),
    Rule::new(Bedrock, ContextLength)
        .says(Exception, &["ValidationException", "ModelErrorException"])
        .mentions(Message, TOO_LONG),
    // The model wrote a tool call that cannot be read.
    Rule::new(Bedrock, Malformed)
        .says(Exception, &["ModelStreamErrorException", "ModelErrorException"])
        .mentions(Message, &["invalid sequence as part of ToolUse"]),
    Rule::new(Bedrock, ContentPolicy)
        .says(StopReason, &["content_filtered", "guardrail_intervened"]),
    Rule::new(Bedrock, ContextLength)
        .says(StopReason, &["model_context_window_exceeded"])
        .reach(Reach::Unknown),
    // The model had begun.
    Rule::new(Bedrock, Server)
        .says(Exception, &["ModelStreamErrorException", "ModelErrorException", "ModelError"])
        .cools(Model)
        .reach(Reach::Unknown),
    Rule::new(Bedrock, Server).says(Exception, &["InternalServerException"]),
    Rule::new(Bedrock, Overload).says(Exception, &["ServiceUnavailableException"]),
    Rule::new(Bedrock, ContextLength)
        .says(Exception, &["ValidationException"])
        .mentions(Message, &["too long", "maxLength"]),
    Rule::new(Bedrock, Auth).says(Exception, &["AccessDeniedException"]).cools(Model),
    Rule::new(Bedrock, Auth).says(
        Exception,
        &["UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException"],
    ),
    Rule::new(Bedrock, Request)
        .says(Exception, &["ResourceNotFoundException"])
        .cools(Model)
        .elsewhere(true),
    Rule::new(Bedrock, Server).status(424, 424).cools(Model).reach(Reach::Unknown),
];

/// The name of whatever is wrong with a request.
pub(super) static NAMES: &[Rule] = &[
    Rule::new(Bedrock, Request)
        .says(Exception, &["ValidationException"])
        .mentions(
            Message,
            &["model identifier is invalid", "on-demand throughput", "by provider as Legacy"],
        )
        .cools(Model)
        .elsewhere(true),
    Rule::new(Bedrock, Request)
        .says(Exception, &["ValidationException"])
        .mentions(Message, UNABLE)
        .cools(Model)
        .elsewhere(true),
    Rule::new(Bedrock, Request).says(Exception, &["ValidationException"]),
];
