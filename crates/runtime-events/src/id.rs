//! Where random identifiers come from.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

/// A supply of identifiers.
///
/// Session ids, span ids and the digits of a worker's id are drawn from here, so that a
/// test can make a run repeatable.
pub trait IdSource: Debug + Send + Sync {
    /// Draws the next 128 bits.
    fn draw(&self) -> u128;
}

/// Draws version 4 UUIDs: 122 random bits from the operating system.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct RandomIds;

impl IdSource for RandomIds {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws a random id")]
    fn draw(&self) -> u128 {
        Uuid::new_v4().as_u128()
    }
}

/// Counts 1, 2, 3 …, for runs that must repeat exactly.
///
/// ```
/// use runtime_events::{CountingIds, IdSource};
///
/// let ids = CountingIds::default();
/// assert_eq!((ids.draw(), ids.draw()), (1, 2));
/// ```
#[derive(Debug, Default)]
pub struct CountingIds {
    drawn: AtomicU64,
}

impl IdSource for CountingIds {
    fn draw(&self) -> u128 {
        // Relaxed: the count guards no other memory, and one atomic has one order.
        u128::from(self.drawn.fetch_add(1, Ordering::Relaxed)) + 1
    }
}
