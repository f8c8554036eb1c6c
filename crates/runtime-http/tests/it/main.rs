//! Integration tests, one binary. They need every door.
#![cfg(all(feature = "tower", feature = "reqwest-middleware", feature = "async-openai"))]

mod asks;
#[cfg(feature = "bedrock")]
mod bedrock;
mod bills;
mod cases;
#[cfg(feature = "cassette")]
mod cassette;
mod doors;
#[cfg(feature = "durable")]
mod durable;
mod ends;
mod head;
mod litellm;
mod odd;
mod panics;
mod pieces;
mod places;
mod rules;
mod support;
mod times;
mod wires;
