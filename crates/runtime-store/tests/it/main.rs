//! Tests of threads, their journal, and stores.

mod canonical;
mod digests;
mod fold;
mod memory;
mod sizes;
