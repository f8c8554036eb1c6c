//! Metrics of agents for Prometheus: `cargo run -p runtime-otel --example prometheus`.
//!
//! Agents work, once a second, until the program is stopped, and `http://127.0.0.1:9464/metrics` has their
//! metrics. Another address is the first argument. A dashboard and alerts for them are in
//! `docs/prometheus`; see `docs/opentelemetry.md`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

mod agents;
mod metrics;
#[cfg(test)]
mod promql;
#[cfg(test)]
mod tests;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime_events::SystemClock;
use runtime_orchestrator::BoxError;

use crate::metrics::Metrics;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9464".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("http://{}/metrics", listener.local_addr()?);

    let metrics = Arc::new(Metrics::new()?);
    let served = Arc::clone(&metrics);
    thread::spawn(move || served.serve(&listener));

    let office = agents::Office::new(&metrics, Arc::new(SystemClock), |agent| agent)?;
    loop {
        office.work().await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
