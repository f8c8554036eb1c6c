//! What HTTP/1.1 does around an answer, written byte by byte: the books agree with what was sent.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Hyper;
use hyper_util::rt::TokioExecutor;
use runtime_http::Turns;
use runtime_usage::{UsageSnapshot, Usd};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use crate::support::{Door, Fixture, Reply, answer};

const ANSWERED: UsageSnapshot = UsageSnapshot::new(100, 20);

/// Those that speak HTTP/1.1.
const DOORS: [Door; 3] = [Door::Tower, Door::Reqwest, Door::OpenAi];

/// A server that writes one of these texts for each connection, and closes it.
#[derive(Clone)]
struct Wire {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    async fn start(replies: Vec<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let wire = Self { address, requests: Arc::default() };
        let requests = Arc::clone(&wire.requests);
        tokio::spawn(async move {
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                stream.write_all(reply.as_bytes()).await.unwrap();
                stream.shutdown().await.unwrap();
            }
        });
        wire
    }

    /// A session whose provider this is.
    async fn fixture(&self) -> Fixture {
        let mut fixture = Fixture::new(&["odd"]).await;
        fixture.provider.address = self.address;
        fixture
    }

    /// The first line and the body of each request.
    fn requests(&self) -> Vec<(String, String)> {
        let parts = |request: &String| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            (head.lines().next().unwrap().to_owned(), body.to_owned())
        };
        self.requests.lock().unwrap().iter().map(parts).collect()
    }
}

/// A request with its body.
async fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.map_or(0, |length| length.parse().unwrap()) <= body.len() {
                return String::from_utf8(bytes).unwrap();
            }
        }
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "the request is whole");
    }
}

fn head(more: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n{more}\r\n")
}

/// An answer, and the ways to frame it.
fn framed() -> Vec<(&'static str, String)> {
    let body = answer("odd").to_string();
    let (length, half) = (body.len(), body.len() / 2);
    let whole = format!("{}{body}", head(&format!("content-length: {length}\r\n")));
    let hints = "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n";
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let (first, second) = body.split_at(half);
    let chunks = format!("{half:x}\r\n{first}\r\n{:x};ext=1\r\n{second}\r\n0\r\n", length - half);
    let chunked = head("transfer-encoding: chunked\r\ntrailer: x-sum\r\n");
    vec![
        ("early hints", format!("{hints}{hints}{whole}")),
        ("continue", format!("{go_on}{whole}")),
        ("trailers", format!("{chunked}{chunks}x-sum: 7\r\n\r\n")),
        ("until the close", format!("{}{body}", head(""))),
        ("compressed by name only", format!("{}{body}", head("content-encoding: identity\r\n"))),
    ]
}

#[tokio::test]
async fn answer_is_read_however_it_is_framed() {
    for (how, reply) in framed() {
        for door in DOORS {
            let wire = Wire::start(vec![reply.clone()]).await;
            let fixture = wire.fixture().await;
            let turns = Turns::of(&fixture.session);
            let seen = door.chat(&turns, &fixture.provider, "odd").await;
            let Reply::Whole(200, body) = seen else { panic!("{door:?} {how}: {seen:?}") };
            assert_eq!(body, answer("odd"), "{door:?} {how}");
            let books = fixture.books();
            assert_eq!((books.tokens, books.estimated), (ANSWERED, false), "{door:?} {how}");
            assert_eq!(books.story, ["turn", "odd answered", "answered"], "{door:?} {how}");
            assert_eq!(wire.requests().len(), 1, "{door:?} {how}");
        }
    }
}

#[tokio::test]
async fn trailers_are_passed_on() {
    let (_, reply) = framed().swap_remove(2);
    let wire = Wire::start(vec![reply]).await;
    let fixture = wire.fixture().await;
    let client: Hyper<_, Full<bytes::Bytes>> = Hyper::builder(TokioExecutor::new()).build_http();
    let mut client = Turns::of(&fixture.session).layer(client);
    let request = http::Request::post(format!("{}/chat/completions", fixture.provider.base()));
    let request =
        request.body(Full::<bytes::Bytes>::from(json!({ "model": "odd" }).to_string())).unwrap();
    let reply = client.call(request).await.unwrap();
    let read = reply.into_body().collect().await.unwrap();
    assert_eq!(read.trailers().unwrap()["x-sum"], "7");
    assert_eq!(read.to_bytes(), answer("odd").to_string());
    assert_eq!(fixture.books().tokens, ANSWERED);
}

