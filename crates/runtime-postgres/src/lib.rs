//! Threads of durable agents in Postgres, and what the processes of a fleet share.
//!
//! ```no_run
//! use runtime_postgres::PgStore;
//! use runtime_store::Store as _;
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://agents@db.example.org/agents?sslmode=require";
//! PgStore::migrate(url).await?;               // once for each version, by a role that may make tables
//! let store = PgStore::connect(url).await?;   // in each process, by one that may not
//!
//! for thread in store.runnable(None, None, 8).await? {
//!     println!("{thread} waits for somebody who runs it");
//! }
//! # Ok(()) }
//! ```
//!
//! A call is one function of the schema and so one round trip and one transaction; time is the server's. A
//! thread of the store's own drives the connection, so that any runtime may wait for a call, and a plain thread
//! as well. A lost connection is made again by the next call.
//!
//! | to | use |
//! |---|---|
//! | connect | [`PgStore`], [`PgConfig`] |
//! | make or update the schema | [`PgStore::migrate`], or `techrevati migrate URL` |
//! | share breakers, budgets and limits | `PgFleet`, with the feature `fleet` |
//! | know why it cannot | [`PgError`] |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `fleet` | no | `PgFleet`, the backend of a fleet |
//! | `tls` | yes | encrypted connections, through rustls |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod approvals;
mod call;
mod config;
mod error;
#[cfg(feature = "fleet")]
mod fleet;
mod link;
mod row;
mod schema;
mod store;
mod tls;

#[doc(inline)]
#[cfg(feature = "fleet")]
pub use self::fleet::PgFleet;
#[doc(inline)]
pub use self::{config::PgConfig, error::PgError, store::PgStore};
