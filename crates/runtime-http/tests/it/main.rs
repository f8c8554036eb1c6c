//! Integration tests, one binary. They need every door.
#![cfg(all(feature = "tower", feature = "reqwest-middleware", feature = "async-openai"))]

mod doors;
mod support;
