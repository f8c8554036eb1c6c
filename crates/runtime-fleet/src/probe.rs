//! What a fleet shares of a breaker.

use std::sync::Arc;
use std::time::Duration;

use crate::state::MemberId;

/// A breaker as the backend has it.
///
/// ```text
///            open (by any member)                  probe: one member, after the wait
///   Closed ─────────────────────▶ Open(wait) ──────────────────────────────────────▶ Open(ttl + wait), leased
///      ▲                             ▲                                                   │        │
///      │                             └──────────── probed: failed ───────────────────────┘        │
///      └────────────────────────────────────────── probed: closed ────────────────────────────────┘
/// ```
///
/// Each arrow begins a new generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerView {
    pub generation: u64,
    /// What is left of the wait, if the breaker is open. Zero: a probe may be asked for.
    pub open: Option<Duration>,
    /// A probe is under way.
    pub probing: bool,
}

/// The answer to who asks for a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    Granted(ProbeLease),
    Refused(BreakerView),
}

/// The right to probe, for one cool-down.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProbeLease {
    pub breaker: Arc<str>,
    pub member: MemberId,
    /// The generation that the grant began.
    pub generation: u64,
    pub ttl: Duration,
}

/// How a probe ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probed {
    /// The dependency is back.
    Closed,
    /// It is not: the fleet leaves it alone for so long.
    Failed { wait: Duration },
}
