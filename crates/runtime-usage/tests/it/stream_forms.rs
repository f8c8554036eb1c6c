//! What counts as text in the chunks of a stream, and what ends one, in each server's form.

use runtime_usage::{StreamUsage, UsageFormat};
use serde_json::{Value, json};

use crate::support::fed;

#[test]
fn text_of_every_form_of_chunk_counts_as_output() {
    let eight = "8 bytes!";
    let delta = |delta: Value| json!({"choices": [{"delta": delta}]});
    for (chunk, tokens) in [
        (json!({"choices": [{"text": eight}]}), 2),
        (json!({"choices": [{"text": eight, "delta": {"content": eight}}]}), 4),
        (delta(json!({"content": eight, "refusal": eight})), 4),
        (delta(json!({"content": [{"text": eight}]})), 3), // Its key counts, too.
        (delta(json!({"content": eight, "reasoning": eight, "reasoning_content": eight})), 4),
        (delta(json!({"reasoning": eight, "reasoning_details": [{"text": eight}]})), 2),
        (delta(json!({"reasoning_details": [{"text": eight}], "content": eight})), 4),
        (
            delta(
                json!({"content": eight, "function_call": {"name": "look", "arguments": "{a:}"}}),
            ),
            4,
        ),
        (delta(json!({"content": null, "function_call": null})), 0),
        (json!({"choices": [{"delta": {"content": eight}}, {"delta": {"content": eight}}]}), 4),
        // Of other servers.
        (json!({"type": "response.output_text.delta", "delta": eight}), 2),
        (json!({"delta": {"message": {"content": {"text": eight}}}}), 2),
        (json!({"delta": {"message": {"content": {"thinking": eight}}}}), 2),
        (json!({"delta": {"message": {"tool_plan": eight}}}), 2),
        (
            json!({"delta": {"message": {"content": {"text": eight}, "tool_calls":
                {"function": {"name": "look", "arguments": "{a:}"}}}}}),
            4,
        ),
        (json!({"event_type": "text-generation", "text": eight}), 2),
        (json!({"event_type": "stream-start", "text": eight}), 0),
        (json!({"event_type": "tool-calls-chunk", "tool_call_delta": {"text": eight}}), 2),
        (json!({"token": {"text": eight}, "generated_text": null}), 2),
        (json!({"content": eight, "stop": false}), 2),
    ] {
        let stream = StreamUsage::new(UsageFormat::OpenAiChat);
        let cut = fed(stream.clone().input_estimate(1_000), std::slice::from_ref(&chunk));
        assert_eq!(cut.usage().tokens.output_tokens, tokens, "{chunk}");
        let twice = fed(stream.input_estimate(1_000), &[chunk.clone(), chunk.clone()]);
        assert_eq!(twice.usage().tokens.output_tokens, 2 * tokens, "{chunk}");
    }
}

#[test]
fn stream_is_complete_by_the_word_of_its_server() {
    use UsageFormat::{Anthropic, Ollama, OpenAiChat};
    let counts = json!({"usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let ends = |format: UsageFormat, counts: &Value, last: Value| {
        fed(StreamUsage::new(format), &[counts.clone(), last]).is_complete()
    };
    for (last, is_end) in [
        (json!({"type": "message-end"}), true),
        (json!({"event_type": "stream-end"}), true),
        (json!({"type": "conversation.response.done"}), true),
        (json!({"type": "chat.end"}), true),
        (json!({"type": "message-start"}), false),
        (json!({"stop": true}), true),
        (json!({"stop": false}), false),
        (json!({"details": {"finish_reason": "length"}}), true),
        (json!({"details": null}), false),
        (json!({"results": [{"stop_reason": "eos_token"}]}), true),
        (json!({"results": [{"stop_reason": "not_finished"}]}), false),
    ] {
        assert_eq!(ends(OpenAiChat, &counts, last.clone()), is_end, "{last}");
    }
    let begun = json!({"type": "message_start", "message": {"usage": {"input_tokens": 3}}});
    let told = json!({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 2}});
    for (kind, is_end) in [("message_stop", true), ("ping", false)] {
        let events = [begun.clone(), told.clone(), json!({"type": kind})];
        assert_eq!(fed(StreamUsage::new(Anthropic), &events).is_complete(), is_end, "{kind}");
    }
    let done = |done| json!({"done": done, "prompt_eval_count": 3, "eval_count": 2});
    assert!(ends(Ollama, &json!({"done": false}), done(true)));
    assert!(!ends(Ollama, &json!({"done": false}), done(false)));
}
