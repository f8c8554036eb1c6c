//! Operations on a session.

use proptest::sample::Index;

#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) cap: u32,
    /// Of the breaker. `None` for no breaker.
    pub(super) threshold: Option<u32>,
    /// In thousands of nano-dollars, and whether it is enforced.
    pub(super) budget: Option<(u64, bool)>,
    /// In seconds.
    pub(super) deadline: Option<u64>,
    pub(super) guarded: bool,
    pub(super) permissions: bool,
    pub(super) gate: bool,
    pub(super) log: usize,
}

/// Strings are models, numbers are input tokens or seconds.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Answered(&'static str, u64),
    Failed(&'static str),
    /// The call hangs, and the clock advances by the timeout.
    TimedOut(&'static str, u64),
    /// The call is polled once and then dropped.
    Dropped(&'static str),
    Panicked(&'static str),
    /// A guardrail rejects the prompt.
    BadPrompt(&'static str),
    /// A guardrail rejects the answer.
    BadAnswer(&'static str, u64),
    /// An active turn, held during other operations.
    Hold(&'static str, Option<u64>),
    Settle(Index, u64),
    Fail(Index),
    Release(Index),
    Tool(Tool),
    Gate,
    /// Answered or dropped.
    Pause(bool),
    PauseTwice,
    /// To a valid or a blank target.
    Handoff(bool),
    End(Ending),
    /// The worker fails or is cancelled in the registry.
    EndedInRegistry(bool),
    /// The worker is removed from the registry.
    Removed,
    Advance(u64),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Tool {
    Ok,
    Failed,
    Denied,
    BadArgs,
    BadResult,
    TimedOut(u64),
    Dropped,
    Panicked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    Fail,
    Cancel,
    CancelByHandle,
    /// Only at the end.
    Drop,
}