#[tokio::test]
async fn reply_that_is_closed_early_is_a_failure_that_may_have_cost() {
    let body = answer("odd").to_string();
    let half = &body[..body.len() / 2];
    let early = [
        ("in its body", format!("{}{half}", head(&format!("content-length: {}\r\n", body.len())))),
        ("in a chunk", format!("{}ffff\r\n{half}", head("transfer-encoding: chunked\r\n"))),
        ("between chunks", {
            let chunk = format!("{:x}\r\n{half}\r\n", half.len());
            format!("{}{chunk}", head("transfer-encoding: chunked\r\n"))
        }),
        ("until the close", format!("{}{half}", head(""))),
        ("in its head", "HTTP/1.1 200 OK\r\ncontent-ty".to_owned()),
        ("at once", String::new()),
    ];
    for (how, reply) in early {
        for door in DOORS {
            // No other route takes it, and the same one is closed as well.
            let wire = Wire::start(vec![reply.clone(); 9]).await;
            let fixture = wire.fixture().await;
            let turns = Turns::of(&fixture.session);
            let seen = door.chat(&turns, &fixture.provider, "odd").await;
            if let Reply::Whole(200, body) = &seen {
                // What came has no length of its own, and is no answer.
                assert!(how == "until the close" && body.is_null(), "{door:?} {how}: {seen:?}");
            }
            let books = fixture.books();
            assert_eq!(books.story.last().unwrap(), "ended", "{door:?} {how}");
            let attempts = wire.requests().len();
            let failed = books.story.iter().filter(|told| *told == "odd failed").count();
            assert_eq!(failed, attempts, "{door:?} {how}: each request is an attempt");
            // The provider has read the request, and may bill it.
            assert!(books.estimated && books.cost > Usd::ZERO, "{door:?} {how}: {books:?}");
        }
    }
}

#[tokio::test]
async fn redirect_that_the_client_follows_is_a_part_of_its_turn() {
    let body = answer("odd").to_string();
    let moved = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nlocation: /v1/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
    };
    let whole = format!("{}{body}", head(&format!("content-length: {}\r\n", body.len())));
    for door in [Door::Reqwest, Door::OpenAi] {
        for status in ["307 Temporary Redirect", "308 Permanent Redirect"] {
            let wire = Wire::start(vec![moved(status), whole.clone()]).await;
            let fixture = wire.fixture().await;
            let turns = Turns::of(&fixture.session);
            let seen = door.chat(&turns, &fixture.provider, "odd").await;
            assert!(matches!(seen, Reply::Whole(200, _)), "{door:?} {status}: {seen:?}");
            let requests = wire.requests();
            assert_eq!(requests[1].0, "POST /v1/elsewhere HTTP/1.1", "{door:?} {status}");
            assert_eq!(requests[1].1, requests[0].1, "{door:?} {status}: the body again");
            let books = fixture.books();
            assert_eq!((books.tokens, books.estimated), (ANSWERED, false), "{door:?} {status}");
            assert_eq!(books.story, ["turn", "odd answered", "answered"], "{door:?} {status}");
        }
        // These become a GET, which is no call of a model.
        for status in ["301 Moved Permanently", "302 Found", "303 See Other"] {
            let refused =
                "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let wire = Wire::start(vec![moved(status), refused.to_owned()]).await;
            let fixture = wire.fixture().await;
            let turns = Turns::of(&fixture.session);
            let seen = door.chat(&turns, &fixture.provider, "odd").await;
            assert!(!matches!(seen, Reply::Whole(200, _)), "{door:?} {status}: {seen:?}");
            let requests = wire.requests();
            let get = ("GET /v1/elsewhere HTTP/1.1".to_owned(), String::new());
            assert_eq!(requests[1..], [get], "{door:?} {status}");
            let books = fixture.books();
            assert_eq!(books.story, ["turn", "odd failed", "ended"], "{door:?} {status}");
            assert_eq!(books.cost, Usd::ZERO, "{door:?} {status}");
        }
    }
}
