//! Typed tools, and the loop around them.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod agent;
mod answers;
#[cfg(feature = "durable")]
mod approvals;
mod dialects;
#[cfg(feature = "durable")]
mod durable;
mod ends;
mod errors;
#[cfg(feature = "durable")]
#[expect(dead_code, reason = "shared with the tests of `runtime-durable`")]
#[path = "../../../runtime-durable/tests/it/mortal.rs"]
mod mortal;
mod output;
mod properties;
mod runner;
mod toolbox;
#[cfg(feature = "durable")]
#[expect(dead_code, reason = "shared with the tests of `runtime-durable`")]
#[path = "../../../runtime-durable/tests/it/world.rs"]
mod world;

use runtime_orchestrator::{BoxError, Effect};
use runtime_tools::Tool;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Search {
    /// Words that the page must have.
    query: String,
    /// The most pages to return.
    limit: Option<u8>,
}

/// A tool that answers with its query.
fn search() -> Tool {
    Tool::new("search", "Finds pages.", async |search: Search| {
        let Search { query, limit } = search;
        Ok::<_, BoxError>(format!("{} of {query}", limit.unwrap_or(10)))
    })
    .effect(Effect::Read)
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
