//! An agent whose steps are in the journal of Restate.
//!
//! `PORT` is where Restate finds it, and `BOOKS` is the file of a payment server outside.

mod agent;
mod journal;

use std::path::PathBuf;

use restate_sdk::prelude::*;
use runtime_durable::{Durable, Run, RunError};
use runtime_orchestrator::Orchestrator;
use runtime_resilience::chain_text;
use runtime_store::MemoryStore;

use crate::agent::order;
use crate::journal::journal;

struct Clerk {
    durable: Durable,
    books: PathBuf,
}

#[restate_sdk::service]
impl Clerk {
    /// Works on an order. Restate calls it again until it has an answer.
    #[handler]
    async fn work_on(&self, ctx: Context<'_>, order_id: String) -> HandlerResult<String> {
        let (journal, asked) = journal();
        let body = async |session: &_| order(session, &order_id, &self.books).await;
        let run = self.durable.run_within(journal, &order_id, body);
        match Box::pin(asked.beside(&ctx, run)).await {
            Ok(Run::Done(done)) => Ok(done.value),
            // An error that is not terminal: the engine asks again, and what was recorded is answered.
            Ok(Run::Parked(parked)) => Err(format!("the order waits: {}", parked.waits_for).into()),
            Err(error @ RunError::Failed { .. }) => {
                Err(TerminalError::new(chain_text(&error)).into())
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set"))
}

#[tokio::main]
async fn main() {
    // What people say would be in a database. Nobody is asked here.
    let durable = Durable::new(Orchestrator::new("clerk", "orders"), MemoryStore::new());
    let clerk = Clerk { durable, books: setting("BOOKS").into() };
    let address = format!("127.0.0.1:{}", setting("PORT")).parse().expect("PORT is a port");
    HttpServer::new(Endpoint::builder().bind(clerk).build()).listen_and_serve(address).await;
}
