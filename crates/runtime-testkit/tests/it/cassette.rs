//! Cassettes: what was recorded is played.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod blocking;
mod bodies;
mod calls;
mod errors;
mod export;
mod files;
mod misses;
mod properties;
mod session;
mod streams;
mod tape_clock;

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime_testkit::cassette::{Cassette, Tape};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A file that is removed at the end of a test.
struct Case(PathBuf);

impl Case {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        // Relaxed: only its own value counts.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cassette-{}-{number}.jsonl", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn cassette(&self) -> Cassette {
        Cassette::at(&self.0)
    }

    fn record(&self) -> Tape {
        self.cassette().record().unwrap()
    }

    fn play(&self) -> Tape {
        self.cassette().play().unwrap()
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }

    /// The text of an error, with a short name of the file.
    fn told(&self, error: &impl ToString) -> String {
        error.to_string().replace(&self.0.display().to_string(), "case.jsonl")
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(future)
}
