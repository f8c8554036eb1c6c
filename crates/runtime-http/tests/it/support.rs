//! A provider on the loopback, clients of it behind each door, and their books.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod books;
mod client;
mod provider;
mod script;

pub(crate) use self::books::Fixture;
pub(crate) use self::client::{Door, Reply, doors};
pub(crate) use self::provider::{Provider, answer};
pub(crate) use self::script::{Said, Script};
