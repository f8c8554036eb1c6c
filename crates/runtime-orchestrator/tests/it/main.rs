//! Integration tests, one binary.

mod cancellation;
mod properties;
mod support;
mod threads;
