//! [`UsualOutput`]: how long a model's answers usually are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Remembers the lengths of answers by model, to reserve what is usual and not the worst case.
///
/// It keeps a histogram a model, whose buckets are an eighth of a power of two wide: an answer is
/// told to within 12.5 %, and always rounded up. After 1,000 answers the old ones count half.
/// Clones share what they know.
///
/// ```
/// use runtime_usage::UsualOutput;
///
/// let usual = UsualOutput::new();
/// assert_eq!(usual.tokens("gpt-5"), None, "nothing was seen yet");
/// for tokens in 1..=100 {
///     usual.observe("gpt-5", tokens * 10);
/// }
/// let usual = usual.tokens("gpt-5").unwrap();
/// assert!((950..1_069).contains(&usual), "95 of 100 answers are no longer");
/// ```
#[derive(Clone, Debug, Default)]
pub struct UsualOutput {
    models: Arc<Mutex<HashMap<Box<str>, Histogram>>>,
}

/// How many answers have to be known before anything is usual.
const ENOUGH: u32 = 20;

/// From how many answers on the old ones fade.
const MANY: u32 = 1_000;

/// How many models are remembered, so that names in hostile requests cannot fill the memory.
const MODELS: usize = 1_024;

impl UsualOutput {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// An answer of this many tokens was seen.
    pub fn observe(&self, model: &str, tokens: u64) {
        let mut models = self.models();
        if let Some(histogram) = models.get_mut(model) {
            histogram.add(tokens);
            return;
        }
        // The one of which least is known makes room: hostile names do not lock real ones out.
        if models.len() >= MODELS
            && let Some(least) = models.iter().min_by_key(|(_, seen)| seen.answers)
        {
            let least = least.0.clone();
            models.remove(&least);
        }
        models.entry(model.into()).or_default().add(tokens);
    }

    /// The length that 95 of 100 answers of the model do not exceed, once twenty of them are known.
    pub fn tokens(&self, model: &str) -> Option<u64> {
        let models = self.models();
        models.get(model).filter(|seen| seen.answers >= ENOUGH).map(|seen| seen.percentile(95))
    }

    // Nothing panics half-way through a change, so what a poisoned lock holds is whole.
    fn models(&self) -> MutexGuard<'_, HashMap<Box<str>, Histogram>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts answers by length. The first bucket of a power of two is where the bits below its three
/// highest begin to be dropped.
#[derive(Debug)]
struct Histogram {
    counts: Box<[u32]>,
    answers: u32,
}

/// Buckets of a power of two.
const WIDTH: u32 = 8;
const BITS: u32 = WIDTH.trailing_zeros();

impl Histogram {
    fn add(&mut self, tokens: u64) {
        if self.answers >= MANY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.answers = self.counts.iter().sum();
        }
        self.counts[bucket(tokens)] += 1;
        self.answers += 1;
    }

    /// The upper end of the bucket in which the answer at this rank is.
    fn percentile(&self, percent: u64) -> u64 {
        let rank = (u64::from(self.answers) * percent).div_ceil(100);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= rank {
                return upper_end(bucket);
            }
        }
        u64::MAX
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1].into(), answers: 0 }
    }
}

fn bucket(tokens: u64) -> usize {
    if tokens < u64::from(WIDTH) {
        return usize::try_from(tokens).unwrap_or(0); // below 8
    }
    let shift = tokens.ilog2() - BITS;
    let within = usize::try_from(tokens >> shift).unwrap_or(0) - WIDTH as usize; // 0 to 7
    (shift as usize + 1) * WIDTH as usize + within
}

/// The largest number in a bucket.
fn upper_end(bucket: usize) -> u64 {
    let (power, within) = (bucket / WIDTH as usize, bucket % WIDTH as usize);
    if power == 0 {
        return within as u64;
    }
    let first = u128::from(WIDTH) + within as u128;
    let end = ((first + 1) << (power - 1)) - 1;
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_in_the_bucket_that_ends_with_it_or_soon_after() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1, power | (power >> 1)]
        });
        for tokens in edges.chain(0..5_000).chain([u64::MAX]) {
            let bucket = bucket(tokens);
            let end = upper_end(bucket);
            assert!(end >= tokens && end - tokens <= tokens / 8, "{tokens} in {bucket} to {end}");
            assert!(bucket == 0 || upper_end(bucket - 1) < tokens, "{tokens}");
        }
    }

    #[test]
    fn the_old_answers_fade() {
        let usual = UsualOutput::new();
        (0..2_000).for_each(|_| usual.observe("m", 10_000));
        (0..2_000).for_each(|_| usual.observe("m", 100));
        assert!(usual.tokens("m").is_some_and(|tokens| tokens >= 10_000));
        (0..4_000).for_each(|_| usual.observe("m", 100));
        assert!(usual.tokens("m").is_some_and(|tokens| tokens < 120));
    }

    #[test]
    fn few_answers_are_not_usual_and_hostile_names_are_forgotten() {
        let usual = UsualOutput::new();
        (0..ENOUGH - 1).for_each(|_| usual.observe("m", 1));
        assert_eq!(usual.tokens("m"), None);
        usual.observe("m", 1);
        (0..2_000).for_each(|name: u32| usual.observe(&name.to_string(), 1));
        assert_eq!(usual.tokens("m"), Some(1), "the names of which little is known make room");
        assert_eq!(usual.models().len(), MODELS);
    }
}
