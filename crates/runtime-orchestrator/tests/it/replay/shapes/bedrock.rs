//! Amazon Bedrock, with named exceptions.

use runtime_resilience::{FaultScope, Provider};
use serde_json::json;

use super::super::reply::Reply;
use super::{
    AUTH, CONTEXT, Expected, NO_MODEL, OVERLOAD, QUOTA, RATE, REQUEST, SERVER, Shape, Shapes,
    TIMEOUT,
};

/// Each exception, named in a header, in the body, and by an event of a stream. The SDK parses the
/// framing of streams; this is the resulting event.
pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::of(Provider::Bedrock);
    let cases: [(u16, &str, &str, Expected); 15] = [
        (429, "ThrottlingException", "Too many requests, please wait.", RATE),
        (429, "ThrottlingException", "Too many tokens per day.", QUOTA.at(FaultScope::Model)),
        (400, "ServiceQuotaExceededException", "Your quota is used up.", QUOTA),
        (429, "ModelNotReadyException", "The model is not ready.", OVERLOAD.at(FaultScope::Model)),
        (408, "ModelTimeoutException", "The model took too long.", TIMEOUT),
        (
            424,
            "ModelStreamErrorException",
            "It broke while streaming.",
            SERVER.at(FaultScope::Model),
        ),
        (424, "ModelErrorException", "The model failed.", SERVER.at(FaultScope::Model)),
        (500, "InternalServerException", "Internal error.", SERVER),
        (503, "ServiceUnavailableException", "Unable to process it.", OVERLOAD),
        (400, "ValidationException", "Malformed input request", REQUEST),
        (400, "ValidationException", "Input is too long for requested model.", CONTEXT),
        (403, "AccessDeniedException", "You may not use this model.", AUTH.at(FaultScope::Model)),
        (403, "UnrecognizedClientException", "The security token is invalid.", AUTH),
        (403, "ExpiredTokenException", "The security token has expired", AUTH),
        (404, "ResourceNotFoundException", "Could not resolve the model.", NO_MODEL),
    ];
    for (place, (status, name, message, fault)) in cases.into_iter().enumerate() {
        let full = format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/");
        let headers = [("x-amzn-ErrorType", full.as_str()), ("x-amzn-RequestId", "4b8a")];
        let reply = Reply::status(status, &headers, json!({"message": message}));
        shapes.add(&format!("{status}-{name}-{place}"), reply, fault);

        let body = json!({"__type": format!("com.amazonaws#{name}"), "message": message});
        let reply = Reply::status(status, &[], body);
        shapes.add(&format!("{status}-{name}-{place}-in-body"), reply, fault);

        let event = json!({name[..1].to_lowercase() + &name[1..]: {"message": message}});
        let delta = json!({"contentBlockDelta": {"delta": {"text": "4"}}});
        shapes.add(&format!("stream-{name}-{place}"), Reply::events([delta, event]), fault);
    }
    shapes.add("424", Reply::status(424, &[], ""), SERVER.at(FaultScope::Model));
    shapes.shapes
}
