//! [`Kept`]: things with a place each, which stays theirs.

use std::collections::BTreeMap;

/// Things in the order in which they came. The place of one that was taken out is never another one's.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    all: BTreeMap<usize, T>,
    next: usize,
}

impl<T> Kept<T> {
    /// The place of the next one.
    pub(crate) const fn next(&self) -> usize {
        self.next
    }

    pub(crate) fn push(&mut self, thing: T) {
        self.all.insert(self.next, thing);
        self.next += 1;
    }

    pub(crate) fn take(&mut self, place: usize) -> Option<T> {
        self.all.remove(&place)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.all.get(&place)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.all.get_mut(&place)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.all.values()
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.values_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.all.iter().map(|(place, thing)| (*place, thing))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.all.iter_mut().map(|(place, thing)| (*place, thing))
    }

    /// The first of which this is true.
    pub(crate) fn place_of(&self, is_it: impl Fn(&T) -> bool) -> Option<usize> {
        self.iter().find(|(_, thing)| is_it(thing)).map(|(place, _)| place)
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), next: 0 }
    }
}
