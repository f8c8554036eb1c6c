//! What servers send now and then: the books, and what the client sees.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::net::Ipv4Addr;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use reqwest_middleware::ClientBuilder;
use runtime_http::{Ask, Framing, Meter, Turns};
use runtime_usage::{UsageSnapshot, Usd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_service::Service;

use crate::support::{Door, Fixture, Reply, Said, Script, answer};

const OPENAI: &str = "https://api.openai.com/v1/chat/completions";
const GEMINI: &str =
    "https://generativelanguage.googleapis.com/v1beta/models/first:streamGenerateContent";
const TEXT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":5,\"total_tokens\":35}}\n\n";
const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const ERROR: &str = "event: error\ndata: {\"error\":{\"message\":\"Overloaded\",\"code\":\"server_is_overloaded\"}}\n\n";

/// Calls a client with these replies, and reads what it gets. Returns the status, the text, and whether it broke.
async fn call(fixture: &Fixture, url: &str, replies: Vec<Said>) -> (u16, String, usize) {
    let client = Script::of(replies);
    let mut layered = Turns::of(&fixture.session).layer(client.clone());
    let request =
        Request::post(url).body(Full::<Bytes>::from(r#"{"model":"first","stream":true}"#));
    let reply = layered.call(request.unwrap()).await.unwrap();
    let (status, mut body) = (reply.status().as_u16(), reply.into_body());
    let mut text = String::new();
    while let Some(Ok(frame)) = body.frame().await {
        text.push_str(&String::from_utf8_lossy(frame.data_ref().unwrap()));
    }
    (status, text, client.requests().len())
}

#[tokio::test]
async fn error_behind_the_last_word_undoes_no_answer() {
    let all = [TEXT, STOP, USAGE, "data: [DONE]\n\n", ERROR];
    // In pieces of its own, with the last word, and all at once.
    for at in 0..all.len() {
        for words in [&all[..], &all[..4], &[TEXT, STOP, USAGE, ERROR]] {
            let at = at.min(words.len() - 1);
            let mut pieces = vec![words[..at].concat()];
            pieces.push(words[at..].concat());
            let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
            let fixture = Fixture::new(&["first"]).await;
            let seen = call(&fixture, OPENAI, vec![Said::events(&pieces)]).await;
            assert_eq!(seen, (200, words.concat(), 1), "{at}");
            let books = fixture.books();
            assert_eq!(books.story, ["turn", "first answered", "answered"], "{at}");
            let tokens = UsageSnapshot::new(30, 5);
            assert_eq!((books.tokens, books.estimated), (tokens, false), "{at}");
        }
    }
}

#[test]
fn events_are_read_whatever_ends_their_lines() {
    let ask = Ask::of(&Method::POST, &OPENAI.parse().unwrap(), br#"{"model":"m","stream":true}"#);
    let ask = ask.unwrap();
    let usage = |text: &str, size: usize| {
        let mut meter = Meter::new(&ask, Framing::Events, UNIX_EPOCH);
        for piece in text.as_bytes().chunks(size) {
            meter.push(&Bytes::copy_from_slice(piece));
        }
        meter.finish();
        assert!(meter.has_ended() && meter.error().is_none(), "{text:?} {size}");
        let usage = meter.usage().unwrap();
        assert!(!usage.estimated, "{text:?} {size}");
        usage.tokens
    };
    let text = [TEXT, ": a comment\n\n", "id: 7\nretry: 10\n\n", STOP, USAGE, "data: [DONE]\n\n"];
    let text = text.concat();
    // A value on several lines is one with line breaks.
    let lines = text.replace("{\"choices\":[", "{\ndata: \"choices\":\ndata: [");
    for text in [text, lines] {
        for end in ["\n", "\r\n", "\r"] {
            let text = text.replace('\n', end);
            for size in [1, 2, 7, text.len()] {
                assert_eq!(usage(&text, size), UsageSnapshot::new(30, 5), "{end:?} {size}");
            }
        }
    }
    // An event that is too long to be read is passed over, and what follows is not.
    let huge = format!("data: {{\"x\":\"{}\"}}\n\n", "y".repeat(9 << 20));
    let text = [TEXT, &huge, STOP, USAGE, "data: [DONE]\n\n"].concat();
    assert_eq!(usage(&text, 1 << 16), UsageSnapshot::new(30, 5));
}

/// An element of Gemini's list with eight bytes of text.
const PART: &str = r#"{"candidates":[{"content":{"parts":[{"text":"12 \"]}{\\"}]}}]}"#;
const OVERLOADED: &str =
    r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#;
const LAST: &str = r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":4,"candidatesTokenCount":2,"totalTokenCount":6}}"#;

fn bytes(text: &str, size: usize) -> Said {
    let pieces: Vec<_> =
        text.as_bytes().chunks(size).map(|piece| std::str::from_utf8(piece).unwrap()).collect();
    Said::events(&pieces).typed("application/json")
}

#[tokio::test]
async fn list_is_a_stream_whose_elements_count_as_they_come() {
    for size in [1, 50] {
        // Cut behind two elements, in the third, or with an error in its place.
        for end in ["", ",\n{\"candi", &format!(",\n{OVERLOADED}\n]")] {
            let fixture = Fixture::new(&["first", "second"]).await;
            let text = format!("[{PART}\n,\r\n{PART}{end}");
            let (status, seen, requests) = call(&fixture, GEMINI, vec![bytes(&text, size)]).await;
            let books = fixture.books();
            assert_eq!((status, &*seen, requests), (200, &*text, 1), "{size} {end}");
            assert_eq!(books.story, ["turn", "first failed", "ended"], "{size} {end}");
            assert_eq!((books.tokens.output_tokens, books.estimated), (4, true), "{size} {end}");
        }
        // Its first element waits for the head.
        let fixture = Fixture::new(&["first", "second"]).await;
        let (bad, good) = (format!("[{OVERLOADED}]"), format!("[{PART},\n{LAST}]"));
        let replies = vec![bytes(&bad, size), bytes(&good, size)];
        let seen = call(&fixture, GEMINI, replies).await;
        assert_eq!(seen, (200, good, 2), "{size}");
        let books = fixture.books();
        let story = ["turn", "first failed", "second answered", "answered"];
        assert_eq!(books.story, story, "{size}");
        assert_eq!((books.tokens, books.estimated), (UsageSnapshot::new(4, 2), false), "{size}");
    }
}

#[test]
fn element_that_is_too_long_ends_the_reading_of_a_list() {
    let ask = Ask::of(&Method::POST, &GEMINI.parse().unwrap(), b"{}").unwrap();
    let ends = |objects: usize| {
        let huge = format!("{{\"x\":[{}{{}}]}}", "{},".repeat(objects));
        let mut meter = Meter::new(&ask, Framing::Whole, UNIX_EPOCH);
        for piece in format!("[{PART},{huge},{LAST}]").as_bytes().chunks(1 << 14) {
            meter.push(&Bytes::copy_from_slice(piece));
        }
        meter.finish();
        (meter.has_ended(), meter.usage().unwrap().estimated)
    };
    assert_eq!(ends(100_000), (true, false));
    assert_eq!(ends(3_000_000), (false, true), "9 MB");
}

/// A server that gives one reply to each connection.
async fn server(reply: Vec<u8>) -> std::net::SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                stream.read_buf(&mut head).await.unwrap();
            }
            stream.write_all(&reply).await.unwrap();
            // An upgraded connection says back what it hears.
            let mut said = [0; 4];
            if reply.starts_with(b"HTTP/1.1 101") && stream.read_exact(&mut said).await.is_ok() {
                stream.write_all(&said).await.unwrap();
            }
            stream.shutdown().await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn compressed_reply_that_is_cut_is_made_again() {
    use std::io::Write;

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(answer("first").to_string().as_bytes()).unwrap();
    let mut packed = packed.finish().unwrap();
    packed.truncate(packed.len() / 2);
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    for door in [Door::Reqwest, Door::OpenAi] {
        let mut fixture = Fixture::new(&["first"]).await;
        fixture.provider.address = server([head.as_bytes(), &packed].concat()).await;
        let turns = Turns::of(&fixture.session);
        let seen = door.chat(&turns, &fixture.provider, "first").await;
        assert!(!matches!(&seen, Reply::Whole(200, body) if body.is_object()), "{door:?} {seen:?}");
        let books = fixture.books();
        assert_eq!(books.story.last().unwrap(), "ended", "{door:?}");
        assert!(books.story.len() > 3, "{door:?}: another attempt may be better: {books:?}");
        assert!(books.estimated && books.cost > Usd::ZERO, "{door:?}: {books:?}");
    }
}

#[tokio::test]
async fn status_without_a_body_is_no_answer() {
    // The answer is missing, it is not modified, or it is elsewhere.
    for (status, ends) in [(204, "failed"), (205, "failed"), (304, "cancelled")] {
        let fixture = Fixture::new(&["first"]).await;
        let reply = Said::events(&[]).with_status(status);
        let (seen, text, requests) = call(&fixture, OPENAI, vec![reply]).await;
        assert_eq!((seen, &*text), (status, ""), "{status}");
        let books = fixture.books();
        let story = books.story.iter().filter(|told| told.starts_with("first ")).count();
        assert_eq!(story, requests, "{status}: {books:?}");
        assert_eq!(books.story[1], format!("first {ends}"), "{status}");
        assert_eq!(books.story.last().unwrap(), "ended", "{status}");
    }
}

#[tokio::test]
async fn upgraded_connection_passes() {
    let address = server(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
            .into(),
    )
    .await;
    let fixture = Fixture::new(&["first"]).await;
    let client = reqwest_0_13::Client::builder().no_proxy().http1_only().build().unwrap();
    let client = ClientBuilder::new(client).with(Turns::of(&fixture.session)).build();
    let asked = client
        .get(format!("http://{address}/v1/realtime?model=first"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    let reply = asked.send().await.unwrap();
    assert_eq!(reply.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut socket = reply.upgrade().await.unwrap();
    socket.write_all(b"ping").await.unwrap();
    let mut said = [0; 4];
    socket.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"ping");
    assert!(fixture.story().is_empty());
}
