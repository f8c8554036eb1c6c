//! Tests of threads, their journal, and stores.

mod canonical;
mod fold;
mod memory;
mod sizes;
