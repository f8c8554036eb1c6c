//! Usual values for each model: the length of answers, and the time to the first token.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_resilience::{FadingHistogram, FirstTokens};

/// The lengths of answers, so that turns reserve the usual length instead of the worst case. Clones
/// share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct UsualOutput(Arc<Mutex<BTreeMap<Box<str>, FadingHistogram>>>);

impl UsualOutput {
    /// The number of answers before a length is usual.
    const ENOUGH: u32 = 20;

    /// The number of models that are kept, so that hostile model names cannot fill the memory.
    const MODELS: usize = 1_024;

    /// Adds the length of an answer.
    pub(crate) fn observe(&self, model: &str, tokens: u64) {
        let mut models = self.models();
        if let Some(lengths) = models.get_mut(model) {
            lengths.add(tokens);
            return;
        }
        // The model with the fewest answers makes room, so hostile names do not displace real ones.
        if models.len() >= Self::MODELS
            && let Some(least) = models.iter().min_by_key(|(_, lengths)| lengths.samples())
        {
            let least = least.0.clone();
            models.remove(&least);
        }
        models.entry(model.into()).or_default().add(tokens);
    }

    /// The length that 95 of 100 answers of the model do not exceed, once there are enough answers.
    pub(crate) fn tokens(&self, model: &str) -> Option<u64> {
        let usual = |lengths: &FadingHistogram| {
            (lengths.samples() >= Self::ENOUGH).then(|| lengths.quantile(0.95))?
        };
        self.models().get(model).and_then(usual)
    }

    // Changes do not panic half-way, so a poisoned lock still has consistent data.
    fn models(&self) -> MutexGuard<'_, BTreeMap<Box<str>, FadingHistogram>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The times to the first token. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstTokensByModel(Arc<Mutex<BTreeMap<Arc<str>, FirstTokens>>>);

impl FirstTokensByModel {
    /// The number of models that are kept apart. All further ones share one entry.
    const MODELS: usize = 128;

    pub(crate) fn of(&self, model: &Arc<str>) -> FirstTokens {
        // Only the map's own code runs under the lock.
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        assert_eq!(usual.models().len(), UsualOutput::MODELS);
    }
}
