//! The service as a process: SIGTERM.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use reqwest_0_12::{Client, StatusCode};
use serde_json::{Value, json};

/// The process, ended with the test.
struct Service {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Service {
    fn start() -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_agent_service"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut said = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let url = said.next().expect("it prints its address").expect("as text");
        Self { process, said, url }
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(killed.expect("there is `kill`").success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn sigterm_lets_the_run_under_way_end_and_exits_with_zero() {
    let mut service = Service::start();
    let http = Client::builder().no_proxy().build().expect("it needs nothing");
    let url = |path: &str| format!("{}{path}", service.url);
    let order = json!({ "tenant": "acme", "question": "Please refund order A-7." });
    let begun = http.post(url("/runs")).json(&order).send().await.expect("it is answered");
    let run = begun.headers()["location"].to_str().expect("it is a path").to_owned();
    let mut events = http.get(url(&format!("{run}/events"))).send().await.expect("they come");
    let mut read = String::new();
    while !read.contains("agent.paused") {
        let piece = events.chunk().await.expect("the stream is whole").expect("it goes on");
        read.push_str(&String::from_utf8_lossy(&piece));
    }

    service.terminate();
    // It takes no further runs, and answers as long as one is under way.
    while http.get(url("/healthz")).send().await.expect("it is answered").status().is_success() {
        tokio::task::yield_now().await;
    }
    let late = http.post(url("/runs")).json(&order).send().await.expect("it is answered");
    assert_eq!(late.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = json!({ "question": "question 1: refund 250 cents of order A-7?", "approve": true });
    let approval = http.post(url(&format!("{run}/approval"))).json(&said);
    assert_eq!(approval.send().await.expect("it is answered").status(), StatusCode::NO_CONTENT);
    let rest = events.text().await.expect("the stream is whole");
    let end = rest.split_once("event: end\ndata: ").expect("it tells its end").1;
    assert!(serde_json::from_str::<Value>(end.trim()).expect("it is JSON").is_object());

    // Connections that are kept open would hold it up.
    drop(http);
    let status = service.process.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(0));
    let last = service.said.next().expect("it says so").expect("as text");
    assert_eq!(last, "stopped; runs that were cut off: 0");
}
