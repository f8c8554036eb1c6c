//! Usual values for each model: the length of answers, and the time to the first token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_resilience::{FadingHistogram, FirstTokens};
use thread_local::ThreadLocal;

/// The lengths of answers, so that turns reserve the usual length instead of the worst case. Clones
/// share them.
///
/// Each thread notes some lengths before it tells the others, so that turns on several threads do not
/// wait for each other.
#[derive(Clone, Debug, Default)]
pub(crate) struct UsualOutput(Arc<Lengths>);

#[derive(Debug, Default)]
struct Lengths {
    known: Mutex<BTreeMap<Box<str>, FadingHistogram>>,
    notes: ThreadLocal<Mutex<Notes>>,
}

/// What a thread knows about a few models.
type Notes = Vec<(Box<str>, Note)>;

/// What a thread knows about a model.
#[derive(Debug, Default)]
struct Note {
    /// What it has not told yet.
    lengths: Vec<u64>,
    /// The usual length, once it is asked for after it told the last ones.
    usual: Option<u64>,
}

impl UsualOutput {
    /// The number of answers before a length is usual.
    const ENOUGH: u32 = 20;

    /// The number of models that are kept, so that hostile model names cannot fill the memory.
    const MODELS: usize = 1_024;

    /// The number of models that a thread has notes about.
    const NOTES: usize = 8;

    /// The number of lengths that a thread tells at once.
    const TOLD: usize = 16;

    /// Adds the length of an answer.
    pub(crate) fn observe(&self, model: &str, tokens: u64) {
        self.with_note(model, |note| {
            note.lengths.push(tokens);
            if note.lengths.len() >= Self::TOLD {
                self.0.tell(model, note);
            }
        });
    }

    /// The length that 95 of 100 answers of the model do not exceed, once there are enough answers.
    pub(crate) fn tokens(&self, model: &str) -> Option<u64> {
        self.with_note(model, |note| {
            if note.usual.is_none() {
                self.0.tell(model, note);
                note.usual = self.0.usual(model);
            }
            note.usual
        })
    }

    fn with_note<T>(&self, model: &str, act: impl FnOnce(&mut Note) -> T) -> T {
        let mut notes = lock(self.0.notes.get_or_default());
        if let Some((_, note)) = notes.iter_mut().find(|(noted, _)| **noted == *model) {
            return act(note);
        }
        if notes.len() >= Self::NOTES {
            for (model, mut note) in notes.drain(..) {
                self.0.tell(&model, &mut note);
            }
        }
        let mut note = Note::default();
        let done = act(&mut note);
        notes.push((model.into(), note));
        done
    }
}

impl Lengths {
    /// Adds the lengths of a note to those of all threads.
    fn tell(&self, model: &str, note: &mut Note) {
        let mut known = lock(&self.known);
        if !note.lengths.is_empty() {
            if !known.contains_key(model) {
                make_room(&mut known);
                known.insert(model.into(), FadingHistogram::default());
            }
            if let Some(lengths) = known.get_mut(model) {
                note.lengths.drain(..).for_each(|tokens| lengths.add(tokens));
            }
        }
        drop(known);
        note.usual = None;
    }

    fn usual(&self, model: &str) -> Option<u64> {
        let known = lock(&self.known);
        let enough = known.get(model).filter(|lengths| lengths.samples() >= UsualOutput::ENOUGH);
        let usual = enough.and_then(|lengths| lengths.quantile(0.95));
        drop(known);
        usual
    }
}

/// Makes room for another model, if there are too many: the one with the fewest answers goes, so hostile
/// names do not displace real ones.
fn make_room(known: &mut BTreeMap<Box<str>, FadingHistogram>) {
    if known.len() >= UsualOutput::MODELS
        && let Some(least) = known.iter().min_by_key(|(_, lengths)| lengths.samples())
    {
        let least = least.0.clone();
        known.remove(&least);
    }
}

// Changes do not panic half-way, so a poisoned lock still has consistent data.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The times to the first token. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstTokensByModel(Arc<Mutex<BTreeMap<Arc<str>, FirstTokens>>>);

impl FirstTokensByModel {
    /// The number of models that are kept apart. All further ones share one entry.
    const MODELS: usize = 128;

    pub(crate) fn of(&self, model: &Arc<str>) -> FirstTokens {
        // Only the map's own code runs under the lock.
        let mut models = lock(&self.0);
        let name = if models.len() >= Self::MODELS && !models.contains_key(model) {
            Arc::default()
        } else {
            Arc::clone(model)
        };
        models.entry(name).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_output_is_the_95th_percentile() {
        let usual = UsualOutput::default();
        (1..=100).for_each(|n| usual.observe("m", n * 10));
        assert!(usual.tokens("m").is_some_and(|tokens| (950..1_069).contains(&tokens)));
        assert_eq!(usual.tokens("another"), None);
    }

    #[test]
    fn usual_output_needs_samples_and_forgets_rare_models() {
        let usual = UsualOutput::default();
        (0..UsualOutput::ENOUGH - 1).for_each(|_| usual.observe("m", 1));
        assert_eq!(usual.tokens("m"), None);
        usual.observe("m", 1);
        (0..2_000).for_each(|name: u32| usual.observe(&name.to_string(), 1));
        assert_eq!(usual.tokens("m"), Some(1), "names with few samples make room");
        assert_eq!(lock(&usual.0.known).len(), UsualOutput::MODELS);
    }

    #[test]
    fn usual_output_adds_up_what_threads_have_observed() {
        let usual = UsualOutput::default();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..UsualOutput::TOLD).for_each(|_| usual.observe("m", 7)));
            }
        });
        assert_eq!(usual.tokens("m"), Some(7));
        (0..UsualOutput::NOTES).for_each(|name| usual.observe(&name.to_string(), 1));
        assert_eq!(lock(&usual.0.known).len(), 8, "a thread tells all when it has too many models");
    }
}
