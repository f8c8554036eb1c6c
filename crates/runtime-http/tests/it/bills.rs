//! What is billed where a reply does not say all of it.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use runtime_http::{Ask, Framing, Meter, Place, Turns};
use runtime_resilience::Route;
use runtime_usage::{ReportedUsage, UsageSnapshot, Usd};
use serde_json::{Value, json};
use tower_service::Service;

use crate::support::{Fixture, Said, Script};

fn ask(url: &str, body: &Value) -> Ask {
    let uri: Uri = url.parse().unwrap();
    Ask::of(&Method::POST, &uri, body.to_string().as_bytes()).expect("it is a call")
}

/// The usage of a stream that breaks off behind these events.
fn cut(url: &str, events: &[Value]) -> ReportedUsage {
    let mut meter =
        Meter::new(&ask(url, &json!({"model": "m", "stream": true})), Framing::Events, UNIX_EPOCH);
    for event in events {
        meter.push(&Bytes::from(format!("data: {event}\n\n")));
    }
    meter.usage().expect("a part came")
}

#[tokio::test]
async fn answer_in_the_background_is_billed_by_its_reservation() {
    for status in ["queued", "in_progress"] {
        let fixture = Fixture::new(&["m"]).await;
        let reply = json!({"id": "resp_1", "object": "response", "status": status, "error": null,
            "model": "m", "output": [], "usage": null});
        let client = Script::of([Said::json(200, &reply)]);
        let body = json!({"model": "m", "input": "Think.", "background": true,
            "max_output_tokens": 50_000});
        let request = Request::post("https://api.openai.com/v1/responses")
            .body(Full::<Bytes>::from(body.to_string()))
            .unwrap();
        let answer = Turns::of(&fixture.session).layer(client).call(request).await.unwrap();
        let seen = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(seen, reply.to_string());
        let books = fixture.books();
        assert_eq!(books.story, ["turn", "m answered", "answered"]);
        // Fifty thousand tokens out at two dollars a million, and a few in.
        let (least, most) = (Usd::from_nanos(100_000_000), Usd::from_nanos(100_100_000));
        assert!(books.estimated && (least..most).contains(&books.cost), "{books:?}");
    }
}

#[test]
fn answer_that_is_made_later_is_no_short_answer() {
    let chat = "https://api.x.ai/v1/chat/completions";
    for reply in [
        // xAI, Perplexity, Z.ai.
        json!({"request_id": "f15c114e"}),
        json!({"id": "1", "model": "m", "created_at": 1, "status": "CREATED"}),
        json!({"request_id": "1", "id": "2", "model": "m", "task_status": "PROCESSING"}),
    ] {
        let mut meter = Meter::new(
            &ask(chat, &json!({"model": "m", "deferred": true})),
            Framing::Whole,
            UNIX_EPOCH,
        );
        meter.push(&Bytes::from(reply.to_string()));
        meter.finish();
        assert!(meter.has_ended() && meter.error().is_none(), "{reply}");
        assert_eq!(meter.usage(), None, "{reply}: its reservation stays");
    }
}

