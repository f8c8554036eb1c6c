//! What repeats a simulation: its seed, and what is left out of it.

use std::collections::BTreeSet;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use fastrand::Rng;

/// A seed, and the tasks and faults that are left out. Written as one word, such as `17` or `17-agent_2-openai#0`.
///
/// ```
/// use runtime_testkit::simulation::Case;
///
/// let case: Case = "17-agent_2-openai#0".parse()?;
/// assert_eq!(case.seed, 17);
/// assert!(case.leaves_out("openai#0"));
/// assert_eq!(case.to_string(), "17-agent_2-openai#0");
/// # Ok::<_, std::num::ParseIntError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Case {
    /// Everything that is drawn follows from it.
    pub seed: u64,
    without: BTreeSet<String>,
}

impl Case {
    /// A seed, with nothing left out.
    pub const fn new(seed: u64) -> Self {
        Self { seed, without: BTreeSet::new() }
    }

    /// Whether a task or a fault is left out.
    pub fn leaves_out(&self, part: &str) -> bool {
        !self.without.is_empty() && self.without.contains(&word(part))
    }

    /// The same case without this part.
    #[must_use]
    pub fn without(&self, part: &str) -> Self {
        let mut case = self.clone();
        case.without.insert(word(part));
        case
    }
}

/// A part as it is written in a case: without blanks and hyphens.
pub(crate) fn word(part: &str) -> String {
    part.replace(|letter: char| letter.is_whitespace() || letter == '-', "_")
}

impl From<u64> for Case {
    fn from(seed: u64) -> Self {
        Self::new(seed)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.seed)?;
        self.without.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

impl FromStr for Case {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let mut words = text.split('-');
        let seed = words.next().unwrap_or_default().parse()?;
        Ok(Self { seed, without: words.map(str::to_owned).collect() })
    }
}

/// Random numbers for one purpose. What is drawn for one does not change what another one gets.
pub(crate) fn stream(seed: u64, purpose: &str) -> Rng {
    // FNV-1a over the purpose, beginning with the seed.
    let begin = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    Rng::with_seed(purpose.bytes().fold(begin, mix))
}
