//! A hash for numbers that are ids already.

use std::hash::{BuildHasherDefault, Hasher};

/// For maps by span ids and by places: the standard hash would cost more than the rest of a look-up.
/// A log may have been written with ids that collide, which slows its replay down: there are no more
/// than `OtelConfig::max_open` of them.
pub(crate) type Spread = BuildHasherDefault<Multiply>;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        // By the golden ratio: a difference in any bit is one in the upper bits; the map looks at
        // both ends.
        let spread = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = spread ^ (spread >> 32);
    }
}