#[tokio::test]
async fn cost_that_another_place_reports_counts() {
    let fixture = Fixture::new(&["down", "m"]).await;
    let down = Said::json(503, &json!({"error": {"message": "Service unavailable"}}));
    let answer = Said::json(
        200,
        &json!({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.25,
                "is_byok": true, "cost_details": {"upstream_inference_cost": 0.5}}}),
    );
    let place = Place::of(&Route::new("m", "m"), "https://openrouter.ai/api/v1").unwrap();
    let request = Request::post("https://api.openai.com/v1/chat/completions")
        .body(Full::<Bytes>::from(r#"{"model":"down"}"#))
        .unwrap();
    let turns = Turns::of(&fixture.session).place(place);
    turns.layer(Script::of([down, answer])).call(request).await.unwrap();
    assert_eq!(fixture.books().cost, Usd::from_nanos(750_000_000));
}

#[test]
fn embeddings_have_the_form_of_their_path() {
    // The paths for clients of OpenAI, at servers with an API of their own.
    for url in [
        "https://generativelanguage.googleapis.com/v1beta/openai/embeddings",
        "http://localhost:11434/v1/embeddings",
    ] {
        let mut meter =
            Meter::new(&ask(url, &json!({"model": "m", "input": "a"})), Framing::Whole, UNIX_EPOCH);
        let reply = json!({"data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}});
        meter.push(&Bytes::from(reply.to_string()));
        meter.finish();
        let usage = meter.usage().unwrap();
        assert_eq!((usage.tokens, usage.estimated), (UsageSnapshot::new(8, 0), false), "{url}");
    }
}

#[test]
fn text_of_every_kind_of_chunk_counts_in_an_estimate() {
    let completions = "https://api.mistral.ai/v1/fim/completions";
    let text = json!({"choices": [{"index": 0, "text": "12345678", "finish_reason": null}]});
    assert_eq!(cut(completions, &[text.clone(), text]).tokens.output_tokens, 4);
    let chat = "https://api.openai.com/v1/chat/completions";
    let call =
        json!({"choices": [{"delta": {"function_call": {"name": "1234", "arguments": "5678"}}}]});
    assert_eq!(cut(chat, &[call]).tokens.output_tokens, 2);
}

#[test]
fn usage_of_nothing_is_no_report_of_a_text() {
    let chat = "https://api.openai.com/v1/chat/completions";
    let nothing = json!({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0});
    let zeros = |text: &str, why: Value, usage: &Value| json!({"choices": [{"delta": {"content": text}, "finish_reason": why}], "usage": usage});
    for usage in [&nothing, &json!({})] {
        let events = [zeros("", Value::Null, usage), zeros("12345678", "stop".into(), usage)];
        let told = cut(chat, &events);
        assert_eq!((told.tokens.output_tokens, told.estimated), (2, true), "{usage}");
        assert!(told.tokens.input_tokens > 0, "{usage}");
        // One that comes later counts.
        let real = json!({"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11});
        let last = json!({"choices": [], "usage": real});
        let told = cut(chat, &[events[0].clone(), events[1].clone(), last]);
        assert_eq!((told.tokens, told.estimated), (UsageSnapshot::new(9, 2), false), "{usage}");
    }
}

#[tokio::test]
async fn turn_of_several_choices_ends_with_the_last() {
    let fixture = Fixture::new(&["m"]).await;
    let chunk = |index: u64, why: Value, tokens: u64| {
        let chunk = json!({"choices": [{"index": index, "delta": {"content": "word"}, "finish_reason": why}],
            "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}});
        format!("data: {chunk}\n\n")
    };
    // Each chunk has the usage so far, as those of vLLM do if they are asked for it.
    let pieces = [
        chunk(0, Value::Null, 1),
        chunk(0, "stop".into(), 2),
        chunk(1, Value::Null, 100),
        chunk(1, "stop".into(), 200),
        "data: [DONE]\n\n".to_owned(),
    ];
    let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
    let client = Script::of([Said::events(&pieces)]);
    let request = Request::post("https://api.openai.com/v1/chat/completions")
        .body(Full::<Bytes>::from(r#"{"model":"m","stream":true,"n":2}"#))
        .unwrap();
    let reply = Turns::of(&fixture.session).layer(client).call(request).await.unwrap();
    reply.into_body().collect().await.unwrap();
    let books = fixture.books();
    assert_eq!((books.tokens, books.estimated), (UsageSnapshot::new(9, 200), false));
}

#[test]
fn limit_is_that_of_all_choices() {
    let gemini = "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent";
    let config = |count: &str| json!({"generationConfig": {"maxOutputTokens": 7, count: 3}});
    assert_eq!(ask(gemini, &config("candidateCount")).max_output, Some(21));
    assert_eq!(ask(gemini, &config("candidate_count")).max_output, Some(21));
    // All of them are made, and the best are returned.
    let completions = "https://api.openai.com/v1/completions";
    let body = json!({"max_tokens": 10, "n": 2, "best_of": 5});
    assert_eq!(ask(completions, &body).max_output, Some(50));
}

#[tokio::test]
async fn usage_is_asked_for_beside_other_options_of_a_stream() {
    for (options, expected) in [
        (Value::Null, json!({"include_usage": true})),
        (
            json!({"include_obfuscation": false}),
            json!({"include_obfuscation": false, "include_usage": true}),
        ),
        (json!({"include_usage": false}), json!({"include_usage": false})),
    ] {
        let fixture = Fixture::new(&["m"]).await;
        let client = Script::of([Said::events(&["data: [DONE]\n\n"])]);
        let body = json!({"model": "m", "stream": true, "stream_options": options});
        let request = Request::post("https://api.openai.com/v1/chat/completions")
            .body(Full::<Bytes>::from(body.to_string()))
            .unwrap();
        let turns = Turns::of(&fixture.session).ask_for_usage();
        turns.layer(client.clone()).call(request).await.unwrap();
        let sent: Value = serde_json::from_slice(client.requests()[0].body()).unwrap();
        assert_eq!((&sent["stream_options"], &sent["model"]), (&expected, &json!("m")));
    }
}
