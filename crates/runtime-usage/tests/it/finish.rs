//! Why answers ended, whole and streamed, as each provider says it.

use runtime_usage::{FinishReason, StreamUsage, UsageFormat};
use serde_json::{Value, json};

/// The words of an answer in these events.
fn streamed(format: UsageFormat, events: &[Value]) -> Vec<String> {
    let mut stream = StreamUsage::new(format);
    for event in events {
        stream.push(event).expect("its counts are valid");
    }
    words(&stream.usage().finish_reasons)
}

fn whole(format: UsageFormat, body: &Value) -> Vec<String> {
    words(&format.read(body).expect("its counts are valid").finish_reasons)
}

fn words(reasons: &[Option<FinishReason>]) -> Vec<String> {
    reasons.iter().flatten().map(ToString::to_string).collect()
}

/// A durable session keeps the word, and reads it again.
#[test]
fn every_reason_is_read_from_its_own_word() {
    use FinishReason::{ContentFilter, Error, Length, Other, Pause, Stop, ToolCall};
    for reason in [Stop, Length, ToolCall, ContentFilter, Error, Pause, Other] {
        assert_eq!(FinishReason::of(reason.as_str()), reason);
    }
}

/// Sources: `FinishReason` (Gemini, Vertex AI), *Chat* (Cohere), *Text generation* (TGI, watsonx),
/// *Chat completion* (Zhipu, `MiniMax`), *Compaction* (Anthropic).
#[test]
fn words_of_other_providers_are_known() {
    for (word, expected) in [
        ("IMAGE_PROHIBITED_CONTENT", "content_filter"),
        ("MODEL_ARMOR", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("NO_IMAGE", "error"),
        ("ERROR_TOXIC", "content_filter"),
        ("TIMEOUT", "error"),
        ("eos_token", "stop"),
        ("token_limit", "length"),
        ("sensitive", "content_filter"),
        ("max_output", "length"),
        ("compaction", "pause"),
        ("a word of tomorrow", "other"),
    ] {
        assert_eq!(FinishReason::of(word).as_str(), expected, "{word}");
    }
}

/// Sources: the references of *Create chat completion* and *Create a response* (`OpenAI`), *Handling stop
/// reasons* (Anthropic), `FinishReason` (Gemini), *Converse* (Bedrock), *Generate a chat completion* (Ollama).
#[test]
fn whole_answers_say_why_they_ended() {
    use UsageFormat as Format;
    for (format, body, expected) in [
        (Format::OpenAiChat, json!({"choices": [{"finish_reason": "tool_calls"}]}), "tool_call"),
        (Format::OpenAiChat, json!({"choices": [{"finish_reason": "length"}]}), "length"),
        (Format::OpenRouter, json!({"choices": [{"finish_reason": "stop"}]}), "stop"),
        (Format::OpenAiResponses, json!({"status": "completed", "output": []}), "stop"),
        (
            Format::OpenAiResponses,
            json!({"status": "completed", "output": [{"type": "reasoning"}, {"type": "function_call"}]}),
            "tool_call",
        ),
        (
            Format::OpenAiResponses,
            json!({"status": "completed", "output": [{"type": "custom_tool_call"}]}),
            "tool_call",
        ),
        (
            Format::OpenAiResponses,
            json!({"status": "completed", "output": [{"type": "web_search_call"}, {"type": "message"}]}),
            "stop",
        ),
        (Format::OpenAiResponses, json!({"status": "failed", "output": []}), "error"),
        (
            Format::OpenAiResponses,
            json!({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}),
            "length",
        ),
        (
            Format::OpenAiResponses,
            json!({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}),
            "content_filter",
        ),
        (Format::Anthropic, json!({"stop_reason": "end_turn"}), "stop"),
        (Format::Anthropic, json!({"stop_reason": "stop_sequence"}), "stop"),
        (Format::Anthropic, json!({"stop_reason": "tool_use"}), "tool_call"),
        (Format::Anthropic, json!({"stop_reason": "refusal"}), "content_filter"),
        (Format::Anthropic, json!({"stop_reason": "pause_turn"}), "pause"),
        (Format::Gemini, json!({"candidates": [{"finishReason": "MAX_TOKENS"}]}), "length"),
        (Format::Gemini, json!({"candidates": [{"finishReason": "SAFETY"}]}), "content_filter"),
        (Format::Gemini, json!({"candidates": [{"finishReason": "OTHER"}]}), "other"),
        (
            Format::Gemini,
            json!({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}),
            "error",
        ),
        (Format::Bedrock, json!({"stopReason": "guardrail_intervened"}), "content_filter"),
        (Format::Bedrock, json!({"stopReason": "max_tokens"}), "length"),
        (Format::Ollama, json!({"done": true, "done_reason": "stop"}), "stop"),
    ] {
        assert_eq!(whole(format, &body), [expected], "{body}");
    }
    for body in [json!({}), json!({"choices": [{"finish_reason": null}]}), json!({"choices": 7})] {
        assert_eq!(whole(UsageFormat::OpenAiChat, &body), [""; 0], "{body}");
    }
}

#[test]
fn streams_say_why_they_ended() {
    use UsageFormat as Format;
    let chat = [
        json!({"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": null}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
        json!({"choices": [{"index": 6, "delta": {}, "finish_reason": "stop"}]}),
        json!({"choices": [{"index": u64::MAX, "delta": {}, "finish_reason": "stop"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}),
    ];
    assert_eq!(streamed(Format::OpenAiChat, &chat), ["stop", "length"], "in order of the choices");
    let anthropic = [
        json!({"type": "message_start", "message": {"stop_reason": null}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}),
    ];
    assert_eq!(streamed(Format::Anthropic, &anthropic), ["length"]);
    let responses = [
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        json!({"type": "response.completed", "response": {"status": "completed", "output": []}}),
    ];
    assert_eq!(streamed(Format::OpenAiResponses, &responses), ["stop"]);
    let gemini = [json!({"candidates": [{}]}), json!({"candidates": [{"finishReason": "STOP"}]})];
    assert_eq!(streamed(Format::Gemini, &gemini), ["stop"]);
    let bedrock = [
        json!({"messageStop": {"stopReason": "tool_use"}}),
        json!({"metadata": {"usage": {"inputTokens": 1, "outputTokens": 1}}}),
    ];
    assert_eq!(streamed(Format::Bedrock, &bedrock), ["tool_call"]);
    let llama = [json!({"generation": "a", "stop_reason": null}), json!({"stop_reason": "length"})];
    assert_eq!(streamed(Format::Bedrock, &llama), ["length"], "invoked");
}
