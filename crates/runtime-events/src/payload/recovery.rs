//! Recovery, routes and breakers.

use super::{Any, Word, Words};

payload! {
    /// A step of a recovery: begun, done, failed or given up.
    pub struct Recovery<'e> {
        /// The scenario that is recovered from, such as `provider_failure`.
        scenario: Option<Word<'e>> = "scenario",
        /// The kind of fault, such as `rate_limit`.
        fault: Option<Word<'e>> = "fault",
        /// The steps that are taken.
        steps: Option<Words<'e>> = "steps",
        /// The number of the attempt that follows, from 2.
        attempt: Option<u32> = "attempt",
        /// What the recipe says to do when nothing helps.
        policy: Option<Word<'e>> = "policy",
        /// Why it was given up.
        reason: Option<Word<'e>> = "reason",
        /// How many attempts were made.
        attempts: Option<u32> = "attempts",
        /// Which limit of time was over, if the fault is a timeout.
        phase: Option<Word<'e>> = "phase",
        /// The status of the provider's reply.
        http_status: Option<u16> = "http_status",
        /// How long the provider asked to wait, in seconds.
        asked_seconds: Option<f64> = "asked_seconds",
        /// The steps of the recipe that are left out.
        skipped: Option<Words<'e>> = "skipped",
        /// How long it waits before the next attempt, in seconds.
        wait_seconds: Option<f64> = "wait_seconds",
        /// What rests meanwhile: a [`Rest`].
        rests: Option<Any<'e>> = "rests",
    }
}

payload! {
    /// A route, a model, a key or a provider that is left alone for a while.
    pub struct Rest<'e> {
        /// How much of it rests: `call`, `model`, `key` or `provider`.
        scope: Option<Word<'e>> = "scope",
        /// For how long, in seconds.
        seconds: Option<f64> = "seconds",
        /// How many routes that is.
        routes: Option<u64> = "routes",
    }
}

payload! {
    /// The next attempt goes elsewhere.
    pub struct ProviderSwitched<'e> {
        /// The provider that failed.
        from: Option<Word<'e>> = "from",
        /// The provider of the next attempt.
        to: Option<Word<'e>> = "to",
        /// The route that failed, if the provider stays the same.
        from_route: Option<Word<'e>> = "from_route",
        /// The route of the next attempt, if the provider stays the same.
        to_route: Option<Word<'e>> = "to_route",
    }
}

payload! {
    /// A circuit breaker changed its state.
    pub struct BreakerChanged<'e> {
        /// The name of the breaker.
        breaker: Option<Word<'e>> = "breaker",
        /// The state before: `closed`, `open` or `half_open`.
        from: Option<Word<'e>> = "from",
        /// The state after.
        to: Option<Word<'e>> = "to",
        /// What made it change.
        cause: Option<Word<'e>> = "cause",
        /// How many changes there have been.
        generation: Option<u64> = "generation",
        /// How long it stays open, in seconds.
        wait_seconds: Option<f64> = "wait_seconds",
    }
}
