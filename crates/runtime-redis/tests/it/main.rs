//! Tests over a real server. Without one they pass, with a word about it.
#![expect(clippy::unwrap_used, reason = "a test panics if it fails")]

mod apart;
mod away;
mod cluster;
mod common;
mod evicted;
mod histories;
mod push;
mod secrets;
mod suite;
