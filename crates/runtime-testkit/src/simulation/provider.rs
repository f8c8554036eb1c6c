//! Providers and their faults, as data.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use super::case::Case;

/// How a provider answers, and what goes wrong there, when.
///
/// ```
/// use std::time::Duration;
/// use runtime_testkit::simulation::SimProvider;
///
/// let seconds = Duration::from_secs;
/// let openai = SimProvider::healthy()
///     .storm(seconds(10)..seconds(40), seconds(5))
///     .cut(seconds(60)..seconds(70))
///     .share(30);
/// assert_eq!(openai.spells().len(), 2);
/// ```
#[derive(Clone)]
#[must_use]
pub struct SimProvider {
    pub(crate) first_token: Range<Duration>,
    pub(crate) rest: Range<Duration>,
    pub(crate) input: Range<u64>,
    pub(crate) output: Range<u64>,
    pub(crate) capacity: Option<u32>,
    pub(crate) spells: Vec<Spell>,
    pub(crate) answer: Arc<Answers>,
}

type Answers = dyn Fn(&str, &mut Rng) -> String + Send + Sync;

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spell {
    /// What goes wrong.
    pub trouble: Trouble,
    /// When.
    pub during: Range<Duration>,
    /// Of how many calls, in percent.
    pub share: u8,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// Status 429, with `retry-after`.
    Storm(Duration),
    /// Status 503, without a word of when.
    Overload,
    /// The first token comes so much later.
    Slow(Duration),
    /// The stream breaks off after a part of its tokens, which are billed.
    Cut,
    /// The answer has no usage, and is billed.
    Unmetered,
    /// No connection: nothing arrives, and nothing is billed.
    Down,
    /// The call arrives, and nothing more is heard.
    Hang,
    /// Status 400: the request is wrong, and no other provider would take it.
    Refused,
    /// Another status without an answer, with `retry-after` if there is a wait.
    Status(u16, Option<Duration>),
}

impl SimProvider {
    /// A provider that answers every call within seconds.
    pub fn healthy() -> Self {
        let millis = Duration::from_millis;
        Self {
            first_token: millis(100)..millis(900),
            rest: millis(200)..millis(3_000),
            input: 50..2_000,
            output: 5..500,
            capacity: None,
            spells: Vec::new(),
            answer: Arc::new(|_, _| "fine".to_owned()),
        }
    }

    /// Sets the time to the first token. Default: 0.1 to 0.9 seconds.
    pub fn first_token(mut self, range: Range<Duration>) -> Self {
        self.first_token = range;
        self
    }

    /// Sets the time from the first token to the last. Default: 0.2 to 3 seconds.
    pub fn rest(mut self, range: Range<Duration>) -> Self {
        self.rest = range;
        self
    }

    /// Sets the tokens of a call. Default: 50 to 2,000 and 5 to 500.
    pub fn tokens(mut self, input: Range<u64>, output: Range<u64>) -> Self {
        (self.input, self.output) = (input, output);
        self
    }

    /// Sets how many calls a minute it takes. It answers the others with status 429, and when there is room.
    pub const fn capacity(mut self, calls_per_minute: u32) -> Self {
        self.capacity = Some(calls_per_minute);
        self
    }

    /// Sets what it answers. Random numbers are from the seed. Default: `fine`.
    pub fn answers(
        mut self,
        answer: impl Fn(&str, &mut Rng) -> String + Send + Sync + 'static,
    ) -> Self {
        self.answer = Arc::new(answer);
        self
    }

    /// Adds a fault of all calls that arrive in this time.
    pub fn spell(mut self, trouble: Trouble, during: Range<Duration>) -> Self {
        self.spells.push(Spell { trouble, during, share: 100 });
        self
    }

    /// Limits the last fault that was added to a share of the calls, in percent.
    pub fn share(mut self, percent: u8) -> Self {
        if let Some(last) = self.spells.last_mut() {
            last.share = percent;
        }
        self
    }

    /// Adds a storm of status 429, with this wait.
    pub fn storm(self, during: Range<Duration>, retry_after: Duration) -> Self {
        self.spell(Trouble::Storm(retry_after), during)
    }

    /// Adds a time in which it is overloaded.
    pub fn overload(self, during: Range<Duration>) -> Self {
        self.spell(Trouble::Overload, during)
    }

    /// Adds a time in which first tokens are so much later.
    pub fn slow(self, during: Range<Duration>, by: Duration) -> Self {
        self.spell(Trouble::Slow(by), during)
    }

    /// Adds a time in which streams break off.
    pub fn cut(self, during: Range<Duration>) -> Self {
        self.spell(Trouble::Cut, during)
    }

    /// Adds a time in which answers have no usage.
    pub fn unmetered(self, during: Range<Duration>) -> Self {
        self.spell(Trouble::Unmetered, during)
    }

    /// Adds a time in which it cannot be reached.
    pub fn down(self, during: Range<Duration>) -> Self {
        self.spell(Trouble::Down, during)
    }

    /// Adds a time in which calls arrive and are never answered.
    pub fn hangs(self, during: Range<Duration>) -> Self {
        self.spell(Trouble::Hang, during)
    }

    /// Adds up to `most` faults, drawn, that begin within this time.
    pub fn troubled(mut self, rng: &mut Rng, most: usize, within: Duration) -> Self {
        let end = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(1);
        for _ in 0..rng.usize(..=most) {
            let from = rng.u64(..end);
            let until = from + rng.u64(500..=end.max(1_000) / 2);
            let wait = Duration::from_millis(rng.u64(500..20_000));
            let trouble = match rng.u8(..8) {
                0 => Trouble::Storm(wait),
                1 => Trouble::Overload,
                2 => Trouble::Slow(wait),
                3 => Trouble::Cut,
                4 => Trouble::Unmetered,
                5 => Trouble::Down,
                6 => Trouble::Hang,
                _ => Trouble::Refused,
            };
            let share = *rng.choice(&[20, 50, 100, 100]).unwrap_or(&100);
            let during = Duration::from_millis(from)..Duration::from_millis(until);
            self = self.spell(trouble, during).share(share);
        }
        self
    }

    /// The faults, in the order in which they were added.
    pub fn spells(&self) -> &[Spell] {
        &self.spells
    }

    /// The faults that a case leaves in, and the names of all of them.
    pub(crate) fn heal(&mut self, name: &str, case: &Case) -> Vec<(String, String)> {
        let mut named = Vec::new();
        let mut number = 0..;
        self.spells.retain(|spell| {
            let part = format!("{name}#{}", number.next().unwrap_or(0));
            let stays = !case.leaves_out(&part);
            named.push((part, format!("{name}: {spell}")));
            stays
        });
        named
    }
}

impl fmt::Display for Spell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trouble, during, share } = self;
        write!(f, "{trouble:?} during {during:?}")?;
        if *share < 100 { write!(f, ", {share} % of the calls") } else { Ok(()) }
    }
}

impl fmt::Debug for SimProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimProvider")
            .field("first_token", &self.first_token)
            .field("rest", &self.rest)
            .field("capacity", &self.capacity)
            .field("spells", &self.spells)
            .finish_non_exhaustive()
    }
}
