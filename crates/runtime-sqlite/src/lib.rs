//! Agent events in a SQLite database, for questions in SQL.
//!
//! ```
//! use std::sync::Arc;
//! use runtime_events::AgentEvent;
//! use runtime_sinks::EventSink;
//! use runtime_sqlite::{SqliteReader, SqliteSink};
//!
//! # let path = std::env::temp_dir().join(format!("runtime-sqlite-lib-{}.db", std::process::id()));
//! let sink = SqliteSink::open(&path)?;
//! let mut event = AgentEvent::started("writer", "draft");
//! (event.session_id, event.seq) = (Some("s1".into()), Some(1));
//! sink.emit(&Arc::new(event.clone()))?;
//! sink.flush()?;
//!
//! let reader = SqliteReader::open(&path)?;
//! assert_eq!(reader.sessions()?[0].session_id, "s1");
//! assert_eq!(reader.events("s1").next().transpose()?, Some(event));
//! # drop((sink, reader));
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Any client of SQLite can read it: `SELECT model, calls, cost_usd FROM cost_by_model`.
//!
//! | to | use |
//! |---|---|
//! | write events and usage records in batches | [`SqliteSink`], [`SqliteConfig`], [`SqliteDurability`] |
//! | see how many events were written or lost | [`SqliteStats`] |
//! | import a JSON-lines log | [`SqliteSink::import`], [`Imported`], [`Conflict`] |
//! | read events and sessions | [`SqliteReader`] |
//! | keep the threads of durable sessions | `SqliteStore`, with feature `store` |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `store` | no | `SqliteStore`: the threads of durable sessions in a file of their own |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod database;
mod error;
mod import;
mod options;
mod pending;
mod reader;
mod row;
mod sink;
mod stats;
#[cfg(feature = "store")]
mod store;
mod write;

#[doc(inline)]
pub use self::{
    error::OpenError,
    import::Imported,
    options::{SqliteConfig, SqliteDurability},
    reader::{Events, SessionSummary, SqliteReader},
    sink::SqliteSink,
    stats::SqliteStats,
    write::Conflict,
};

#[cfg(feature = "store")]
#[doc(inline)]
pub use self::store::SqliteStore;
