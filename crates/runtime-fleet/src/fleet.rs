//! [`Fleet`]: a member as a process has it.

mod apply;
mod driver;
mod forget;
mod fund;
mod glue;
mod seats;
mod shared;
mod status;
mod thread;
mod waiters;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, RateLimiter, RateLimits, Routes};
use runtime_sinks::{EventSink, QueueConfig, QueueSink};
use runtime_usage::{Account, Limit};
use thiserror::Error;

pub use self::driver::FleetDriver;
use self::shared::Shared;
pub use self::status::{FleetStatus, HeldMoney};
use crate::config::FleetConfig;
use crate::error::StateError;
use crate::member::MemberId;
use crate::money::{AccountPath, AccountPathError, OnLoss};
use crate::name::{NameError, checked};
use crate::state::SharedState;

/// A member of a fleet: what this process shares with others through a backend.
///
/// Accounts, breakers and limiters that it gives are ordinary ones: what calls do with them stays in this process.
/// A thread tells the backend what has become of them and asks for what they need, in one call at each heartbeat,
/// so no turn waits for the backend while all is well.
///
/// ```
/// use runtime_fleet::{Fleet, MemoryState};
/// use runtime_resilience::CircuitBreakerConfig;
/// use runtime_usage::{Limit, Usd};
///
/// # futures_executor::block_on(async {
/// let backend = MemoryState::new();
/// let fleet = Fleet::new(backend)?;
/// let company = fleet.account("company", Limit::enforced(Usd::from_dollars(500))).await?;
/// let openai = fleet.breaker("openai", CircuitBreakerConfig::default())?;
///
/// # company.fund(Usd::from_cents(3)).await;
/// company.reserve(Usd::from_cents(3))?.settle(Usd::from_cents(2));
/// openai.try_acquire()?.success();
/// fleet.shutdown().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
///
/// Clones are the same member. It leaves when the last clone is dropped, and does not wait until the backend knows:
/// [`shutdown`](Self::shutdown) does. After that its accounts refuse, and its limiters admit nothing.
#[derive(Clone)]
pub struct Fleet {
    member: Arc<Membership>,
}

/// Ends the member when it is dropped.
struct Membership(Arc<Shared>);

impl Drop for Membership {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// What a fleet cannot do.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FleetError {
    /// The text is no path of an account.
    #[error(transparent)]
    Path(#[from] AccountPathError),
    /// The name is empty, too long, or has control characters.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A time of the configuration is too short or too long.
    #[error("{field} of a fleet must be {allowed}; found {found:?}")]
    Time {
        /// Which: `tick`, `ttl` or `timeout`.
        field: &'static str,
        /// What it may be.
        allowed: &'static str,
        /// What it is.
        found: Duration,
    },
    /// The operating system has no thread for the member.
    #[error("cannot start the thread of a member")]
    Thread(#[source] Arc<io::Error>),
    /// The backend refuses to open the account.
    #[error(transparent)]
    State(#[from] StateError),
    /// The backend did not confirm that the member leaves. What the member holds expires after its `ttl`.
    #[error(
        "the backend did not confirm that member `{member}` leaves: what it holds expires after its ttl"
    )]
    Unheard {
        /// The member.
        member: MemberId,
    },
}

/// Checks the times. With others a member would ask without a pause, give up each call, or expire between two
/// heartbeats.
fn check_times(config: &FleetConfig) -> Result<(), FleetError> {
    const MOMENT: Duration = Duration::from_millis(1);
    const DAY: Duration = Duration::from_secs(24 * 3_600);
    let FleetConfig { tick, ttl, timeout, .. } = *config;
    let wrong = |field, allowed, found| Err(FleetError::Time { field, allowed, found });
    match () {
        () if tick < MOMENT => wrong("tick", "at least a millisecond", tick),
        () if timeout < MOMENT => wrong("timeout", "at least a millisecond", timeout),
        () if ttl > DAY => wrong("ttl", "at most a day", ttl),
        () if ttl / 2 < tick => wrong("ttl", "at least twice the tick", ttl),
        () => Ok(()),
    }
}

impl Fleet {
    /// Becomes a member, with the [default](FleetConfig::default) settings.
    ///
    /// # Errors
    ///
    /// [`FleetError::Thread`]. A backend that is away is no error: everything goes by its [policy](crate::Policy)
    /// until it is there.
    pub fn new(state: impl SharedState + 'static) -> Result<Self, FleetError> {
        Self::with_config(state, FleetConfig::default())
    }

