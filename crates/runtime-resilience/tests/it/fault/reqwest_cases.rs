//! The errors of one version of `reqwest`, as they come from a listener on this machine that refuses,
//! hangs up, breaks off or says nothing.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::reqwest::dns::{Name, Resolve, Resolving};
use super::reqwest::{self, Client, ClientBuilder};
use crate::fault::now;
use runtime_events::FailureScenario;
use runtime_resilience::{Fault, FaultKind, Reach, TimeoutPhase, classify_error};
use serde_json::Value;

/// Long for a machine, short for a person.
const SOON: Duration = Duration::from_millis(100);

/// Takes one connection, and does this with it.
fn listen(then: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("this machine has a loopback");
    let addr = listener.local_addr().expect("it was bound");
    thread::spawn(move || listener.accept().and_then(|(stream, _)| then(stream)));
    addr
}

/// Answers with these bytes, and hangs up.
fn answer(bytes: &'static str) -> SocketAddr {
    listen(move |mut stream| {
        read_request(&mut stream)?;
        stream.write_all(bytes.as_bytes())
    })
}

fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? > 0 {
        seen.push(byte[0]);
    }
    Ok(())
}

/// Writes these bytes, and then nothing until the other side hangs up.
fn hang(bytes: &'static str) -> SocketAddr {
    listen(move |mut stream| {
        read_request(&mut stream)?;
        stream.write_all(bytes.as_bytes())?;
        stream.read(&mut [0]).map(drop)
    })
}

fn client() -> ClientBuilder {
    Client::builder().no_proxy()
}

/// The error of a call that asks for JSON.
fn error_of(client: ClientBuilder, url: &str) -> reqwest::Error {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let call = async {
        let reply = client.build()?.get(url).send().await?.error_for_status()?;
        reply.json::<Value>().await
    };
    runtime.expect("it needs nothing").block_on(call).expect_err("the listener is no good")
}

/// The fault of a call to a listener, also where it is wrapped.
fn of(client: ClientBuilder, addr: SocketAddr) -> Fault {
    known(error_of(client, &format!("http://{addr}/")))
}

fn known(error: reqwest::Error) -> Fault {
    let fault = Fault::from_error(&error, now());
    assert_eq!(fault.scenario(), classify_error(&error), "{error:?}");
    assert_eq!(Fault::from_type(&error), Some(fault), "{error:?}");
    let boxed: Box<dyn Error + Send + Sync> = error.into();
    assert_eq!(Fault::from_error(&io::Error::other(boxed), now()), fault);
    fault
}

#[test]
fn refused_connection_is_not_sent() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let fault = of(client(), addr);
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::NotSent));
    assert!(fault.retry && fault.elsewhere && fault.counts && !fault.may_be_billed());
    assert_eq!(fault.scenario(), FailureScenario::ProviderFailure);
}

#[test]
fn reset_connection_may_be_billed() {
    // Closed with the request unread: the kernel answers with a reset.
    let fault = of(client(), listen(|stream| stream.peek(&mut [0]).map(drop)));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::Unknown));
}

#[test]
fn hang_up_without_an_answer_may_be_billed() {
    let fault = of(client(), answer(""));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::Unknown));
}

#[test]
fn broken_off_answer_is_network_not_malformed() {
    let fault = of(client(), answer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"a\":"));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::Unknown));
    let chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n";
    assert_eq!(of(client(), answer(chunk)).kind, FaultKind::Network);
}

#[test]
fn answer_without_json_is_malformed() {
    let fault = of(client(), answer("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html"));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Malformed, Reach::Unknown));
    assert_eq!(fault.scenario(), FailureScenario::MemoryCorruption);
}

#[test]
fn late_answer_is_a_timeout_wherever_it_stops() {
    for bytes in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let fault = of(client().timeout(SOON), hang(bytes));
        assert_eq!(fault.kind, FaultKind::Timeout(TimeoutPhase::Unknown), "{bytes}");
        assert!(fault.may_be_billed());
        assert_eq!(fault.scenario(), FailureScenario::LlmTimeout);
    }
}

#[test]
fn connect_timeout_is_not_sent() {
    struct Never;
    impl Resolve for Never {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(std::future::pending())
        }
    }
    let client = client().dns_resolver(Arc::new(Never)).connect_timeout(SOON);
    let fault = known(error_of(client, "http://provider.test/"));
    assert_eq!(fault.kind, FaultKind::Timeout(TimeoutPhase::Connect));
    assert_eq!(fault.reach, Reach::NotSent);
}

#[test]
fn unknown_host_is_not_sent() {
    struct Nowhere;
    impl Resolve for Nowhere {
        fn resolve(&self, _: Name) -> Resolving {
            Box::pin(async { Err("no such host, 429 times".into()) })
        }
    }
    let client = client().dns_resolver(Arc::new(Nowhere));
    let fault = known(error_of(client, "http://provider.test/"));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Network, Reach::NotSent));
}

#[test]
fn status_error_has_the_fault_of_its_status() {
    for (reply, kind, reach) in [
        (
            "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",
            FaultKind::RateLimit,
            Reach::Refused,
        ),
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", FaultKind::Server, Reach::Failed),
        ("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", FaultKind::Auth, Reach::Refused),
    ] {
        let fault = of(client(), answer(reply));
        assert_eq!((fault.kind, fault.reach), (kind, reach));
        assert!(fault.status.is_some());
    }
}

#[test]
fn unbuildable_request_is_local() {
    let fault = known(error_of(client(), "no url"));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Local, Reach::NotSent));
    assert!(!fault.counts);
}

#[test]
fn too_many_redirects_are_not_retried() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
    let client =
        client().redirect(reqwest::redirect::Policy::custom(|attempt| attempt.error("no")));
    let fault = of(client, answer(moved));
    assert_eq!((fault.kind, fault.reach), (FaultKind::Request, Reach::Unknown));
}
