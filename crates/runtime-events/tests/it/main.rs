//! Integration tests, one binary.

mod clock;
mod data;
mod json;
mod otel;
mod payload;
mod properties;
mod secrets;
mod vocabulary;
