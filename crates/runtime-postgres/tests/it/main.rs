//! Tests over a real server. Without one they pass, with a word about it.
#![expect(clippy::unwrap_used, reason = "a test panics if it fails")]

mod common;
mod failures;
mod fight;
mod fleet;
mod fleet_away;
mod fleet_histories;
mod migrations;
mod pgbouncer;
mod restarts;
mod retention;
mod roles;
mod secrets;
mod suite;
mod tls;
