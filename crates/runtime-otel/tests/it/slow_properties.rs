//! Random streams of events.

mod real;
mod streams;
