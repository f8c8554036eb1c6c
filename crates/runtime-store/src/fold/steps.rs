//! The steps of a thread by their keys, in the order in which they were recorded.

use std::collections::HashMap;

use super::past::Past;
use super::views::ByKey;
use crate::digest::StepKey;

/// Steps by their keys.
///
/// Code asks for them in about the order in which they were recorded, so they lie in that order: the next one is near
/// the last one in memory, where a map has it anywhere.
#[derive(Debug, Default)]
pub(super) struct Steps {
    places: HashMap<StepKey, usize, ByKey>,
    /// Nothing where one was forgotten.
    steps: Vec<Option<(StepKey, Past)>>,
}

impl Steps {
    pub(super) fn get(&self, key: &StepKey) -> Option<&Past> {
        let place = self.places.get(key)?;
        self.steps.get(*place)?.as_ref().map(|(_, past)| past)
    }

    pub(super) fn get_mut(&mut self, key: &StepKey) -> Option<&mut Past> {
        let place = self.places.get(key)?;
        self.steps.get_mut(*place)?.as_mut().map(|(_, past)| past)
    }

    /// The step with this key, or a new one.
    pub(super) fn or_insert_with(&mut self, key: StepKey, new: impl FnOnce() -> Past) -> &mut Past {
        let place = *self.places.entry(key).or_insert(self.steps.len());
        if place == self.steps.len() {
            self.steps.push(None);
        }
        let step = &mut self.steps[place];
        &mut step.get_or_insert_with(|| (key, new())).1
    }

    pub(super) fn remove(&mut self, key: &StepKey) -> Option<Past> {
        let place = self.places.remove(key)?;
        self.steps.get_mut(place)?.take().map(|(_, past)| past)
    }

    pub(super) fn contains_key(&self, key: &StepKey) -> bool {
        self.places.contains_key(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&StepKey, &Past)> {
        self.steps.iter().flatten().map(|(key, past)| (key, past))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &Past> {
        self.iter().map(|(_, past)| past)
    }
}
