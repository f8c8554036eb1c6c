//! One case of each form that callers capture. The forms are those of the providers' references.

use serde_json::{Value as Json, json};

use super::{answered, asked};

fn asked_of(prompt: &Json) -> (Option<Json>, Json) {
    let asked = asked(prompt);
    (asked.system, asked.messages)
}

fn said(text: &str) -> Json {
    json!([{ "type": "text", "content": text }])
}

#[test]
fn a_text_is_the_users() {
    let expected = json!([{ "role": "user", "parts": said("hello") }]);
    assert_eq!(asked_of(&json!("hello")), (None, expected));
}

#[test]
fn an_unknown_form_is_shown_as_its_json() {
    for unknown in [json!({ "question": 7 }), json!([1, 2]), json!(null), json!([{ "a": 1 }, 2])] {
        let expected = json!([{ "role": "user", "parts": said(&unknown.to_string()) }]);
        assert_eq!(asked_of(&unknown), (None, expected));
    }
}

/// A conversation with a call of a tool, as each provider's request has it.
#[test]
fn a_conversation_is_the_same_from_every_provider() {
    let expected = json!([
        { "role": "user", "parts": said("weather?") },
        { "role": "assistant", "parts": [
            { "type": "tool_call", "id": "call_1", "name": "look_up", "arguments": { "at": "Oslo" } }
        ] },
        { "role": "tool", "parts": [
            { "type": "tool_call_response", "id": "call_1", "response": "rain" }
        ] },
    ]);
    let chats = json!({ "model": "gpt-5", "messages": [
        { "role": "user", "content": "weather?" },
        { "role": "assistant", "content": null, "tool_calls": [{
            "id": "call_1", "type": "function",
            "function": { "name": "look_up", "arguments": "{\"at\": \"Oslo\"}" }
        }] },
        { "role": "tool", "tool_call_id": "call_1", "content": "rain" },
    ] });
    let responses = json!({ "model": "gpt-5", "input": [
        { "role": "user", "content": [{ "type": "input_text", "text": "weather?" }] },
        { "type": "function_call", "call_id": "call_1", "name": "look_up", "arguments": "{\"at\":\"Oslo\"}" },
        { "type": "function_call_output", "call_id": "call_1", "output": "rain" },
    ] });
    assert_eq!(asked_of(&chats), (None, expected.clone()));
    assert_eq!(asked_of(&chats["messages"]), (None, expected.clone()));
    assert_eq!(asked_of(&responses), (None, expected.clone()));
    // In the conventions' own form already.
    assert_eq!(asked_of(&expected), (None, expected.clone()));

    // Where a result is in a message of the user's.
    let mut by_user = expected;
    by_user[2]["role"] = "user".into();
    let anthropic = json!({ "messages": [
        { "role": "user", "content": "weather?" },
        { "role": "assistant", "content": [
            { "type": "tool_use", "id": "call_1", "name": "look_up", "input": { "at": "Oslo" } }
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "call_1", "content": "rain" }
        ] },
    ] });
    let bedrock = json!({ "messages": [
        { "role": "user", "content": [{ "text": "weather?" }] },
        { "role": "assistant", "content": [
            { "toolUse": { "toolUseId": "call_1", "name": "look_up", "input": { "at": "Oslo" } } }
        ] },
        { "role": "user", "content": [
            { "toolResult": { "toolUseId": "call_1", "content": "rain" } }
        ] },
    ] });
    let gemini = json!({ "contents": [
        { "role": "user", "parts": [{ "text": "weather?" }] },
        { "role": "model", "parts": [
            { "functionCall": { "id": "call_1", "name": "look_up", "args": { "at": "Oslo" } } }
        ] },
        { "role": "user", "parts": [
            { "functionResponse": { "id": "call_1", "name": "look_up", "response": "rain" } }
        ] },
    ] });
    for request in [anthropic, bedrock, gemini] {
        assert_eq!(asked_of(&request), (None, by_user.clone()));
    }
}

#[test]
fn instructions_apart_from_the_messages_are_the_system() {
    let messages = json!([{ "role": "user", "content": "hi" }]);
    for request in [
        json!({ "system": "be brief", "messages": messages }),
        json!({ "system": [{ "type": "text", "text": "be brief" }], "messages": messages }),
        json!({ "system": [{ "text": "be brief" }], "messages": messages }),
        json!({ "instructions": "be brief", "input": "hi" }),
        json!({
            "systemInstruction": { "parts": [{ "text": "be brief" }] },
            "contents": [{ "role": "user", "parts": [{ "text": "hi" }] }]
        }),
    ] {
        let expected = json!([{ "role": "user", "parts": said("hi") }]);
        assert_eq!(asked_of(&request), (Some(said("be brief")), expected));
    }
    // Among the messages, they stay there.
    let (system, among) = asked_of(&json!([{ "role": "system", "content": "be brief" }]));
    assert_eq!((system, &among[0]["role"]), (None, &json!("system")));
}

