//! The ends of calls: by the client, by the caller, by the session, by time, and by the last word.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, join};
use http_body_util::{BodyExt, Full};
use runtime_events::{AgentEventName, ManualClock};
use runtime_http::{Turns, turn_error};
use runtime_orchestrator::TurnError;
use tower_service::Service;

use crate::support::{Fixture, Reply, Said, Script, doors};

#[tokio::test]
async fn client_that_leaves_cancels_and_one_with_the_whole_answer_does_not() {
    for door in doors() {
        let fixture = Fixture::new(&["idle", "silent"]).await;
        let turns = Turns::of(&fixture.session);
        let mut chunks = door.stream(&turns, &fixture.provider, "idle").await.unwrap();
        for _ in 0..10 {
            chunks.next().await.unwrap().unwrap();
        }
        assert!(fixture.session.complete().is_err(), "{door:?}: a turn is under way");
        drop(chunks);
        settled(&fixture).await;
        let books = fixture.books();
        assert_eq!(books.story, ["turn", "idle cancelled", "ended"], "{door:?}");
        assert!(books.estimated && books.tokens.output_tokens > 0, "{door:?}");

        // Its usage is not reported; the client stops at the last word.
        let fixture = Fixture::new(&["silent"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Stream(_, None) = door.read(&turns, &fixture.provider, "silent").await else {
            panic!("{door:?}: it is whole")
        };
        settled(&fixture).await;
        let books = fixture.books();
        assert_eq!(books.story, ["turn", "silent answered", "answered"], "{door:?}");
        assert!(books.estimated, "{door:?}");
    }
}

/// Waits until no turn is under way: a client may drop its stream in another task.
async fn settled(fixture: &Fixture) {
    for _ in 0..10_000 {
        let ended = |name| fixture.events.all(name).len();
        let begun = ended(AgentEventName::TurnStarted);
        if ended(AgentEventName::TurnCompleted) + ended(AgentEventName::TurnFailed) == begun {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("a turn is still under way");
}

#[tokio::test]
async fn caller_that_drops_the_call_cancels_it() {
    for door in doors() {
        let fixture = Fixture::new(&["pending"]).await;
        let turns = Turns::of(&fixture.session);
        let call = door.chat(&turns, &fixture.provider, "pending");
        tokio::select! {
            biased;
            _ = call => panic!("{door:?}: it is never answered"),
            () = async {
                while fixture.provider.hits().is_empty() {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
        assert_eq!(fixture.story(), ["turn", "pending cancelled", "ended"], "{door:?}");
    }
}

#[tokio::test]
async fn session_that_ends_ends_the_stream() {
    for door in doors() {
        let fixture = Fixture::new(&["idle"]).await;
        let turns = Turns::of(&fixture.session);
        let mut chunks = door.stream(&turns, &fixture.provider, "idle").await.unwrap();
        for _ in 0..10 {
            chunks.next().await.unwrap().unwrap();
        }
        fixture.session.cancel("enough").unwrap();
        chunks.next().await.unwrap().unwrap_err();
        settled(&fixture).await;
        let books = fixture.books();
        assert_eq!(books.story, ["turn", "idle cancelled", "ended"], "{door:?}");
        // Forty bytes came.
        assert_eq!((books.tokens.output_tokens, books.estimated), (10, true), "{door:?}");
    }
}

#[tokio::test]
async fn stream_that_falls_silent_is_billed_by_what_came() {
    let fixture = Fixture::with(&["m"], |o| o.time(ManualClock::skipping())).await;
    let second = std::time::Duration::from_secs(1);
    let turns = Turns::of(&fixture.session).each(move |_, turn| turn.idle_timeout(second));
    let client = Script::of([Said::events(&[
        "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"9012\"}}]}\n\n",
    ])
    .open()]);
    let request = http::Request::post("https://api.openai.com/v1/chat/completions")
        .body(Full::<Bytes>::from(r#"{"model":"m","stream":true}"#))
        .unwrap();
    let reply = turns.layer(client).call(request).await.unwrap();
    reply.into_body().collect().await.unwrap_err();
    let books = fixture.books();
    assert_eq!(books.story, ["turn", "m timed_out", "ended"]);
    assert_eq!((books.tokens.output_tokens, books.estimated), (3, true));
}

/// The types of content that servers give streams, where they give one.
const TYPES: [&str; 6] = [
    "",
    "text/plain; charset=utf-8",
    "application/octet-stream",
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
];

#[tokio::test]
async fn stream_passes_as_it_comes_whatever_its_type() {
    const OPENAI: &str = "https://api.openai.com/v1/chat/completions";
    const OLLAMA: &str = "http://localhost:11434/api/chat";
    const GEMINI: &str =
        "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent";
    let events = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"9012\"}}]}\n\n",
    ];
    let named = [": hello\n\n", "event: chunk\n", events[0], "id: 2\nretry: 1\n", events[1]];
    let lines = [
        "{\"message\":{\"content\":\"12345678\"},\"done\":false}\n",
        "{\"message\":{\"content\":\"9012\"},\"done\":false}\n",
    ];
    let list =
        ["[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"12345678\"}]}}]}\n", ",\r\n{"];
    for (url, pieces) in
        [(OPENAI, &events[..]), (OPENAI, &named), (OLLAMA, &lines), (GEMINI, &list)]
    {
        for kind in TYPES {
            let fixture = Fixture::new(&["m"]).await;
            let client = Script::of([Said::events(pieces).typed(kind).open()]);
            let request = http::Request::post(url)
                .body(Full::<Bytes>::from(r#"{"model":"m","stream":true}"#))
                .unwrap();
            let turns = Turns::of(&fixture.session);
            let reply = turns.layer(client).call(request).now_or_never();
            let mut body = reply.unwrap_or_else(|| panic!("{kind}: {url} is held")).unwrap();
            for piece in pieces {
                let frame = body.frame().now_or_never().expect("it is there").unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), *piece, "{kind}: {url}");
            }
            drop(body);
            let books = fixture.books();
            assert_eq!(books.story, ["turn", "m cancelled", "ended"], "{kind}: {url}");
        }
    }
}

#[tokio::test]
async fn each_turn_can_be_given_a_timeout() {
    for door in doors() {
        let clock = ManualClock::skipping();
        let fixture = Fixture::with(&["pending"], |o| o.time(clock)).await;
        let second = std::time::Duration::from_secs(1);
        let turns = Turns::of(&fixture.session).each(move |_, turn| turn.within(second));
        let Reply::Error(error) = door.chat(&turns, &fixture.provider, "pending").await else {
            panic!("{door:?}: it is late")
        };
        let found = turn_error(&*error);
        assert!(matches!(found, Some(TurnError::TimedOut(_))), "{door:?}: {error:?}");
        assert_eq!(fixture.story(), ["turn", "pending timed_out", "ended"], "{door:?}");
    }
}

#[tokio::test]
async fn last_word_of_a_stream_ends_its_turn() {
    for door in doors() {
        let fixture = Fixture::new(&["done"]).await;
        let turns = Turns::of(&fixture.session);
        let mut chunks = door.stream(&turns, &fixture.provider, "done").await.unwrap();
        while let Some(chunk) = chunks.next().await {
            chunk.unwrap();
        }
        settled(&fixture).await;
        assert_eq!(fixture.story(), ["turn", "done answered", "answered"], "{door:?}");
        fixture.session.complete().unwrap();
        drop(chunks);

        // The model has stopped, and the client does not wait for the last word.
        let fixture = Fixture::new(&["stops"]).await;
        let turns = Turns::of(&fixture.session);
        let mut chunks = door.stream(&turns, &fixture.provider, "stops").await.unwrap();
        for _ in 0..11 {
            chunks.next().await.unwrap().unwrap();
        }
        assert!(fixture.session.complete().is_err(), "{door:?}: its usage may still come");
        drop(chunks);
        settled(&fixture).await;
        assert_eq!(fixture.story(), ["turn", "stops answered", "answered"], "{door:?}");
    }
}

#[tokio::test]
async fn reply_of_an_earlier_attempt_is_not_the_last_one() {
    for door in doors() {
        let fixture = Fixture::new(&["down", "pending"]).await;
        let turns = Turns::of(&fixture.session);
        let ends = async {
            while fixture.provider.hits().len() < 2 {
                tokio::task::yield_now().await;
            }
            fixture.session.cancel("enough").unwrap();
        };
        let (reply, ()) = join!(door.chat(&turns, &fixture.provider, "down"), ends);
        let Reply::Error(error) = reply else { panic!("{door:?}: {reply:?}") };
        assert!(matches!(turn_error(&*error), Some(TurnError::Closed(_))), "{door:?}: {error:?}");
    }
}

#[tokio::test]
async fn overload_before_the_first_token_is_recovered_from() {
    let responses = "https://api.openai.com/v1/responses";
    let anthropic = "https://api.anthropic.com/v1/messages";
    let chat = "https://api.openai.com/v1/chat/completions";
    let failed = r#"data: {"type":"response.failed","response":{"status":"failed","error":{"code":"server_is_overloaded","message":"Overloaded"}}}"#;
    let overloaded =
        r#"data: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let sorry = r#"data: {"error":{"code":"server_is_overloaded","message":"Overloaded"}}"#;
    for (url, opening, error, answer) in [
        (
            responses,
            vec![
                r#"data: {"type":"response.created","response":{"id":"r","status":"in_progress","error":null,"usage":null}}"#,
                r#"data: {"type":"response.in_progress","response":{"id":"r","status":"in_progress","error":null}}"#,
            ],
            failed,
            r#"data: {"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":9,"output_tokens":2,"total_tokens":11}}}"#,
        ),
        (
            anthropic,
            vec![
                r#"data: {"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}"#,
            ],
            overloaded,
            r#"data: {"type":"message_stop"}"#,
        ),
        (
            chat,
            vec![
                r#"data: {"choices":[],"prompt_filter_results":[]}"#,
                r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
            ],
            sorry,
            "data: [DONE]",
        ),
    ] {
        let pieces = |last: &str| {
            let events = opening.iter().chain([&last]);
            events.map(|event| format!("{event}\n\n")).collect::<Vec<_>>()
        };
        let said = |last: &str| {
            let pieces = pieces(last);
            Said::events(&pieces.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let fixture = Fixture::new(&["first", "second"]).await;
        let client = Script::of([said(error), said(answer)]);
        let request = http::Request::post(url)
            .body(Full::<Bytes>::from(r#"{"model":"first","stream":true}"#))
            .unwrap();
        let reply = Turns::of(&fixture.session).layer(client).call(request).await.unwrap();
        let seen = reply.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(seen, pieces(answer).concat(), "{url}: nothing of the first is seen");
        let books = fixture.books();
        let story = ["turn", "first failed", "second answered", "answered"];
        assert_eq!(books.story, story, "{url}");
        // The provider bills nothing for an error of its own.
        assert!(books.tokens.input_tokens <= 25, "{url}: {books:?}");
    }
}
