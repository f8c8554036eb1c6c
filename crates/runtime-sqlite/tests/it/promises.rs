//! Promises that the compiler checks.

use std::sync::Arc;

use runtime_sinks::{EventSink, UsageSink};
use runtime_sqlite::{
    Conflict, Events, Imported, OpenError, SessionSummary, SqliteConfig, SqliteReader, SqliteSink,
    SqliteStats,
};

const fn events<T: EventSink + 'static>() {}
const fn usage<T: UsageSink + 'static>() {}
const fn error<T: std::error::Error + Send + Sync + 'static>() {}
const fn shared<T: Send + Sync + 'static>() {}
const fn sent<T: Send>() {}

const _: () = events::<SqliteSink>();
const _: () = events::<Arc<SqliteSink>>();
const _: () = usage::<SqliteSink>();
const _: () = usage::<Arc<SqliteSink>>();
const _: () = error::<OpenError>();
const _: () = error::<Conflict>();
const _: () = shared::<SqliteConfig>();
const _: () = shared::<SqliteStats>();
const _: () = shared::<Imported>();
const _: () = shared::<SessionSummary>();
const _: () = sent::<SqliteReader>();
const _: () = {
    const fn iterates<'r, T: Iterator + 'r>() {}
    iterates::<Events<'static>>();
};