#[test]
fn an_answer_is_the_same_from_every_provider() {
    let message = json!({ "role": "assistant", "content": "rain" });
    let expected = json!([{ "role": "assistant", "parts": said("rain"), "finish_reason": "stop" }]);
    for response in [
        json!("rain"),
        message.clone(),
        json!({ "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }] }),
        json!({ "choices": [{ "text": "rain", "finish_reason": "stop" }] }),
        json!({
            "type": "message", "role": "assistant", "stop_reason": "end_turn",
            "content": [{ "type": "text", "text": "rain" }]
        }),
        json!({ "status": "completed", "output": [{
            "type": "message", "role": "assistant", "content": [{ "type": "output_text", "text": "rain" }]
        }] }),
        json!({ "candidates": [{
            "content": { "role": "model", "parts": [{ "text": "rain" }] }, "finishReason": "STOP"
        }] }),
        json!({ "output": { "message": { "role": "assistant", "content": [{ "text": "rain" }] } },
            "stopReason": "end_turn" }),
        json!({ "model": "llama3", "message": message, "done_reason": "stop" }),
        json!({ "text": "rain" }),
        expected.clone(),
    ] {
        assert_eq!(answered(&response), expected, "{response}");
    }
    let other = json!({ "score": 3 });
    assert_eq!(answered(&other)[0]["parts"], said(r#"{"score":3}"#));
}

#[test]
fn thoughts_and_calls_in_an_answer_are_parts_of_it() {
    let expected = json!([{ "role": "assistant", "finish_reason": "tool_call", "parts": [
        { "type": "reasoning", "content": "hm" },
        { "type": "tool_call", "id": "call_1", "name": "look_up", "arguments": {} },
    ] }]);
    for response in [
        json!({ "choices": [{ "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "", "reasoning_content": "hm",
            "tool_calls": [{ "id": "call_1", "function": { "name": "look_up", "arguments": "{}" } }]
        } }] }),
        json!({ "role": "assistant", "stop_reason": "tool_use", "content": [
            { "type": "thinking", "thinking": "hm", "signature": "…" },
            { "type": "tool_use", "id": "call_1", "name": "look_up", "input": {} },
        ] }),
        json!({ "output": [
            { "type": "reasoning", "id": "rs_1", "summary": [{ "type": "summary_text", "text": "hm" }] },
            { "type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": "{}" },
        ] }),
        json!({ "candidates": [{ "content": { "role": "model", "parts": [
            { "text": "hm", "thought": true },
            { "functionCall": { "id": "call_1", "name": "look_up", "args": {} } },
        ] } }] }),
    ] {
        assert_eq!(answered(&response), expected, "{response}");
    }
}

#[test]
fn several_choices_are_several_messages_with_their_reasons() {
    let choice = |text: &str, reason: &str| {
        let message = json!({ "role": "assistant", "content": text });
        json!({ "message": message, "finish_reason": reason })
    };
    let answers = answered(&json!({ "choices": [choice("a", "length"), choice("b", "odd")] }));
    assert_eq!(
        (&answers[0]["finish_reason"], &answers[1]["finish_reason"]),
        (&json!("length"), &json!("odd"))
    );
    assert_eq!(answers[1]["parts"], said("b"));
}

#[test]
fn media_are_blobs_and_addresses() {
    let parts = |content: Json| {
        asked_of(&json!([{ "role": "user", "content": content }])).1[0]["parts"].clone()
    };
    let blob = json!([{ "type": "blob", "modality": "image", "mime_type": "image/png", "content": "AA==" }]);
    for inline in [
        json!([{ "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } }]),
        json!([{ "type": "input_image", "image_url": "data:image/png;base64,AA==" }]),
        json!([{ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AA==" } }]),
        json!([{ "inlineData": { "mimeType": "image/png", "data": "AA==" } }]),
    ] {
        assert_eq!(parts(inline), blob);
    }
    let linked =
        json!([{ "type": "image_url", "image_url": { "url": "https://a.example/b.png" } }]);
    let expected =
        json!([{ "type": "uri", "modality": "image", "uri": "https://a.example/b.png" }]);
    assert_eq!(parts(linked), expected);
    // Of a kind without a name in the conventions.
    let other = json!([{ "type": "search_result", "title": "t" }]);
    assert_eq!(parts(other.clone()), other);
}
