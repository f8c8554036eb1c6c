//! The trait of a backend: what the processes of a fleet share.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_core::future::BoxFuture;
use runtime_usage::Usd;

use crate::error::StateError;
use crate::member::MemberId;
use crate::money::{AccountPath, AccountState, Booked, Booking, Holder, Rules};
use crate::pace::{Share, Want};
use crate::probe::{BreakerView, Probe, ProbeLease, Probed};

/// The future of a backend's call.
pub type StateFuture<'a, T> = BoxFuture<'a, Result<T, StateError>>;

/// A backend: an existing database that the processes of a fleet share.
///
/// Every call is one round trip. Each change of a breaker, a limit or a tree of accounts is one transaction. Time
/// is the backend's: what it returns are durations from now on, not moments. A call whose future is dropped, or
/// whose answer is lost, may have been made; each may be made again, and then changes nothing more.
///
/// No call may wait for ever: one that has no answer within a stated time fails with
/// [`StateError::Unavailable`]. Backends reconnect by themselves, at the next call at the latest. Their futures
/// need no async runtime. They run the suite of [`conformance`](crate::conformance).
pub trait SharedState: fmt::Debug + Send + Sync {
    /// The heartbeat: one call for all that a member reports and asks for regularly.
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View>;

    /// Opens a breaker for `wait`, or for what is left of its own wait if that is longer.
    ///
    /// `seen` is the generation that the member knew when its calls failed. A closed breaker of a later
    /// generation stays closed: these failures are older. (One of an earlier generation has been forgotten by
    /// the backend, and opens.)
    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView>;

    /// Asks for the one probe of a cool-down. One member gets it, once the wait is over.
    ///
    /// With the grant the breaker is open for `ttl` and one more `wait`, so a probe that nobody hears of again counts
    /// as failed. A member that has the probe gets the same lease again, with the rest of its time.
    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe>;

    /// Reports how a probe ended. Changes nothing if the breaker has another generation by now, or if the time of
    /// the probe is over.
    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView>;

    /// Returns the account, and opens it if there is none. The rules of an existing one stay as they are.
    ///
    /// Errors: [`StateError::NoAccountAbove`], [`StateError::TooLarge`].
    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState>;

    /// Books what a member has spent of an account and gave back, and grants what it asks for, on the account and
    /// on all accounts above, or on none of them.
    ///
    /// A grant fits if every enforced account of the path has that much [left](AccountState::left). What a member
    /// has spent beyond its grants takes none of that: it is spent already.
    ///
    /// Errors: [`StateError::NoAccount`], [`StateError::TooLarge`].
    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked>;

    /// Lets no member make a call under this limit, or use this route, for `wait`. Never shortens a pause.
    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()>;

    /// Calls `watcher` for each change that the backend pushes. A push may be lost or late, or be about a member's own
    /// change; what it says is in the next [`sync`](Self::sync) as well.
    fn watch(&self, watcher: Weak<dyn Watcher>);
}

/// Is told of changes by a backend. It must not block.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// A member has changed something.
    fn changed(&self, change: Change);
}

/// A change that a backend pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A breaker is in another generation, or waits longer.
    Breaker {
        /// Which breaker.
        name: Arc<str>,
        /// What it is.
        view: BreakerView,
        /// When, by the backend's clock.
        at: Duration,
    },
    /// A limit or a route is paused.
    Pause {
        /// Which.
        name: Arc<str>,
        /// For how long.
        wait: Duration,
        /// From when on, by the backend's clock.
        at: Duration,
    },
    /// A member was refused money. Members that hold money of this account, or of one below it, and do not need it,
    /// give it back.
    Short {
        /// The account that has too little.
        account: AccountPath,
        /// The member that was refused.
        member: MemberId,
    },
    /// The rules of an account have changed. Members that use it, or one below it, ask for them.
    Rules {
        /// The account.
        account: AccountPath,
    },
    /// The backend can be reached, perhaps again. Pushes may have been missed.
    Connected,
}

/// What a member reports and asks for with each heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a backend reads all of it")]
pub struct MemberReport {
    /// The member that reports.
    pub member: MemberId,
    /// Grows with each report. An older one than the last changes nothing of the member's shares.
    pub seq: u64,
    /// How long the member keeps all that it holds, from this call on. Zero: this is its last report, and it loses
    /// all that it holds at once.
    pub ttl: Duration,
    /// The breakers that it follows.
    pub breakers: Vec<Arc<str>>,
    /// The limits of which it wants shares.
    pub wants: Vec<Want>,
    /// The names of other pauses that it follows, such as those of routes.
    pub pauses: Vec<Arc<str>>,
    /// Its books. An account without news is reported now and then, so that its grant lasts.
    pub bookings: Vec<Booking>,
}

/// What the backend answers to a [`MemberReport`], each list in the order of the report's. What cannot be read of one, or is
/// refused, harms no other.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct View {
    /// The time of the answer by the backend's clock, which may begin anywhere. Late pushes are told by it.
    pub at: Duration,
    /// How many members there are: those whose last report is not older than its time.
    pub members: Result<u32, StateError>,
    /// The breakers.
    pub breakers: Vec<Result<BreakerView, StateError>>,
    /// The member's shares.
    pub shares: Vec<Result<Share, StateError>>,
    /// What is left of each pause.
    pub pauses: Vec<Result<Option<Duration>, StateError>>,
    /// The answers to the bookings, as [`book`](SharedState::book) has them.
    pub booked: Vec<Result<Booked, StateError>>,
}

/// The accounts of a backend, for those who administer them.
pub trait Accounts: SharedState {
    /// Opens an account, or changes its rules. What is spent and granted stays.
    ///
    /// Errors: [`StateError::NoAccountAbove`], [`StateError::TooLarge`].
    fn set<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState>;

    /// An account, or none.
    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>>;

    /// All accounts, each before those below it.
    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>>;

    /// The members that hold money of an account, or for which it counts an estimate, by their ids. Those of accounts
    /// below are theirs.
    ///
    /// Errors: [`StateError::NoAccount`].
    fn holders<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Vec<Holder>>;

    /// Gives back money that counts as spent for `member` by an estimate and was not billed, at most as much as the
    /// estimate. Returns how much it was.
    ///
    /// It is for members that have ended. One that still runs corrects its own account.
    ///
    /// Errors: [`StateError::NoAccount`].
    fn correct<'a>(
        &'a self,
        account: &'a AccountPath,
        member: &'a MemberId,
        over: Usd,
    ) -> StateFuture<'a, Usd>;
}
