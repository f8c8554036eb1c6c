//! The world of a simulation: its providers, and what goes wrong beside them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use fastrand::Rng;

use super::case::Case;
use super::provider::SimProvider;

/// What an agent meets: providers, lines to stores and backends, crashes, clocks that jump.
///
/// ```
/// use std::time::Duration;
/// use runtime_testkit::simulation::{SimProvider, World};
///
/// let seconds = Duration::from_secs;
/// let world = World::new()
///     .provider("openai", SimProvider::healthy().down(seconds(5)..seconds(90)))
///     .provider("anthropic", SimProvider::healthy())
///     .crash("worker", seconds(20), seconds(3));
/// # drop(world);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct World {
    pub(crate) providers: BTreeMap<Arc<str>, SimProvider>,
    pub(crate) lines: Vec<LineSpell>,
    pub(crate) events: Vec<Mishap>,
}

/// What a line does with calls for a while.
#[derive(Clone, Debug)]
pub(crate) struct LineSpell {
    pub(crate) line: Arc<str>,
    pub(crate) trouble: LineTrouble,
    pub(crate) during: Range<Duration>,
}

/// What goes wrong on the line to a store or a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineTrouble {
    /// No call arrives, and the caller is told so.
    Cut,
    /// Calls arrive, and their answers are lost.
    Deaf,
    /// Calls arrive, and nothing more is heard.
    Hangs,
    /// Answers come so much later.
    Late(Duration),
}

/// Something that happens to the world at a time.
#[derive(Clone, Debug)]
pub(crate) struct Mishap {
    pub(crate) when: When,
    pub(crate) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Duration),
    /// After so many steps of the process.
    Steps(u32),
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Crash { process: Arc<str>, back: Duration },
    Stall { process: Arc<str>, during: Duration },
    Jump(TimeDelta),
}

impl World {
    /// A world without providers and faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a provider. One whose name is that of a known API fails in its words.
    pub fn provider(mut self, name: impl Into<Arc<str>>, provider: SimProvider) -> Self {
        self.providers.insert(name.into(), provider);
        self
    }

    /// Adds a fault of a line: `store` and `backend` are those of stores and fleets, and others are yours.
    pub fn line(
        mut self,
        line: impl Into<Arc<str>>,
        trouble: LineTrouble,
        during: Range<Duration>,
    ) -> Self {
        self.lines.push(LineSpell { line: line.into(), trouble, during });
        self
    }

    /// Lets a process crash at this time. It comes back after `back`.
    pub fn crash(mut self, process: impl Into<Arc<str>>, at: Duration, back: Duration) -> Self {
        let what = What::Crash { process: process.into(), back };
        self.events.push(Mishap { when: When::At(at), what });
        self
    }

    /// Lets a process crash after this number of its steps, which is between any two waits of its code.
    pub fn crash_after(mut self, process: impl Into<Arc<str>>, steps: u32, back: Duration) -> Self {
        let what = What::Crash { process: process.into(), back };
        self.events.push(Mishap { when: When::Steps(steps), what });
        self
    }

    /// Stops a process after this number of its steps, for this long, as a paused machine is: time passes without it,
    /// and it does not know.
    pub fn stall_after(
        mut self,
        process: impl Into<Arc<str>>,
        steps: u32,
        during: Duration,
    ) -> Self {
        let what = What::Stall { process: process.into(), during };
        self.events.push(Mishap { when: When::Steps(steps), what });
        self
    }

    /// Lets the wall clocks jump at this time.
    pub fn jump(mut self, at: Duration, by: TimeDelta) -> Self {
        self.events.push(Mishap { when: When::At(at), what: What::Jump(by) });
        self
    }

    /// Adds up to `most` faults of a line, drawn, that begin within this time.
    pub fn troubled_line(
        mut self,
        line: &str,
        (rng, most): (&mut Rng, usize),
        within: Duration,
    ) -> Self {
        let end = u64::try_from(within.as_millis()).unwrap_or(u64::MAX).max(2);
        for _ in 0..rng.usize(..=most) {
            let from = rng.u64(..end);
            let until = from + rng.u64(200..=end / 4 + 200);
            let trouble = match rng.u8(..4) {
                0 => LineTrouble::Cut,
                1 => LineTrouble::Deaf,
                2 => LineTrouble::Hangs,
                _ => LineTrouble::Late(Duration::from_millis(rng.u64(100..4_000))),
            };
            let during = Duration::from_millis(from)..Duration::from_millis(until);
            self = self.line(line, trouble, during);
        }
        self
    }

    /// Leaves out what the case leaves out. Returns the names of all faults, with a line for people.
    pub(crate) fn heal(&mut self, case: &Case) -> Vec<(String, String)> {
        let mut named = Vec::new();
        for (name, provider) in &mut self.providers {
            named.extend(provider.heal(name, case));
        }
        let mut number = 0;
        self.lines.retain(|spell| {
            let part = format!("line#{number}");
            number += 1;
            let stays = !case.leaves_out(&part);
            named.push((
                part,
                format!("line `{}`: {:?} during {:?}", spell.line, spell.trouble, spell.during),
            ));
            stays
        });
        number = 0;
        self.events.retain(|mishap| {
            let part = format!("world#{number}");
            number += 1;
            let stays = !case.leaves_out(&part);
            named.push((part, mishap.to_string()));
            stays
        });
        named
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Crash { process, back } => {
                write!(f, "`{process}` crashes, and is back after {back:?}")?;
            }
            What::Stall { process, during } => {
                write!(f, "`{process}` stands still for {during:?}")?;
            }
            What::Jump(by) => write!(f, "the wall clock jumps by {} s", by.num_seconds())?,
        }
        match self.when {
            When::At(at) => write!(f, ", at {at:?}"),
            When::Steps(steps) => write!(f, ", after {steps} steps"),
        }
    }
}
