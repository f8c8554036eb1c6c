//! The service over real sockets, as its clients see it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use axum::response::{Html, IntoResponse as _};
use axum::routing::get;
use futures_util::StreamExt as _;
use reqwest_0_12::{Client, Response, StatusCode};
use serde_json::{Value, json};
use techrevati_runtime::orchestrator::{Drained, Orchestrator, TelemetryConfig};
use techrevati_runtime::report::{PageConfig, live_page};
use techrevati_runtime::usage::Usd;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::browser;
use crate::client::Client as Of;
use crate::model::Model;
use crate::runs::Run;
use crate::service::{Service, routes};
use crate::tenants::Plan;

const OFTEN: NonZeroU32 = NonZeroU32::new(600).unwrap();
const ONCE: NonZeroU32 = NonZeroU32::new(1).unwrap();
const LONG: Duration = Duration::from_secs(60);

const PLANS: &[Plan] = &[
    Plan { name: "acme", budget: Usd::from_dollars(1), runs_per_minute: OFTEN },
    Plan { name: "globex", budget: Usd::from_cents(2), runs_per_minute: OFTEN },
    Plan { name: "initech", budget: Usd::from_dollars(1), runs_per_minute: ONCE },
];

/// A service that runs, and a client of it.
struct Running {
    http: Client,
    url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Drained>,
}

/// A client of a model that answers at once.
async fn client() -> Of {
    Of::new(Model::start(Duration::ZERO).await.unwrap().url().to_owned()).unwrap()
}

