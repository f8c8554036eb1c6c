//! A web service with an agent per request, and a fleet of them.
//!
//! | module | contents |
//! |---|---|
//! | `service` | the routes, and how the service ends |
//! | `runs` | runs, and their events for the web |
//! | `tenants` | what each tenant may spend, and how often it may ask |
//! | `fleet` | what replicas of the service share |
//! | `agent`, `tools` | the clerk that answers, and its tools; one of them asks a person first |
//! | `client`, `model` | the model's client, and the model |
//! | `metrics` | `/metrics` |
//! | `page.js` | the page, around the waterfall of `runtime-report` |
//! | `refusal` | errors as JSON |
//!
//! See `docs/service.md` and `docs/fleet.md`.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

mod agent;
#[cfg(test)]
mod browser;
mod client;
mod fleet;
mod metrics;
pub mod model;
mod questions;
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

use crate::client::Client;
use crate::model::Model;
use crate::service::Service;

/// How long runs may go on after SIGTERM. Kubernetes kills after 30 seconds.
const GRACE: Duration = Duration::from_secs(25);
/// How long the model thinks, so that a person can watch.
const THOUGHT: Duration = Duration::from_millis(400);

/// How a service is run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where it listens.
    pub address: String,
    /// The URL of the backend that its replicas share.
    pub fleet: Option<String>,
    /// The URL of the model; one of its own if there is none.
    pub model: Option<String>,
}

impl Options {
    /// Reads `[ADDRESS] [--fleet URL] [--model URL]`.
    ///
    /// # Errors
    ///
    /// If there is anything else.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Self, BoxError> {
        let mut options = Self { address: "127.0.0.1:8080".to_owned(), fleet: None, model: None };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let mut value =
                || arguments.next().ok_or_else(|| format!("`{argument}` needs a URL behind it"));
            match argument.as_str() {
                "--fleet" => options.fleet = Some(value()?),
                "--model" => options.model = Some(value()?),
                flag if flag.starts_with('-') => {
                    return Err(format!(
                        "there is no option `{flag}`: [ADDRESS] [--fleet URL] [--model URL]"
                    )
                    .into());
                }
                _ => options.address = argument,
            }
        }
        Ok(options)
    }
}

/// Runs the service until SIGTERM or Ctrl-C, and lets the runs under way end.
///
/// # Errors
///
/// If its address is taken, or the URL of the fleet is none.
pub async fn run(options: Options) -> Result<(), BoxError> {
    let listener = TcpListener::bind(&options.address).await?;
    println!("http://{}", listener.local_addr()?);

    let url = match options.model {
        Some(url) => url,
        None => Model::start(THOUGHT).await?.url().to_owned(),
    };
    let fleet = options.fleet.as_deref();
    let service = Service::new(&tenants::PLANS, Client::new(url)?, fleet).await?;
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
