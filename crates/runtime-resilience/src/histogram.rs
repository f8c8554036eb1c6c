//! The usual size of numbers, in little memory.

/// A histogram of fixed size whose old numbers fade.
///
/// Its buckets are an eighth of a power of two wide, so a number is rounded up by at most 12.5 %. After
/// 1,000 numbers, the weight of the old ones is halved.
///
/// ```
/// use runtime_resilience::FadingHistogram;
///
/// let mut lengths = FadingHistogram::default();
/// (1..=100).for_each(|n| lengths.add(n * 10));
/// assert!((950..1_069).contains(&lengths.quantile(0.95).unwrap()));
/// ```
#[derive(Clone, Debug)]
pub struct FadingHistogram {
    counts: Box<[u32]>,
    samples: u32,
}

/// The number of numbers at which the old ones fade.
pub(crate) const MANY: u32 = 1_000;

/// Buckets of a power of two.
const WIDTH: u32 = 8;
const BITS: u32 = WIDTH.trailing_zeros();

impl FadingHistogram {
    /// Adds a number.
    pub fn add(&mut self, number: u64) {
        if self.samples >= MANY {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.samples = self.counts.iter().sum();
        }
        self.counts[bucket(number)] += 1;
        self.samples += 1;
    }

    /// The number that this share of numbers does not exceed; `None` if there is none. Shares outside
    /// 0 to 1 count as the nearer end, NaN as 1.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        let rank = (share * f64::from(self.samples)).ceil().max(1.0);
        let mut seen = 0;
        let found = self.counts.iter().position(|count| {
            seen += count;
            f64::from(seen) >= rank
        });
        found.map(upper_end)
    }

    /// The weight of all numbers: how many there are, until the old ones fade.
    pub const fn samples(&self) -> u32 {
        self.samples
    }
}

impl Default for FadingHistogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1].into(), samples: 0 }
    }
}

fn bucket(number: u64) -> usize {
    if number < u64::from(WIDTH) {
        return usize::try_from(number).unwrap_or(0); // below 8
    }
    let shift = number.ilog2() - BITS;
    let within = usize::try_from(number >> shift).unwrap_or(0) - WIDTH as usize; // 0 to 7
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

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use super::*;

    #[test]
    fn number_is_in_the_bucket_that_ends_with_it_or_soon_after() {
        let edges = (0..64).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power - 1, power, power + 1, power | (power >> 1)]
        });
        for number in edges.chain(0..5_000).chain([u64::MAX]) {
            let bucket = bucket(number);
            let end = upper_end(bucket);
            assert!(end >= number && end - number <= number / 8, "{number} in {bucket} to {end}");
            assert!(bucket == 0 || upper_end(bucket - 1) < number, "{number}");
        }
    }

    #[test]
    fn old_numbers_fade() {
        let mut seen = FadingHistogram::default();
        (0..2_000).for_each(|_| seen.add(10_000));
        (0..2_000).for_each(|_| seen.add(100));
        assert!(seen.quantile(0.95).is_some_and(|number| number >= 10_000));
        (0..4_000).for_each(|_| seen.add(100));
        assert!(seen.quantile(0.95).is_some_and(|number| number < 120));
        assert!(seen.samples() <= MANY);
    }
}
