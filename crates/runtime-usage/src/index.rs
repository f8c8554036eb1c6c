//! Names to prices: the name itself, else the longest known beginning of it.

use std::borrow::Cow;

use crate::pricing::ModelPricing;

/// Prices under lower-case names, sorted, each knowing the longest other name it begins with.
///
/// A name that `wanted` begins with sorts at or before `wanted`, and everything in between begins
/// with it too. So the greatest name not above `wanted` either is the answer or leads to it
/// along its own beginnings: one binary search and a few steps.
#[derive(Debug, Default)]
pub(crate) struct PrefixIndex {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: Box<str>,
    pricing: ModelPricing,
    /// The place of the longest other name that this one begins with.
    beginning: Option<usize>,
}

impl PrefixIndex {
    /// The price under `wanted` or the longest beginning of it.
    pub(crate) fn resolve(&self, wanted: &str) -> Option<&ModelPricing> {
        let after = self.entries.partition_point(|entry| *entry.name <= *wanted);
        let mut entry = self.entries.get(after.checked_sub(1)?)?;
        let shared = shared_length(&entry.name, wanted);
        while entry.name.len() > shared {
            entry = &self.entries[entry.beginning?];
        }
        Some(&entry.pricing)
    }

    /// Sets the price under a lower-case name and returns the one it replaces.
    pub(crate) fn insert(&mut self, name: &str, pricing: ModelPricing) -> Option<ModelPricing> {
        match self.entries.binary_search_by(|entry| (*entry.name).cmp(name)) {
            Ok(place) => Some(std::mem::replace(&mut self.entries[place].pricing, pricing)),
            Err(place) => {
                self.entries.insert(place, Entry::new(name.into(), pricing));
                self.link();
                None
            }
        }
    }

    /// Sets many prices at once; of two under one name, the later one holds.
    pub(crate) fn extend(&mut self, prices: impl IntoIterator<Item = (Box<str>, ModelPricing)>) {
        self.entries.extend(prices.into_iter().map(|(name, pricing)| Entry::new(name, pricing)));
        // The sort is stable, so among equals the latest comes last.
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.entries.dedup_by(|later, kept| {
            let same = later.name == kept.name;
            if same {
                kept.pricing = later.pricing;
            }
            same
        });
        self.link();
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ModelPricing)> {
        self.entries.iter().map(|entry| (&*entry.name, &entry.pricing))
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Finds the beginnings anew: in sorted order, those of a name are on the stack above it.
    fn link(&mut self) {
        let mut open: Vec<usize> = Vec::new();
        for place in 0..self.entries.len() {
            let name = &*self.entries[place].name;
            while open.last().is_some_and(|&top| !name.starts_with(&*self.entries[top].name)) {
                open.pop();
            }
            self.entries[place].beginning = open.last().copied();
            open.push(place);
        }
    }
}

impl Entry {
    const fn new(name: Box<str>, pricing: ModelPricing) -> Self {
        Self { name, pricing, beginning: None }
    }
}

fn shared_length(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

/// Calls `f` with the name in lower case, without allocating for a name of usual length.
pub(crate) fn with_lower_case<R>(name: &str, f: impl FnOnce(&str) -> R) -> R {
    const USUAL: usize = 96;

    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return f(name);
    }
    let mut buffer = [0; USUAL];
    let lower = match buffer.get_mut(..name.len()) {
        Some(lower) if name.is_ascii() => {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            str::from_utf8(lower).map_or_else(|_| name.to_lowercase().into(), Cow::Borrowed)
        }
        _ => Cow::Owned(name.to_lowercase()),
    };
    f(&lower)
}
