//! [`Kept`]: things with a name and a place each, which stay theirs.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Things in the order in which they came. The place of one that was taken out is never another one's.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    all: BTreeMap<usize, (Arc<str>, T)>,
    places: HashMap<Arc<str>, usize>,
    next: usize,
}

impl<T> Kept<T> {
    /// The place of the next one.
    pub(crate) const fn next(&self) -> usize {
        self.next
    }

    /// Keeps a thing whose name no other one has.
    pub(crate) fn push(&mut self, name: Arc<str>, thing: T) {
        self.places.insert(name.clone(), self.next);
        self.all.insert(self.next, (name, thing));
        self.next += 1;
    }

    pub(crate) fn take(&mut self, place: usize) -> Option<T> {
        let (name, thing) = self.all.remove(&place)?;
        self.places.remove(&name);
        Some(thing)
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.all.get(&place).map(|(_, thing)| thing)
    }

    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.all.get_mut(&place).map(|(_, thing)| thing)
    }

    /// The thing of this name, and its place.
    pub(crate) fn named(&mut self, name: &str) -> Option<(usize, &mut T)> {
        let place = *self.places.get(name)?;
        Some((place, self.get_mut(place)?))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.all.values().map(|(_, thing)| thing)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.values_mut().map(|(_, thing)| thing)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        self.all.iter().map(|(place, (_, thing))| (*place, thing))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.all.iter_mut().map(|(place, (_, thing))| (*place, thing))
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), places: HashMap::new(), next: 0 }
    }
}
