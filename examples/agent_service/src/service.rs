//! The routes of the service, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use techrevati_runtime::BoxError;
use techrevati_runtime::fleet::Fleet;
use techrevati_runtime::orchestrator::{Drained, Shutdown};
use techrevati_runtime::report::{PageConfig, live_page};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::fleet;
use crate::metrics::Metrics;
use crate::refusal::Refusal;
use crate::runs::{Run, Runs};
use crate::tenants::{Plan, Tenants};

/// How long calls under way have, once runs begin no more of them.
const LAST_CALLS: Duration = Duration::from_secs(5);
/// How long readers have for the last events, once all runs are over.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Everything that requests share.
pub(crate) struct Service {
    tenants: Tenants,
    client: Client,
    runs: Runs,
    metrics: Metrics,
    shutdown: Shutdown,
    /// With its replicas.
    fleet: Option<Fleet>,
}

impl Service {
    /// A service, with its replicas if it is told the URL of what they share.
    pub(crate) async fn new(
        plans: &[Plan],
        client: Client,
        fleet: Option<&str>,
    ) -> Result<Arc<Self>, BoxError> {
        let (metrics, shutdown) = (Metrics::new()?, Shutdown::new());
        let fleet = match fleet {
            Some(url) => Some(fleet::join(url, metrics.sink()).await?),
            None => None,
        };
        let tenants = Tenants::new(plans, (&metrics, &shutdown), fleet.as_ref()).await?;
        let runs = Runs::default();
        Ok(Arc::new(Self { tenants, client, runs, metrics, shutdown, fleet }))
    }

    /// Serves until `stop`. Then no run begins, and those under way have `grace` to end; the service
    /// goes on answering meanwhile.
    pub(crate) async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
        timeout: Duration,
    ) -> Drained {
        let (shutdown, fleet) = (self.shutdown.clone(), self.fleet.clone());
        let shutdown = shutdown.grace(timeout.saturating_sub(LAST_CALLS));
        let (over, is_over) = oneshot::channel::<()>();
        let server = axum::serve(listener, routes(self)).with_graceful_shutdown(async {
            let _ = is_over.await;
        });
        let server = tokio::spawn(server.into_future());

        stop.await;
        let drained = shutdown.drain(timeout).await;
        drop(over);
        // A reader that takes nothing holds up nobody.
        let _ = tokio::time::timeout(LAST_WORDS, server).await;
        if let Some(fleet) = fleet {
            // Unheard, its books are closed by their time.
            let _ = fleet.shutdown().await;
        }
        drained
    }
}

pub(crate) fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", get(page))
        .route("/runs", post(begin))
        .route("/runs/{id}/events", get(events))
        .route("/runs/{id}/approval", post(approve))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .with_state(service)
}

/// A page that shows runs live.
async fn page() -> Html<String> {
    let config = PageConfig::default().title("agent_service");
    Html(live_page(&config, include_str!("page.js")))
}

#[derive(Deserialize)]
struct Order {
    tenant: String,
    #[serde(default)]
    user: String,
    question: String,
}

#[derive(Deserialize)]
struct Reply {
    /// 1: the reply is the stream of events, and a client that leaves it cancels the run.
    #[serde(default)]
    stream: u8,
}

async fn begin(
    State(service): State<Arc<Service>>,
    reply: Result<Query<Reply>, QueryRejection>,
    order: Result<Json<Order>, JsonRejection>,
) -> Result<Response, Refusal> {
    let Query(reply) = reply?;
    let Json(Order { tenant, user, question }) = order?;
    let session = service.tenants.get(&tenant)?.session(&user)?;
    let run = Run::begin(session, service.client.clone(), question);
    service.runs.keep(&run);

    let place = format!("/runs/{}", run.id());
    let head = [(header::LOCATION, place.clone())];
    if reply.stream == 1 {
        return Ok((head, run.events_while_read()).into_response());
    }
    let body = json!({ "id": run.id(), "events": format!("{place}/events") });
    Ok((StatusCode::ACCEPTED, head, Json(body)).into_response())
}

/// The events of a run. A client that reconnects says which one it has seen last.
async fn events(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let seen = match headers.get("last-event-id") {
        None => 0,
        Some(id) => {
            let number = id.to_str().ok().and_then(|id| id.parse().ok());
            number.ok_or_else(|| Refusal::bad_request("`last-event-id` is not a number"))?
        }
    };
    Ok(service.runs.get(&id)?.events_after(seen).into_response())
}

#[derive(Deserialize)]
struct Approval {
    /// The text of the question, as the run's event has it.
    question: String,
    approve: bool,
}

/// Answers the run, which waits in another request or in none.
async fn approve(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    approval: Result<Json<Approval>, JsonRejection>,
) -> Result<StatusCode, Refusal> {
    let Json(Approval { question, approve }) = approval?;
    service.runs.get(&id)?.approve(&question, approve)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the service takes runs: a load balancer asks it.
async fn health(State(service): State<Arc<Service>>) -> Result<&'static str, Refusal> {
    if service.shutdown.has_begun() { Err(Refusal::shutting_down()) } else { Ok("ok\n") }
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, Refusal> {
    let kind = [(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)];
    Ok((kind, service.metrics.text()?).into_response())
}
