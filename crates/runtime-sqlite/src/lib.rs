//! Agent events in a SQLite database, where they can be asked questions.
//!
//! | module | what |
//! |---|---|
//! | [`sink`] | [`SqliteSink`]: writes events and usage records in batches |
//! | [`options`] | [`SqliteOptions`], [`Durability`] |
//! | [`stats`] | [`SqliteStats`]: what became of what it was given |
//! | [`import`] | [`Imported`]: a JSON-lines log that was read in |
//! | [`reader`] | [`SqliteReader`]: events and sessions, read back |
//! | [`error`] | [`OpenError`] |
//!
//! # Example
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
//! And with any client of SQLite: `SELECT model, calls, cost_usd FROM cost_by_model`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod database;
pub mod error;
pub mod import;
pub mod options;
mod pending;
pub mod reader;
mod row;
pub mod sink;
pub mod stats;
mod write;

#[doc(inline)]
pub use self::{
    error::OpenError,
    import::{Conflict, Imported},
    options::{Durability, SqliteOptions},
    reader::{Events, SessionSummary, SqliteReader},
    sink::SqliteSink,
    stats::SqliteStats,
};
