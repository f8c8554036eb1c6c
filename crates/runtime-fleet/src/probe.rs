//! What a fleet shares of a breaker.

use std::sync::Arc;
use std::time::Duration;

use crate::member::MemberId;

/// A breaker, as the backend has it.
///
/// ```text
///            open (any member)                probe (one member, once the wait is over)
///   Closed ───────────────────▶ Open(wait) ───────────────────────────────────────────▶ Probing(ttl)
///      ▲                         ▲    ▲                                                  │  │  │
///      │                         │    └──── probed: failed; or unused: no wait ──────────┘  │  │
///      │                         └───────── nothing is heard for the ttl: the wait ─────────┘  │
///      └─────────────────────────────────── probed: closed ────────────────────────────────────┘
/// ```
///
/// Each arrow that a call makes begins a new generation. An `open` of a breaker that is open or probing only
/// lengthens its wait; a probe that closes the breaker while a longer wait was asked for leaves it open for the
/// rest of that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct BreakerView {
    /// The number of the state. Zero if the backend does not know the breaker: it is closed.
    pub generation: u64,
    /// What is left of the wait, if the breaker is open or probing. Zero: a probe may be asked for. While a
    /// member probes, it is the rest of the probe's time and the wait after it.
    pub open: Option<Duration>,
    /// A member probes, and its time is not over.
    pub probing: bool,
}

/// The answer to who asks for a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "backends outside of this crate make it")]
pub enum Probe {
    /// The member may probe.
    Granted(ProbeLease),
    /// It may not: the breaker is closed, its wait is not over, or another member probes.
    Refused(BreakerView),
}

/// The right to probe, for one cool-down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct ProbeLease {
    /// The breaker that is probed.
    pub breaker: Arc<str>,
    /// The member that probes.
    pub member: MemberId,
    /// The generation that the grant began.
    pub generation: u64,
    /// What is left of the probe's time.
    pub ttl: Duration,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a backend handles every one")]
pub enum Probed {
    /// The dependency is back.
    Closed,
    /// It is not: the fleet leaves it alone for this long.
    Failed {
        /// How long.
        wait: Duration,
    },
    /// No call came: another member may probe at once.
    Unused,
}