    /// Becomes a member.
    ///
    /// # Errors
    ///
    /// [`FleetError::Thread`], [`FleetError::Name`] for the [name](FleetConfig::name), and [`FleetError::Time`] for a
    /// time of the configuration.
    pub fn with_config(
        state: impl SharedState + 'static,
        mut config: FleetConfig,
    ) -> Result<Self, FleetError> {
        // What the member may use ends by its thread, whatever a sink does meanwhile.
        let patience = QueueConfig::default().patience(config.timeout);
        let queued = |sink| -> Arc<dyn EventSink> { Arc::new(QueueSink::new(sink, patience)) };
        config.sink = config.sink.map(queued);
        let (fleet, driver) = Self::driven(state, config)?;
        thread::start(driver).map_err(|error| FleetError::Thread(Arc::new(error)))?;
        Ok(fleet)
    }

    /// Becomes a member that acts only when its driver is called. For simulations and tests.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] for the [name](FleetConfig::name), and [`FleetError::Time`] for a time of the
    /// configuration.
    pub fn driven(
        state: impl SharedState + 'static,
        mut config: FleetConfig,
    ) -> Result<(Self, FleetDriver), FleetError> {
        config.name = checked("fleet", config.name)?;
        check_times(&config)?;
        let shared = Shared::new(Arc::new(state), config);
        let fleet = Self { member: Arc::new(Membership(Arc::clone(&shared))) };
        Ok((fleet, FleetDriver::new(shared)))
    }

    /// An account whose money all members share. If the backend has none at this path, `limit` opens it; otherwise
    /// the [rules](crate::Rules) of the backend count.
    ///
    /// `account` is a path such as `company/search`; the account above must exist. A second call for the same path
    /// returns the same account. It cannot set money aside for wrapping up, and each of its marks is reported once
    /// in the whole fleet.
    ///
    /// It waits until the backend has answered or is known to be away. If it is away, the account has no money yet.
    ///
    /// # Errors
    ///
    /// [`FleetError::Path`], or [`FleetError::State`] if the backend refuses.
    pub async fn account(&self, account: &str, limit: Limit) -> Result<Account, FleetError> {
        self.account_on_loss(account, limit, OnLoss::Spend).await
    }

    /// An [`account`](Self::account) with a rule for the money of a lost member: one that the backend hears nothing
    /// of any more.
    ///
    /// # Errors
    ///
    /// As for [`account`](Self::account).
    pub async fn account_on_loss(
        &self,
        account: &str,
        limit: Limit,
        on_loss: OnLoss,
    ) -> Result<Account, FleetError> {
        let path = AccountPath::new(account)?;
        Ok(fund::open(self.shared(), path, limit, on_loss).await?)
    }

    /// A breaker that opens and closes with those of all members. After each wait, one member probes for all.
    ///
    /// Pins, such as [`force_open`](CircuitBreaker::force_open), and [`reset`](CircuitBreaker::reset) count for this
    /// member alone. A second call for the same name returns the same breaker, with its first settings.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`].
    pub fn breaker(
        &self,
        name: impl Into<Arc<str>>,
        config: CircuitBreakerConfig,
    ) -> Result<CircuitBreaker, FleetError> {
        Ok(glue::breaker(self.shared(), checked("breaker", name.into())?, config))
    }

    /// A limiter whose limits all members share: `limits` are those of the whole fleet.
    ///
    /// It admits nothing before its first share, which comes with the first heartbeat. A second call for the same
    /// name returns the same limiter, with its first limits. [`set_limits`](RateLimiter::set_limits) changes the
    /// limits of the whole fleet; if members set different ones, the lowest count.
    ///
    /// A new member begins with its part of the [burst](RateLimits::burst), even if the others have just used theirs.
    /// A pause reaches all members; [`resume`](RateLimiter::resume) ends it in this member alone.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`].
    pub fn limiter(
        &self,
        name: impl Into<Arc<str>>,
        limits: RateLimits,
    ) -> Result<RateLimiter, FleetError> {
        Ok(glue::limiter(self.shared(), checked("limiter", name.into())?, limits))
    }

    /// The same routes, with rests that all members share. What the given ones know is not kept, so call this before
    /// they are in use.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] for the name of a route.
    pub fn routes(&self, routes: Routes) -> Result<Routes, FleetError> {
        for route in routes.iter() {
            checked("route", route.name().into())?;
        }
        Ok(glue::routes(self.shared(), routes))
    }

    /// The id of this member.
    pub fn member(&self) -> &MemberId {
        &self.shared().member
    }

    /// The state of this member.
    pub fn status(&self) -> FleetStatus {
        status::read(self.shared())
    }

    /// Leaves: books what was spent, gives back what is held, and waits until the backend has confirmed it. What calls
    /// under way have reserved counts as spent.
    ///
    /// # Errors
    ///
    /// [`FleetError::Unheard`] if the backend did not confirm it within the [timeout](FleetConfig::timeout) of a call.
    pub async fn shutdown(&self) -> Result<(), FleetError> {
        self.shared().leave();
        if self.shared().left().await {
            return Ok(());
        }
        Err(FleetError::Unheard { member: self.member().clone() })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.member.0
    }
}

impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet").field("status", &self.status()).finish_non_exhaustive()
    }
}
