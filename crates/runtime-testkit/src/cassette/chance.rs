//! Ids and random numbers from the seed of a cassette.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtime_events::IdSource;
use runtime_store::Fingerprint;
use serde_json::json;

/// The ids of a [`Tape`](super::Tape): drawn from the seed of the cassette, so that a replay has the ids of the
/// recording. Each recording has a seed of its own, of 128 random bits.
#[derive(Clone, Debug)]
pub struct TapeIds {
    seed: Arc<str>,
    drawn: Arc<AtomicU64>,
}

impl TapeIds {
    pub(crate) fn new(seed: &str) -> Self {
        Self { seed: seed.into(), drawn: Arc::default() }
    }
}

impl IdSource for TapeIds {
    fn draw(&self) -> u128 {
        // Relaxed: the count guards no other memory, and one atomic has one order.
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let print = Fingerprint::of_json(&json!(["id", *self.seed, number]));
        u128::from_be_bytes(*print.as_bytes())
    }
}

/// A generator of random numbers for each name, the same in the recording and in each replay.
pub(crate) fn rng(seed: &str, name: &str) -> fastrand::Rng {
    let print = Fingerprint::of_json(&json!(["random", seed, name]));
    let half = print.as_bytes().first_chunk().copied().unwrap_or_default();
    fastrand::Rng::with_seed(u64::from_be_bytes(half))
}
