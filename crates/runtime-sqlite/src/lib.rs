//! Agent events in a SQLite database, where they can be asked questions.
//!
//! ```
//! use std::sync::Arc;
//! use runtime_events::AgentEvent;
//! use runtime_sinks::EventSink;
//! use runtime_sqlite::{SqliteReader, SqliteSink};
//!
//! # let path = std::env::temp_dir().join(format!("runtime-sqlite-lib-{}.db", std::process::id()));
//! let log = SqliteSink::open(&path)?;
//! let mut event = AgentEvent::started("writer", "draft");
//! (event.session_id, event.seq) = (Some("s1".into()), Some(1));
//! log.emit(&Arc::new(event.clone()))?;
//! log.flush()?;
//!
//! let reader = SqliteReader::open(&path)?;
//! assert_eq!(reader.sessions()?[0].session_id, "s1");
//! assert_eq!(reader.events("s1").next().transpose()?, Some(event));
//! # drop((log, reader));
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Any client of SQLite reads it: `SELECT model, calls, cost_usd FROM cost_by_model`.
//!
//! | item | what |
//! |---|---|
//! | [`SqliteSink`] | writes events and usage records in batches; [`SqliteConfig`], [`SqliteDurability`] |
//! | [`SqliteStats`] | what became of what the sink was given |
//! | [`SqliteSink::import`] | reads a JSON-lines log in: [`Imported`] |
//! | [`SqliteReader`] | reads events and sessions back |
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
mod write;

#[doc(inline)]
pub use self::{
    error::OpenError,
    import::{Conflict, Imported},
    options::{SqliteConfig, SqliteDurability},
    reader::{Events, SessionSummary, SqliteReader},
    sink::SqliteSink,
    stats::SqliteStats,
};
