//! [`Sharded`]: a map in parts, so that threads with different keys hardly ever wait for each other.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A map in parts, each with a lock of its own. A caller holds one of them at a time.
pub(super) struct Sharded<K, V> {
    parts: Box<[Part<K, V>]>,
}

/// On a cache line of its own: its lock is written by every look-up.
#[repr(align(64))]
struct Part<K, V>(RwLock<HashMap<K, V>>);

/// Many times the number of threads that are likely to meet.
const PARTS: usize = 64;

impl<K: Eq + Hash, V> Sharded<K, V> {
    /// The part that has the key, to be read.
    pub(super) fn read<Q>(&self, key: &Q) -> RwLockReadGuard<'_, HashMap<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        // No code of the caller runs under a lock, so there is no panic to be poisoned by. The same below.
        self.of(key).0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part that has the key, to be changed.
    pub(super) fn write<Q>(&self, key: &Q) -> RwLockWriteGuard<'_, HashMap<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        self.of(key).0.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts, one after the other.
    pub(super) fn parts(&self) -> impl Iterator<Item = RwLockReadGuard<'_, HashMap<K, V>>> {
        self.parts.iter().map(|part| part.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn len(&self) -> usize {
        self.parts().map(|part| part.len()).sum()
    }

    fn of<Q: Hash + ?Sized>(&self, key: &Q) -> &Part<K, V> {
        let mut hasher = Choice::default();
        key.hash(&mut hasher);
        // There is no other number of parts.
        &self.parts[usize::from(hasher.part()) % PARTS]
    }
}

impl<K, V> Default for Sharded<K, V> {
    fn default() -> Self {
        Self { parts: (0..PARTS).map(|_| Part(RwLock::default())).collect() }
    }
}

/// Chooses a part. It is quick and can be foreseen: keys that somebody chose to meet in one part wait for each
/// other, and the map inside has a hasher that cannot be foreseen.
#[derive(Default)]
struct Choice(u64);

impl Choice {
    const fn part(&self) -> u8 {
        (self.0 >> 56) as u8
    }
}

impl Hasher for Choice {
    fn write(&mut self, bytes: &[u8]) {
        for eight in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..eight.len()].copy_from_slice(eight);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, _: u8) {
        // The end of a text says nothing.
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_keys_are_spread_over_the_parts() {
        let texts = |of: &dyn Fn(usize) -> String| {
            let map = Sharded::default();
            for number in 0..64_000 {
                let key = of(number);
                map.write(&key).insert(key, ());
            }
            map.parts().map(|part| part.len()).max()
        };
        // A thousand each, if they were spread evenly.
        assert!(texts(&|n| format!("{n:016x}")) < Some(1_500));
        assert!(texts(&|n| format!("role-{n}-draft")) < Some(1_500));
        let numbers = Sharded::default();
        for number in 0..64_000_i64 {
            numbers.write(&number).insert(number, ());
        }
        assert!(numbers.parts().map(|part| part.len()).max() < Some(1_500));
        assert_eq!(numbers.len(), 64_000);
    }
}
