//! The demand of a call: one request, and tokens.

use runtime_events::wire_names;

/// The units that a call asks of a rate limiter, or has used.
///
/// ```
/// use runtime_resilience::Demand;
///
/// let ask = Demand::request().input_tokens(1_200).output_tokens(800);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    pub(super) requests: u32,
    pub(super) input: u64,
    pub(super) output: u64,
}

impl Demand {
    /// One request without tokens.
    pub const fn request() -> Self {
        Self { requests: 1, input: 0, output: 0 }
    }

    /// The number of input tokens. None unless set.
    #[must_use]
    pub const fn input_tokens(mut self, tokens: u64) -> Self {
        self.input = tokens;
        self
    }

    /// The number of output tokens. None unless set.
    #[must_use]
    pub const fn output_tokens(mut self, tokens: u64) -> Self {
        self.output = tokens;
        self
    }

    /// Whether it asks for more than `other` of anything.
    pub(super) const fn exceeds(self, other: Self) -> bool {
        self.requests > other.requests || self.input > other.input || self.output > other.output
    }

    /// The greater of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            requests: self.requests.max(other.requests),
            input: self.input.max(other.input),
            output: self.output.max(other.output),
        }
    }

    /// Its units in each dimension.
    #[inline]
    pub(super) fn units(self) -> Units {
        [u64::from(self.requests), self.input, self.output, self.input.saturating_add(self.output)]
    }
}

/// A number for each of [`DIMENSIONS`].
pub(super) type Units = [u64; 4];

/// The dimensions with a limit, in the order of [`Units`].
pub(super) const DIMENSIONS: [RateDimension; 4] = [
    RateDimension::Requests,
    RateDimension::InputTokens,
    RateDimension::OutputTokens,
    RateDimension::Tokens,
];

wire_names! {
    /// Why a call was refused or has to wait.
    #[non_exhaustive]
    pub enum RateDimension: "rate dimension" {
        /// The number of requests.
        Requests = "requests",
        /// Input tokens.
        InputTokens = "input_tokens",
        /// Output tokens.
        OutputTokens = "output_tokens",
        /// Input and output tokens together.
        Tokens = "tokens",
        /// A [pause](super::RateLimiter::pause), for which a provider asked.
        Pause = "pause",
        /// Other calls that wait go first.
        Queue = "queue",
    }
}

impl RateDimension {
    /// Its place in [`Units`]; `None` if it has no number.
    pub(super) const fn index(self) -> Option<usize> {
        match self {
            Self::Requests => Some(0),
            Self::InputTokens => Some(1),
            Self::OutputTokens => Some(2),
            Self::Tokens => Some(3),
            Self::Pause | Self::Queue => None,
        }
    }
}

/// What calls ask of a limiter: requests, input tokens, output tokens, and both tokens together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RateAsked {
    /// All units ever asked for, by calls that were admitted or refused.
    pub units: [u64; 4],
    /// The units that waiting calls ask for.
    pub waiting: [u64; 4],
    /// How many have the limiter: clones of it, and reservations.
    pub handles: usize,
}
