//! What a fleet shares of a rate limit.

use std::sync::Arc;
use std::time::Duration;

/// Units a minute of each dimension: requests, input tokens, output tokens, tokens. `None` if it is not limited.
pub type PerMinute = [Option<u64>; 4];

/// What a member wants of a limit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Want {
    pub limit: Arc<str>,
    /// The limit of the whole fleet, as this member has it. The least of all members' counts.
    pub limits: PerMinute,
    /// The share that the member goes by now.
    pub applied: PerMinute,
    /// What it would use, if it could: its demand of late, a minute.
    pub demand: PerMinute,
}

/// A member's part of a limit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Share {
    /// The most that the member may use until its next report. Whatever others are told meanwhile, all parts
    /// together are never more than the limit: a part that shrinks is given to others once its member has said
    /// that it goes by the smaller one, or its time is over.
    pub given: PerMinute,
    /// What is left of a pause.
    pub paused: Option<Duration>,
}
