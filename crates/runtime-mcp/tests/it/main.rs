//! The tools of a server in another process, over its standard streams.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod ends;
mod server;
mod tools;
