//! The trait of a backend: what the processes of a fleet share.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;

use crate::error::StateError;
use crate::money::{AccountPath, AccountState, Booked, Booking};
use crate::pace::{Share, Want};
use crate::probe::{BreakerView, Probe, ProbeLease, Probed};

/// The future of a backend's call.
pub type StateFuture<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// One process of a fleet, from its start to its end. Unique: a process that starts again is another member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Arc<str>);

/// A backend: an existing database that the processes of a fleet share.
///
/// Every call is one round trip and one transaction, and time is the backend's: what it returns are durations
/// from now on, not moments. A call whose future is dropped, or whose answer is lost, may have been made: each
/// may be made again, and then changes nothing more. Backends run the suite of `conformance`.
pub trait SharedState: Debug + Send + Sync {
    /// Tells and asks, in one call, all that a member tells and asks regularly.
    fn sync<'a>(&'a self, report: &'a Report) -> StateFuture<'a, View>;

    /// Opens a breaker for `wait`, or for the longer of that and what is left of its wait.
    ///
    /// `seen` is the generation that the member knew when its calls failed. A breaker that was opened and
    /// closed again since stays closed: these failures are older.
    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView>;

    /// Asks for the one probe of a cool-down. It is given to one member, once the wait is over.
    ///
    /// With the grant the breaker is open for `ttl` and one more `wait`: so a probe that is never heard of
    /// again counts as failed.
    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe>;

    /// Tells how a probe ended. Changes nothing if the breaker has gone on to another generation.
    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView>;

    /// Books what a member has spent of an account and gives back, and takes what it asks for, at once, on the
    /// account and on all accounts above, or on none of them.
    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked>;

    /// Lets no member make a call under this limit, or use this route, for `wait`. Never shortens a pause.
    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()>;

    /// Calls `watcher` for what other members change, as soon as the backend tells. Pushes may be lost: what
    /// they say is in the next [`sync`](Self::sync) as well.
    fn watch(&self, watcher: Arc<dyn Watcher>);
}

/// Is told of changes by a backend. It must not block.
pub trait Watcher: Debug + Send + Sync {
    /// Another member has changed something.
    fn changed(&self, change: Change);
}

/// A change that a backend pushes.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// A breaker is in another generation.
    Breaker { name: Arc<str>, view: BreakerView },
    /// A limit or a route is paused.
    Pause { name: Arc<str>, wait: Duration },
    /// A member is short of money on an account: others give back what they do not use.
    Short { account: AccountPath },
    /// The connection is there, or is there again: something may have been missed.
    Connected,
}

/// What a member tells regularly, and asks.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// Who tells.
    pub member: MemberId,
    /// Grows with each report. One that comes after a later one changes nothing: the member goes by the answer to
    /// the later one.
    pub seq: u64,
    /// For how long all that the member holds is its own, from this call on.
    pub ttl: Duration,
    /// The breakers that it follows.
    pub breakers: Vec<Arc<str>>,
    /// The limits of which it wants shares.
    pub wants: Vec<Want>,
    /// The routes whose pauses it follows.
    pub routes: Vec<Arc<str>>,
    /// Its books. An account without news is told as well, so that its grant lasts.
    pub bookings: Vec<Booking>,
}

/// What the backend answers to a [`Report`], each list in the order of the report's.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct View {
    /// How many members are there.
    pub members: u32,
    pub breakers: Vec<BreakerView>,
    pub shares: Vec<Share>,
    /// What is left of the pause of each route.
    pub routes: Vec<Option<Duration>>,
    pub booked: Vec<Booked>,
}

/// The accounts of a backend, for who administers them.
pub trait Accounts: SharedState {
    /// Opens an account, or changes its rules. The accounts above must be there.
    fn set<'a>(&'a self, account: &'a AccountPath, rules: &'a crate::money::Rules) -> StateFuture<'a, AccountState>;

    /// An account, or none.
    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>>;

    /// All accounts, each before those below it.
    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>>;

    /// Gives back what was spent on an estimate of this member's and turned out not to be billed, at most the
    /// rest of that estimate. Returns how much it was.
    fn correct<'a>(&'a self, account: &'a AccountPath, member: &'a MemberId, over: runtime_usage::Usd) -> StateFuture<'a, runtime_usage::Usd>;
}
