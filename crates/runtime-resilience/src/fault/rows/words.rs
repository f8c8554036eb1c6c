//! The words and names that the rows for everybody look for. The sources are in `docs/faults.md`.

/// A message says that the request is larger than the model takes.
pub(super) const TOO_LONG: &[&str] = &[
    "context length",
    "context window",
    "context size",
    "context limit",
    "context exceeds",
    "context too l",
    "context is too l",
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
    "session_len",
    "input_length_error",
    "input is too long",
    "input too long",
    "input length",
    "inputs are too long",
    "input tokens exceed",
    "input token count",
    "input tokens exceeded",
    "max input token",
    "maximum input token",
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
    "message larger than max",
    "max message tokens",
    "shorter input",
    "shorter prompt",
    "text too long",
    "max allowed tokens",
    "find a kv slot",
    "compared to kv size",
    "n_keep",
    "truncate prompt",
    "entity too large",
    "context_length",
    "context_window",
    "contextlengthexceeded",
    "contextwindowexceeded",
    "contextoverflow",
    "上下文过长",
    "压缩上下文",
    "上下文长度",
    "上下文超",
    "输入过长",
    "超过最大长度",
    "超出最大长度",
];

/// The same, as parts of the names of errors.
pub(super) const LONG: &[&str] = &[
    "context_length",
    "contextlength",
    "context_window",
    "contextwindow",
    "context_too_l",
    "prompt_too_l",
    "prompt-too-l",
    "input_too_l",
];

/// A message speaks of what is sent to a model, …
pub(super) const INPUT: &[&str] = &[
    "token",
    "prompt",
    "content length",
    "content_length",
    "content size",
    "request size",
    "request body",
    "payload",
    "].content",
    "'input'",
    "conversation",
    "message too long",
    "messages too long",
    "上下文",
    "输入",
];

/// … and says that there is too much of it, …
pub(super) const TOO_MUCH: &[&str] = &[
    "too long",
    "too large",
    "exceed",
    "longer than",
    "larger than",
    "greater than",
    "is more than",
    "over the limit",
    "超出",
    "超过",
    "过长",
    "太长",
];

/// … and does not speak of what the answer may have, of a rate, or of a key.
pub(super) const ANOTHER_LIMIT: &[&str] = &[
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxoutputtokens",
    "max_new_tokens",
    "maximum tokens",
    "output token",
    "completion token",
    "budget",
    "quota",
    "rate limit",
    "per minute",
    "per day",
    "cache_key",
    "access token",
    "api token",
    "enqueued",
];

/// A message says that the model's tool call cannot be read.
pub(super) const TOOL_CALL: &[&str] = &[
    "error parsing tool call",
    "failed to parse tool call",
    "failed to parse input at pos",
    "invalid sequence as part of tooluse",
    "not output valid tool call",
    "failed to call a function",
    "failed to generate json",
    "invalid tool call arguments",
    "output that does not match",
    "malformed function call",
    "malformed tool call",
    "no object generated",
    "produced invalid content",
    "could not parse llm output",
    "contained no message or tool call",
    "malformed_function_call",
    "tool call validation failed",
];

/// Why an answer ended: the model wrote a tool call, or an answer, that cannot be read. Bedrock's names, and
/// Gemini's, which gateways keep.
pub(super) const MISSHAPEN: &[&str] = &[
    "malformed_function_call",
    "malformed_response",
    "malformed_tool_use",
    "malformed_model_output",
    "unexpected_tool_call",
];

/// A message says of a model …
pub(super) const MODEL: &[&str] = &["model", "endpoint", "模型"];

/// … that it is not there, or not any more.
pub(super) const GONE: &[&str] = &[
    "is no longer available",
    "does not exist",
    "on-demand throughput",
    "is not available",
    "isn't available",
    "no healthy deployments",
    "been decommissioned",
    "been retired",
    "been deprecated",
    "end of life",
    "end of its life",
    "by provider as legacy",
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
    "not available on this endpoint",
    "is only supported in v1/",
    "is unavailable",
    "is not running",
    "is not found for api version",
    "unsupported model",
    "不存在",
    "' not found",
    "\" not found",
    "` not found",
];

