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
//! With `--fleet URL` it shares budgets, limits and what it knows of providers with every other replica that has
//! the same URL, of a Postgres or Redis: see the example `agent_fleet`.

use techrevati_runtime::BoxError;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    agent_service::run(agent_service::Options::read(std::env::args().skip(1))?).await
}
