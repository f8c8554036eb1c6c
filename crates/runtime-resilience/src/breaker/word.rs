//! A breaker's whole state in one word, so that one `load` reads it and one `compare_exchange`
//! changes it.
//!
//! ```text
//!  63  61 60              37 36                                    0
//! ┌──────┬──────────────────┬───────────────────────────────────────┐
//! │state │    generation    │ closed, metrics only: untouched:1,    │
//! │      │                  │            and failures in a row:32   │
//! │      │                  │ open:      deadline in ticks           │
//! │      │                  │ half-open: lost:3 succeeded:22 running:12
//! └──────┴──────────────────┴───────────────────────────────────────┘
//! ```
//!
//! The fields do not overlap, so that it does not matter whether they are put together with `|`, `^`
//! or `+`.
//!
//! The deadline is in the word and not beside it: the loser of a race to open a breaker cannot
//! overwrite the winner's deadline.

use std::fmt;

use super::state::CircuitState;
use super::tick::Tick;

const GENERATION_AT: u32 = 37;
const STATE_AT: u32 = 61;
const PAYLOAD: u64 = (1 << GENERATION_AT) - 1;
const GENERATION: u64 = (1 << (STATE_AT - GENERATION_AT)) - 1;

/// Of a closed breaker with a window: see [`Word::untouched`].
const UNTOUCHED: u64 = 1 << 36;

const SUCCEEDED_AT: u32 = 12;
const LOST_AT: u32 = 34;

/// The state of a breaker, packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

/// The same, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Closed { failures: u32 },
    Open { until: Tick },
    HalfOpen(Probes),
    ForcedOpen,
    Disabled,
    MetricsOnly { failures: u32 },
}

/// The probes of one half-open generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probes {
    pub(super) running: u32,
    pub(super) succeeded: u32,
    /// The number of leases that ran out since the breaker became half-open.
    pub(super) lost: u32,
}

impl Probes {
    /// As many as can run at the same time.
    pub(super) const MOST: u32 = (1 << SUCCEEDED_AT) - 1;
    /// As many successes as are counted.
    pub(super) const MOST_SUCCEEDED: u32 = (1 << (LOST_AT - SUCCEEDED_AT)) - 1;
    /// As many lost leases as are counted, so that a lease grows to 16 times its length.
    pub(super) const MOST_LOST: u32 = 4;

    /// One, just admitted.
    pub(super) const ONE: Self = Self { running: 1, succeeded: 0, lost: 0 };
}

impl Word {
    /// Closed, in generation 0.
    pub(super) const NEW: Self = Self(0);

    pub(super) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }

    pub(super) const fn is_closed(self) -> bool {
        self.0 >> STATE_AT == 0
    }

    /// Whether outcomes are counted: closed, or for metrics only.
    pub(super) const fn counts_calls(self) -> bool {
        matches!(self.0 >> STATE_AT, 0 | 5)
    }

    /// The state and generation alone, which an admitted call remembers.
    pub(super) const fn home(self) -> Self {
        Self(self.0 & !PAYLOAD)
    }

    /// The same, where every call in the window was a good one and there is room for no more: another one changes
    /// nothing. Every other word, and so every failure, is without the mark.
    pub(super) const fn untouched(self) -> Self {
        Self(self.0 | UNTOUCHED)
    }

    /// Whether a call that remembers `home` still belongs to this state.
    pub(super) const fn is_of(self, home: Self) -> bool {
        self.home().0 == home.0
    }

    /// Counts the changes, and wraps around after 16.7 million of them: a result would have to be
    /// that many changes late to be taken for a current one.
    pub(super) const fn generation(self) -> u32 {
        (self.0 >> GENERATION_AT & GENERATION) as u32
    }

    pub(super) fn state(self) -> CircuitState {
        match self.view() {
            View::Closed { .. } => CircuitState::Closed,
            View::Open { .. } => CircuitState::Open,
            View::HalfOpen(_) => CircuitState::HalfOpen,
            View::ForcedOpen => CircuitState::ForcedOpen,
            View::Disabled => CircuitState::Disabled,
            View::MetricsOnly { .. } => CircuitState::MetricsOnly,
        }
    }

    /// Another payload in the same generation.
    pub(super) fn with(self, view: View) -> Self {
        Self(u64::from(self.generation()) << GENERATION_AT | view.bits())
    }

    /// The beginning of the next generation.
    pub(super) fn next(self, view: View) -> Self {
        let generation = (u64::from(self.generation()) + 1) & GENERATION;
        Self(generation << GENERATION_AT | view.bits())
    }

    #[expect(clippy::cast_possible_truncation, reason = "every field is less than 32 bits wide")]
    pub(super) fn view(self) -> View {
        let payload = self.0 & PAYLOAD;
        match self.0 >> STATE_AT {
            0 => View::Closed { failures: payload as u32 },
            1 => View::Open { until: Tick(payload) },
            2 => View::HalfOpen(Probes {
                running: payload as u32 & Probes::MOST,
                succeeded: (payload >> SUCCEEDED_AT) as u32 & Probes::MOST_SUCCEEDED,
                lost: (payload >> LOST_AT) as u32,
            }),
            3 => View::ForcedOpen,
            4 => View::Disabled,
            _ => View::MetricsOnly { failures: payload as u32 },
        }
    }
}

impl View {
    /// State and payload in their places. Each field is kept below its limit by `core`.
    fn bits(self) -> u64 {
        let (state, payload) = match self {
            Self::Closed { failures } => (0, u64::from(failures)),
            Self::Open { until } => (1, until.0),
            Self::HalfOpen(Probes { running, succeeded, lost }) => {
                let (succeeded, lost) = (u64::from(succeeded), u64::from(lost));
                (2, lost << LOST_AT | succeeded << SUCCEEDED_AT | u64::from(running))
            }
            Self::ForcedOpen => (3, 0),
            Self::Disabled => (4, 0),
            Self::MetricsOnly { failures } => (5, u64::from(failures)),
        };
        state << STATE_AT | payload
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.view(), self.generation())
    }
}
