//! Tests over a real server. Without one they pass, with a word about it.

mod common;
mod failures;
mod fight;
mod migrations;
mod pgbouncer;
mod restarts;
mod roles;
mod secrets;
mod suite;
mod tls;
