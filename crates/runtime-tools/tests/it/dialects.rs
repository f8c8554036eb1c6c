//! Tools, calls and results as providers write them.

use runtime_orchestrator::{BoxError, Orchestrator};
use runtime_tools::{Dialect, Tool, ToolRunner, ToolUse, Toolbox};
use serde_json::{Value, json};

use crate::{run, search};

/// A reply of each provider with one call of `search`, as its documentation shows it.
fn replies() -> [(Dialect, Value); 5] {
    let args = json!({ "query": "a" });
    [
        (
            Dialect::OpenAi,
            json!({ "choices": [{ "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": null,
                "tool_calls": [{ "id": "1", "type": "function",
                    "function": { "name": "search", "arguments": "{\"query\":\"a\"}" } }] } }] }),
        ),
        (
            Dialect::Responses,
            json!({ "output": [
                { "type": "reasoning", "id": "rs_1", "summary": [] },
                { "type": "function_call", "id": "fc_1", "call_id": "1", "name": "search",
                  "arguments": "{\"query\":\"a\"}" }] }),
        ),
        (
            Dialect::Anthropic,
            json!({ "role": "assistant", "stop_reason": "tool_use", "content": [
                { "type": "text", "text": "I look." },
                { "type": "tool_use", "id": "1", "name": "search", "input": args }] }),
        ),
        (
            Dialect::Gemini,
            json!({ "candidates": [{ "content": { "role": "model", "parts": [
                { "functionCall": { "id": "1", "name": "search", "args": args } }] } }] }),
        ),
        (
            Dialect::Converse,
            json!({ "stopReason": "tool_use", "output": { "message": { "role": "assistant", "content": [
                { "text": "I look." },
                { "toolUse": { "toolUseId": "1", "name": "search", "input": args } }] } } }),
        ),
    ]
}

/// The results of a good and of a bad call, in a dialect.
fn results(dialect: Dialect) -> Vec<Value> {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let toolbox = Toolbox::new().with(search()).unwrap();
    let good = ToolUse::new("1", "search", json!({ "query": "a" }));
    let bad = ToolUse::new("2", "search", json!({}));
    let results = run(ToolRunner::new(&session, &toolbox).run(vec![good, bad])).unwrap();
    dialect.results(&results)
}

const BAD: &str = "invalid arguments of tool `search`: missing field `query`";

#[test]
fn call_of_each_provider_is_read() {
    for (dialect, reply) in replies() {
        let uses = dialect.uses(&reply);
        assert_eq!(uses.len(), 1, "{dialect:?}");
        assert_eq!((uses[0].id.as_str(), uses[0].name.as_str()), ("1", "search"), "{dialect:?}");
    }
}

#[test]
fn reply_without_calls_has_none() {
    for (dialect, _) in replies() {
        for reply in [json!({}), json!(null), json!({ "content": "hi" }), json!([{ "name": "x" }])]
        {
            assert!(dialect.uses(&reply).is_empty(), "{dialect:?} {reply}");
        }
    }
}

#[test]
fn message_alone_is_read_like_the_whole_reply() {
    let places = [
        (Dialect::OpenAi, "/choices/0/message"),
        (Dialect::Responses, "/output"),
        (Dialect::Gemini, "/candidates/0/content"),
        (Dialect::Converse, "/output/message"),
    ];
    for ((dialect, place), (_, reply)) in
        places.into_iter().zip(replies().into_iter().filter(|(d, _)| *d != Dialect::Anthropic))
    {
        let message = reply.pointer(place).unwrap();
        assert_eq!(dialect.uses(message), dialect.uses(&reply), "{dialect:?}");
    }
}

#[test]
fn results_of_openai_are_messages_of_their_own() {
    assert_eq!(
        results(Dialect::OpenAi),
        [
            json!({ "role": "tool", "tool_call_id": "1", "content": "10 of a" }),
            json!({ "role": "tool", "tool_call_id": "2", "content": BAD }),
        ]
    );
    let outputs = results(Dialect::Responses);
    let output = json!({ "type": "function_call_output", "call_id": "1", "output": "10 of a" });
    assert_eq!(outputs[0], output);
}

#[test]
fn results_of_the_others_are_one_message() {
    assert_eq!(
        results(Dialect::Anthropic),
        [json!({ "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "1", "content": "10 of a" },
            { "type": "tool_result", "tool_use_id": "2", "content": BAD, "is_error": true },
        ] })]
    );
    assert_eq!(
        results(Dialect::Gemini),
        [json!({ "role": "user", "parts": [
            { "functionResponse": { "id": "1", "name": "search", "response": { "result": "10 of a" } } },
            { "functionResponse": { "id": "2", "name": "search", "response": { "error": BAD } } },
        ] })]
    );
    assert_eq!(
        results(Dialect::Converse),
        [json!({ "role": "user", "content": [
            { "toolResult": { "toolUseId": "1", "content": [{ "text": "10 of a" }], "status": "success" } },
            { "toolResult": { "toolUseId": "2", "content": [{ "text": BAD }], "status": "error" } },
        ] })]
    );
}

#[test]
fn tools_are_offered_as_each_provider_wants_them() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let clock = Tool::new("clock", "Tells the time.", async |()| Ok::<_, BoxError>("noon"));
    let toolbox = Toolbox::new().with(clock).unwrap();
    let offer = |dialect| toolbox.offer(dialect, &session);
    let none = json!({ "type": "object", "properties": {} });
    let said = |key: &str| json!({ "name": "clock", "description": "Tells the time.", key: none });

    let openai = json!([{ "type": "function", "function": said("parameters") }]);
    assert_eq!(offer(Dialect::OpenAi), openai);
    let mut responses = said("parameters");
    responses["type"] = "function".into();
    // Its default would make every argument required.
    responses["strict"] = false.into();
    assert_eq!(offer(Dialect::Responses), json!([responses]));
    assert_eq!(offer(Dialect::Anthropic), json!([said("input_schema")]));
    let gemini = json!([{ "functionDeclarations": [said("parametersJsonSchema")] }]);
    assert_eq!(offer(Dialect::Gemini), gemini);
    let spec = json!({
        "name": "clock", "description": "Tells the time.", "inputSchema": { "json": none },
    });
    assert_eq!(offer(Dialect::Converse), json!([{ "toolSpec": spec }]));
    assert_eq!(Toolbox::new().offer(Dialect::Gemini, &session), json!([]));
}

#[test]
fn result_without_a_word_is_sent_in_words_where_it_must_be() {
    let session = Orchestrator::new("writer", "draft").session().unwrap();
    let silent = Tool::new("silent", "", async |()| Ok::<_, BoxError>(" \n"));
    let broken = Tool::new("broken", "", async |()| Err::<(), BoxError>("".into()));
    let toolbox = Toolbox::new().with_all([silent, broken]).unwrap();
    let calls = ["silent", "broken"].map(|name| ToolUse::new(name, name, json!({})));
    let results = run(ToolRunner::new(&session, &toolbox).run(calls.to_vec())).unwrap();

    let converse = &Dialect::Converse.results(&results)[0]["content"];
    for at in [0, 1] {
        let text = converse[at]["toolResult"]["content"][0]["text"].as_str().unwrap();
        assert!(!text.trim().is_empty(), "{converse}");
    }
    let anthropic = &Dialect::Anthropic.results(&results)[0]["content"];
    assert_eq!(anthropic[1]["is_error"], true);
    assert!(!anthropic[1]["content"].as_str().unwrap().trim().is_empty(), "{anthropic}");
}
