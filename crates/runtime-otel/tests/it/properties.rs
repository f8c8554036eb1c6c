//! Random streams of events.

mod streams;
