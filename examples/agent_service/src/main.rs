//! A web service with an agent per request: `cargo run --release -p agent_service`.
//!
//! Nothing has to be installed: the model is a script of this program, on a loopback port, and it is
//! overloaded now and then. Open the address that is printed, or ask from a shell:
//!
//! ```text
//! curl -N 'http://127.0.0.1:8080/runs?stream=1' -H 'content-type: application/json' \
//!     -d '{"tenant": "acme", "question": "Please refund order A-7."}'
//! ```
//!
//! | module | contents |
//! |---|---|
//! | `service` | the routes, and how the service ends |
//! | `runs` | runs, and their events for the web |
//! | `tenants` | what each tenant may spend, and how often it may ask |
//! | `agent`, `tools` | the clerk that answers, and its tools; one of them asks a person first |
//! | `client`, `provider` | the model's client, and the model |
//! | `metrics` | `/metrics` |
//! | `page.js` | the page, around the waterfall of `runtime-report` |
//! | `refusal` | errors as JSON |
//!
//! See `docs/service.md`.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod agent;
#[cfg(test)]
mod browser;
mod client;
mod metrics;
mod provider;
mod refusal;
mod runs;
mod service;
mod tenants;
#[cfg(test)]
mod tests;
mod tools;

use std::time::Duration;

use techrevati_runtime::BoxError;
use tokio::net::TcpListener;

use crate::service::Service;

/// How long runs may go on after SIGTERM. Kubernetes kills after 30 seconds.
const GRACE: Duration = Duration::from_secs(25);
/// How long the model thinks, so that a person can watch.
const THOUGHT: Duration = Duration::from_millis(400);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);

    let service = Service::new(&tenants::PLANS, provider::start(THOUGHT).await?)?;
    let drained = service.serve(listener, stopped(), GRACE).await;
    println!("stopped; runs that were cut off: {}", drained.left_over.len());
    Ok(())
}

/// Ends with SIGTERM or Ctrl-C.
async fn stopped() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
