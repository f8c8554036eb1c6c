//! [`Line`]: what every call reads of a breaker.

use crate::sync::AtomicU64;

/// What every call reads. On two cache lines of its own, as the second is fetched with the first: writes to
/// neighbours must not evict it.
#[repr(align(128))]
pub(super) struct Line {
    pub(super) word: AtomicU64,
    /// Whether outcomes go through the books.
    pub(super) windowed: bool,
    /// Whether it matters how long a call takes.
    pub(super) timed: bool,
}