/// A message begins with the name of a model, …
pub(super) const THIS_MODEL: &[&str] = &["model ", "the model ", "requested model "];

/// … and says that it is not served.
pub(super) const NOT_SERVED: &[&str] = &[
    "is not supported",
    "not found",
    "not available",
    "not enabled",
    "is disabled",
    "is not allowed",
    "is deprecated",
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
    "n't support the model",
    "not support the model",
    "image input is not supported",
    "not work with the specified model",
    "support the requested model",
];

/// A message says that a model's template has no place for these messages.
pub(super) const NO_TEMPLATE: &[&str] = &[
    "jinja template",
    "chat template",
    "jinja exception",
    "--jinja",
    "roles must alternate",
    "roles should be alternating",
    "should alternate with",
    "no user query",
    "no user message",
    "no user/tool message",
    "no first user message",
    "system role not supported",
    "single tool-calls at once",
    "same number of function calls",
    "tool call ids should be",
    "failed to render",
];

/// A message says that the request itself is wrong, under whatever status a gateway passes it on, or without one.
pub(super) const MISTAKEN: &[&str] = &[
    "unknown parameter",
    "unsupported parameter",
    "unrecognized request argument",
    "extra inputs are not permitted",
    "missing required parameter",
    "was provided without its required",
    "must have a corresponding",
    "missing corresponding",
    "must be followed by tool messages",
    "must be a response to a prec",
    "no tool output found",
    "invalid schema for",
    "invalid function name",
    "invalid json payload",
    "contains an invalid argument",
    "must be passed back",
    "`signature` in `thinking`",
    "should be of type object",
    "input should be",
    "must be one of",
    "must specify a region",
    "invalid prompt: ",
    "invalid json schema",
    "but not both",
    "only support stream",
    "only supports stream",
    "llm provider not provided",
    "field required",
    "encrypted content for item",
    "encrypted_content",
    "request was malformed",
    "malformed request",
    "invalid parameter",
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

/// The model is not there, or not any more.
pub(super) const NO_MODEL: &[&str] = &[
    "model_not_found",
    "model_not_available",
    "model_not_supported",
    "unsupported_model",
    "model_decommissioned",
    "model_gone",
    "model_terms_required",
    "dedicated_endpoint_not_running",
    "invalid_model",
];

/// The same, as parts of names.
pub(super) const NO_SUCH_MODEL: &[&str] = &[
    "modelnotfound",
    "modelnotopen",
    "nosuchmodel",
    "unsupportedmodel",
    "unknown_model",
    "invalidendpointormodel",
];

/// In a stream or a text: a request that is none, as parts of the codes and types of Google's interactions, of gRPC,
/// Alibaba and others.
pub(super) const WRONG: &[&str] = &[
    "invalid_request",
    "failed_precondition",
    "out_of_range",
    "parameter_unknown",
    "already_exists",
    "unimplemented",
    "invalid_argument",
    "invalid_parameter",
    "invalid_value",
    "field_invalid",
    "validation_error",
    "invalid_encrypted_content",
    "bad_request",
    "InvalidArgument",
    "InvalidParameter",
    "InvalidRequest",
];

/// In a stream: the server failed.
pub(super) const FAILED: &[&str] = &[
    "api_error",
    "internal_error",
    "internal_server_error",
    "internalservice",
    "servererror",
    "request_failed",
    "aborted",
    "upstream_error",
    "upstream_disconnect",
    "provider_disconnected",
    "stream_truncated",
];

/// The client cannot read what came, in the words of JSON's readers: Rust, Python, JavaScript, Go.
pub(super) const UNREADABLE: &[&str] = &[
    "expected value at line",
    "eof while parsing",
    "failed to parse response",
    "failed to parse completion response",
    "expecting value: line",
    "jsondecodeerror",
    "decodingerror",
    "jsonexception",
    "not valid json",
    "in json at position",
    "couldn't be read",
    "couldn’t be read",
    "unexpected end of json input",
    "looking for beginning of value",
    "error decoding response body",
];