/// Starts a service; at its stop, runs have `grace`.
async fn start(grace: Duration) -> Running {
    let service = Service::new(PLANS, client().await, None).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let stopped = async { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(service.serve(listener, stopped, grace));
    let http = Client::builder().no_proxy().build().unwrap();
    Running { http, url, stop, served }
}

impl Running {
    async fn post(&self, path: &str, body: &Value) -> Response {
        self.http.post(format!("{}{path}", self.url)).json(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// Begins a run, and returns its path.
    async fn ask(&self, tenant: &str, question: &str) -> String {
        let reply = self.post("/runs", &order(tenant, question)).await;
        assert_eq!(reply.status(), StatusCode::ACCEPTED);
        reply.headers()["location"].to_str().unwrap().to_owned()
    }

    async fn events(&self, run: &str) -> Events {
        Events::of(self.get(&format!("{run}/events")).await)
    }

    /// What a run that nobody has to approve ends with.
    async fn outcome(&self, tenant: &str) -> Value {
        let run = self.ask(tenant, "Where is order A-7?").await;
        self.events(&run).await.rest().await.pop().unwrap().json()
    }
}

fn order(tenant: &str, question: &str) -> Value {
    json!({ "tenant": tenant, "user": "ada", "question": question })
}

async fn refused(reply: Response, status: StatusCode) -> String {
    assert_eq!(reply.status(), status);
    reply.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned()
}

/// Server-sent events, as they come.
struct Events {
    reply: Response,
    unread: String,
}

#[derive(Debug, Default)]
struct Event {
    id: String,
    kind: String,
    data: String,
}

impl Event {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap()
    }

    /// The name of the session's event.
    fn name(&self) -> String {
        self.json()["event"].as_str().unwrap_or_default().to_owned()
    }
}

impl Events {
    fn of(reply: Response) -> Self {
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["content-type"], "text/event-stream");
        Self { reply, unread: String::new() }
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let mut read = Event::default();
                for (field, value) in event.lines().filter_map(|line| line.split_once(": ")) {
                    match field {
                        "id" => read.id = value.to_owned(),
                        "event" => read.kind = value.to_owned(),
                        "data" => read.data.push_str(value),
                        _ => {}
                    }
                }
                self.unread = rest.to_owned();
                return Some(read);
            }
            let bytes = self.reply.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    /// The next one with this name.
    async fn until(&mut self, name: &str) -> Event {
        while let Some(event) = self.next().await {
            if event.name() == name {
                return event;
            }
        }
        panic!("the stream ended without `{name}`");
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn said(approve: bool) -> Value {
    json!({ "question": "question 1: refund 250 cents of order A-7?", "approve": approve })
}

#[tokio::test]
async fn a_question_is_answered_over_the_second_route() {
    let service = start(LONG).await;
    let run = service.ask("acme", "Where is order A-7?").await;
    let events = service.events(&run).await.rest().await;

    let (end, events) = events.split_last().unwrap();
    assert_eq!(end.kind, "end");
    assert_eq!(end.json()["answer"], "I see: order A-7 was paid and has not arrived.");
    let names: Vec<String> = events.iter().map(Event::name).collect();
    assert!(names.contains(&"agent.recovery.provider_switched".to_owned()), "{names:?}");
    assert_eq!(names.last().unwrap(), "agent.completed");
    let labels = &events[0].json()["labels"];
    assert_eq!((&labels["tenant"], &labels["user"]), (&json!("acme"), &json!("ada")));
}

#[tokio::test]
async fn an_approval_comes_by_another_request() {
    let service = start(LONG).await;
    for (approve, done) in [(true, "refunded"), (false, "a person declined to refund")] {
        let run = service.ask("acme", "Please refund order A-7.").await;
        let mut events = service.events(&run).await;
        let asked = events.until("agent.paused").await.json();
        assert_eq!(asked["detail"], said(true)["question"]);

        let approval = format!("{run}/approval");
        assert_eq!(service.post(&approval, &said(approve)).await.status(), StatusCode::NO_CONTENT);
        let end = events.rest().await.pop().unwrap().json();
        assert_eq!(end["answer"], format!("I see: {done} 250 cents of order A-7."));

        let late = service.post(&approval, &said(approve)).await;
        let error = refused(late, StatusCode::CONFLICT).await;
        assert_eq!(error, "the run does not wait with this question");
    }
}

#[tokio::test]
async fn what_is_unknown_or_malformed_is_refused_in_json() {
    let service = start(LONG).await;
    let lost = service.post("/runs/7/approval", &said(true)).await;
    assert_eq!(refused(lost, StatusCode::NOT_FOUND).await, "there is no run `7`");
    let lost = service.get("/runs/7/events").await;
    assert_eq!(refused(lost, StatusCode::NOT_FOUND).await, "there is no run `7`");
    let stranger = service.post("/runs", &order("hooli", "?")).await;
    assert_eq!(refused(stranger, StatusCode::NOT_FOUND).await, "there is no tenant `hooli`");
    let malformed = service.post("/runs", &json!({ "tenant": "acme" })).await;
    let error = refused(malformed, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert!(error.contains("missing field `question`"), "{error}");
    let odd = service.post("/runs?stream=yes", &order("acme", "?")).await;
    let error = refused(odd, StatusCode::BAD_REQUEST).await;
    assert!(!error.is_empty());
}

#[tokio::test]
async fn one_tenant_runs_out_of_money_and_the_other_does_not() {
    let service = start(LONG).await;
    let mut answers = 0;
    let error = loop {
        let outcome = service.outcome("globex").await;
        match outcome["error"].as_str() {
            None => answers += 1,
            Some(error) => break error.to_owned(),
        }
        assert!(answers < 50, "two cents never end");
    };
    assert!(answers > 0, "{error}");
    assert!(error.starts_with("budget `globex` refused"), "{error}");
    assert!(service.outcome("acme").await["answer"].is_string());
}

#[tokio::test]
async fn a_tenant_that_asks_too_often_is_told_when_to_come_back() {
    let service = start(LONG).await;
    assert!(service.outcome("initech").await["answer"].is_string());
    let reply = service.post("/runs", &order("initech", "And now?")).await;
    assert!(reply.headers().contains_key("retry-after"));
    let error = refused(reply, StatusCode::TOO_MANY_REQUESTS).await;
    assert!(error.starts_with("rate limiter `initech`"), "{error}");
    assert!(service.outcome("acme").await["answer"].is_string());
}

#[tokio::test]
async fn a_client_that_leaves_its_stream_cancels_the_run() {
    let service = start(LONG).await;
    let reply = service.post("/runs?stream=1", &order("acme", "Please refund order A-7.")).await;
    let run = reply.headers()["location"].to_str().unwrap().to_owned();
    let mut own = Events::of(reply);
    own.until("agent.paused").await;
    let other = service.events(&run).await;
    drop(own);

    let events = other.rest().await;
    let [.., last, end] = &*events else { panic!("{events:?}") };
    assert_eq!(last.json()["detail"], "the client has left");
    assert_eq!(last.json()["status"], "cancelled");
    assert!(end.json()["error"].is_string());
}

#[tokio::test]
async fn a_reader_that_leaves_does_not_and_goes_on_where_it_was() {
    let service = start(LONG).await;
    let run = service.ask("acme", "Please refund order A-7.").await;
    let mut first = service.events(&run).await;
    let seen = first.until("agent.paused").await.id;
    drop(first);
    service.post(&format!("{run}/approval"), &said(true)).await;

    let whole = service.events(&run).await.rest().await;
    let again = service.http.get(format!("{}{run}/events", service.url));
    let again = again.header("last-event-id", &seen).send().await.unwrap();
    let rest = Events::of(again).rest().await;
    let ids = |events: &[Event]| events.iter().map(|event| event.id.clone()).collect::<Vec<_>>();
    let behind = whole.iter().position(|event| event.id == seen).unwrap() + 1;
    assert_eq!(ids(&rest), ids(&whole[behind..]));
    assert!(rest.last().unwrap().json()["answer"].is_string());
}

#[tokio::test]
async fn a_service_that_drains_lets_runs_end_and_begins_none() {
    let service = start(LONG).await;
    let run = service.ask("acme", "Please refund order A-7.").await;
    let mut events = service.events(&run).await;
    events.until("agent.paused").await;
    assert_eq!(service.get("/healthz").await.status(), StatusCode::OK);

    service.stop.send(()).unwrap();
    let Running { http, url, served, .. } = service;
    // Ready, until it is not.
    while http.get(format!("{url}/healthz")).send().await.unwrap().status().is_success() {
        tokio::task::yield_now().await;
    }
    let late = http.post(format!("{url}/runs")).json(&order("acme", "?")).send().await.unwrap();
    assert!(late.headers().contains_key("retry-after"));
    let error = refused(late, StatusCode::SERVICE_UNAVAILABLE).await;
    assert_eq!(error, "the service is shutting down");

    // The run under way goes on.
    let approval = http.post(format!("{url}{run}/approval")).json(&said(true));
    assert_eq!(approval.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    let rest = events.rest().await;
    let [.., last, end] = &*rest else { panic!("{rest:?}") };
    assert_eq!((&last.json()["event"], &*end.kind), (&json!("agent.completed"), "end"));
    let drained = served.await.unwrap();
    assert!(drained.in_time && drained.left_over.is_empty(), "{drained:?}");
}

#[tokio::test]
async fn a_run_that_does_not_end_is_cut_off() {
    let service = start(Duration::ZERO).await;
    let run = service.ask("acme", "Please refund order A-7.").await;
    let mut events = service.events(&run).await;
    events.until("agent.paused").await;
    service.stop.send(()).unwrap();

    let events = events.rest().await;
    let [.., last, _end] = &*events else { panic!("{events:?}") };
    assert_eq!(last.json()["data"]["reason"], "shutdown");
    let drained = service.served.await.unwrap();
    assert_eq!(drained.left_over.len(), 1);
}

#[tokio::test]
async fn metrics_tell_of_all_runs() {
    let service = start(LONG).await;
    service.outcome("acme").await;
    let text = service.get("/metrics").await.text().await.unwrap();
    for metric in ["gen_ai_client_operation_duration_seconds", "techrevati_cost_total"] {
        assert!(text.contains(metric), "{text}");
    }
}

#[tokio::test]
async fn the_page_shows_a_run() {
    let service = start(LONG).await;
    let run = service.ask("acme", "Where is order <b>A-7</b>?").await;
    service.events(&run).await.rest().await;
    let url = format!("{}/#{}", service.url, run.trim_start_matches("/runs/"));
    let Some(dom) = tokio::task::spawn_blocking(move || browser::dom(&url)).await.unwrap() else {
        return;
    };
    for shown in ["<strong class=\"\">clerk</strong>", "look_up", "primary", "fallback", "◆"] {
        assert!(dom.contains(shown), "{shown}: {dom}");
    }
    assert!(dom.contains("<p>I see: order A-7 was paid"), "{dom}");
}

#[tokio::test]
async fn a_reader_that_lags_is_told_what_it_missed() {
    let clerk = Orchestrator::new("clerk", "answer");
    let clerk = clerk.telemetry(TelemetryConfig::default().event_log(NonZeroUsize::MIN));
    let client = client().await;
    let question = "Where is order A-7?".to_owned();
    let run = Run::begin(clerk.session().unwrap(), client, question);
    // Only the last event is kept, and a session begins with more than one.
    let mut all = run.events_after(0).into_response().into_body().into_data_stream();
    let mut text = String::new();
    while let Some(piece) = all.next().await {
        text.push_str(std::str::from_utf8(&piece.unwrap()).unwrap());
    }
    assert!(text.starts_with("event: missed\ndata: {\"missed\":"), "{text}");
    assert!(text.contains("\nid: ") && text.contains("event: end"), "it goes on: {text}");
}

/// Asks, and answers the run's question by the button with this name.
const PRESS: &str = r#"{
  new MutationObserver((_, watching) => {
    const button = [...document.querySelectorAll("p button")].find((it) => it.textContent === "NAME");
    if (!button) return;
    watching.disconnect();
    button.click();
  }).observe(document.body, { childList: true, subtree: true });
  document.querySelector("form").requestSubmit();
}"#;

#[tokio::test]
async fn the_buttons_of_the_page_approve_and_decline() {
    for (name, done) in [("Yes", "refunded"), ("No", "a person declined to refund")] {
        let service = Service::new(PLANS, client().await, None).await.unwrap();
        // The page, and a finger.
        let script = [include_str!("page.js"), &PRESS.replace("NAME", name)].concat();
        let page = live_page(&PageConfig::default(), Box::leak(script.into_boxed_str()));
        let routes = routes(service).route("/press", get(async move || Html(page)));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/press", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let dom = tokio::task::spawn_blocking(move || browser::dom(&url)).await.unwrap();
        let Some(dom) = dom else { return };
        assert!(dom.contains(&format!("<p>I see: {done} 250 cents of order A-7.</p>")), "{dom}");
        assert!(!dom.contains("<button>Yes</button>"), "its question is answered: {dom}");
    }
}
