//! The rests of routes after a fault.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use super::place::Route;
use crate::fault::{Fault, FaultKind, FaultScope};

/// The rests of routes after a fault.
///
/// The rest that a provider [asked for](Fault::asked) comes first, up to [`longest`](Self::longest).
/// After a used-up quota or a refused key it only makes a rest longer: the refusal of a day's quota may
/// name a delay of seconds. A quota rests until its reset, if that is told, for at most 31 days. If the
/// provider asked for none, nothing rests after a server error, a broken connection or a timeout: one of
/// them means little, and many of them are the breaker's business.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{Route, RouteRests, Routes};
///
/// let routes = Routes::ordered([Route::new("openai", "gpt-5")])
///     .rests(RouteRests::default().quota(Duration::from_secs(3_600)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRests {
    rate_limit: Duration,
    overload: Duration,
    quota: Duration,
    auth: Duration,
    missing: Duration,
    longest: Duration,
}

impl RouteRests {
    /// After a rate limit. 5 seconds unless set.
    #[must_use]
    pub const fn rate_limit(mut self, rest: Duration) -> Self {
        self.rate_limit = rest;
        self
    }

    /// After an overload. Only the route itself rests, whatever the fault cools. 2 seconds unless set.
    #[must_use]
    pub const fn overload(mut self, rest: Duration) -> Self {
        self.overload = rest;
        self
    }

    /// After a quota that is used up. 15 minutes unless set.
    #[must_use]
    pub const fn quota(mut self, rest: Duration) -> Self {
        self.quota = rest;
        self
    }

    /// After a key that is not accepted. 15 minutes unless set.
    #[must_use]
    pub const fn auth(mut self, rest: Duration) -> Self {
        self.auth = rest;
        self
    }

    /// After a model that is not there. 15 minutes unless set.
    #[must_use]
    pub const fn missing(mut self, rest: Duration) -> Self {
        self.missing = rest;
        self
    }

    /// The longest rest, however long the provider asked for, but for the told reset of a quota. 1 hour
    /// unless set.
    #[must_use]
    pub const fn longest(mut self, rest: Duration) -> Self {
        self.longest = rest;
        self
    }

    /// The scope of a rest, and its length.
    pub(super) fn of(&self, fault: &Fault) -> Option<(FaultScope, Duration)> {
        let asked = fault.asked.unwrap_or_default();
        let (scope, rest) = match (fault.asked, fault.kind) {
            // A reset that is told is known, however far it is.
            (_, FaultKind::Quota) => {
                let rest = asked.min(MONTH).max(self.quota.min(self.longest));
                return rests(fault.cools, rest);
            }
            (_, FaultKind::Auth) => (fault.cools, asked.max(self.auth)),
            (Some(asked), _) => (fault.cools, asked),
            (None, FaultKind::RateLimit) => (fault.cools, self.rate_limit),
            (None, FaultKind::Overload) => (fault.cools.min(FaultScope::Model), self.overload),
            (None, FaultKind::Request) => (fault.cools, self.missing),
            (None, _) => return None,
        };
        rests(scope, rest.min(self.longest))
    }
}

fn rests(scope: FaultScope, rest: Duration) -> Option<(FaultScope, Duration)> {
    (scope != FaultScope::Call && !rest.is_zero()).then_some((scope, rest))
}

/// No allowance of a provider is for longer.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3_600);

impl Default for RouteRests {
    fn default() -> Self {
        const LONG: Duration = Duration::from_secs(900);
        Self {
            rate_limit: Duration::from_secs(5),
            overload: Duration::from_secs(2),
            quota: LONG,
            auth: LONG,
            missing: LONG,
            longest: Duration::from_secs(3_600),
        }
    }
}

/// The rest that [`Routes::apply`](super::Routes::apply) began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rested {
    /// The scope.
    pub scope: FaultScope,
    /// The length from now on. A longer rest of a route goes on.
    pub rest: Duration,
    /// The number of routes.
    pub routes: usize,
}

/// Hears of the rests of routes, to pass them on.
pub trait RestListener: fmt::Debug + Send + Sync {
    /// The route rests for this long. It is called outside of any lock, and a panic goes no further.
    fn rests(&self, route: &Route, rest: Duration);
}

impl dyn RestListener {
    /// Tells it. The call that failed has to be settled, whatever becomes of this.
    pub(super) fn told(&self, route: &Route, rest: Duration) {
        let _ = catch_unwind(AssertUnwindSafe(|| self.rests(route, rest)));
    }
}
