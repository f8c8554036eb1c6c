//! What may happen to a session.

use proptest::sample::Index;

#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) cap: u32,
    /// Of the breaker; `None` is no breaker.
    pub(super) threshold: Option<u32>,
    /// Thousands of nano-dollars, and whether enforced.
    pub(super) budget: Option<(u64, bool)>,
    /// In seconds.
    pub(super) deadline: Option<u64>,
    pub(super) guarded: bool,
    pub(super) permissions: bool,
    pub(super) gate: bool,
    pub(super) log: usize,
}

/// Texts are models, numbers are input tokens or seconds.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Answered(&'static str, u64),
    Failed(&'static str),
    /// The call hangs and the clock moves on by the timeout.
    TimedOut(&'static str, u64),
    /// The call is polled once, then dropped.
    Dropped(&'static str),
    Panicked(&'static str),
    /// A guardrail objects to the prompt.
    BadPrompt(&'static str),
    /// A guardrail objects to the answer.
    BadAnswer(&'static str, u64),
    /// A turn of the caller's own, held while other things happen.
    Hold(&'static str, Option<u64>),
    Settle(Index, u64),
    Fail(Index),
    Release(Index),
    Tool(Tool),
    Gate,
    /// Answered, or given up.
    Pause(bool),
    PauseTwice,
    /// To a target that exists, or to a blank one.
    Handoff(bool),
    End(Ending),
    /// Somebody else fails or cancels the worker.
    EndedInRegistry(bool),
    /// Somebody else takes the worker out of the registry.
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
    /// At the end only.
    Drop,
}
