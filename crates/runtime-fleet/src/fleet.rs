//! [`Fleet`]: a member as a process has it.

mod apply;
mod driver;
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
/// Clones are the same member. It ends, without a last word to the backend if that is slow, when the last clone is
/// dropped; [`shutdown`](Self::shutdown) waits for the last word. What it gave is of no use then: accounts refuse,
/// and limiters admit nothing.
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
    /// The text is no place of an account.
    #[error(transparent)]
    Path(#[from] AccountPathError),
    /// The text is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A time of the configuration is of no use.
    #[error("a fleet's {field} is {allowed}; found {found:?}")]
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
    /// The backend did not hear that the member leaves. What it holds is over after its time.
    #[error("the backend has not heard that member `{member}` leaves")]
    Unheard {
        /// The member.
        member: MemberId,
    },
}

/// Checks the times. With others a member would ask without a pause, give up each call, or be gone before its next
/// word.
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
    /// [`FleetError::Thread`], [`FleetError::Name`] if the [name](FleetConfig::name) is none, and
    /// [`FleetError::Time`] if a time of the configuration is of no use.
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

    /// Becomes a member that does nothing by itself: who has the driver decides when. For simulations and tests.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`], if the [name](FleetConfig::name) is none, and [`FleetError::Time`], if a time of the
    /// configuration is of no use.
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

    /// An account whose money all members share. `limit` opens it if the backend has none at this place; after that
    /// the [rules](crate::Rules) that the backend has count.
    ///
    /// `account` is a path such as `company/search`; the account above must be there. Asked for again, it is the
    /// same account. Money cannot be set aside in it for wrapping up, and its marks are told by the fleet, once.
    ///
    /// It waits until the backend has answered or is known to be away. In that case the account has no money yet.
    ///
    /// # Errors
    ///
    /// [`FleetError::Path`], or [`FleetError::State`] if the backend refuses.
    pub async fn account(&self, account: &str, limit: Limit) -> Result<Account, FleetError> {
        self.account_on_loss(account, limit, OnLoss::Spend).await
    }

    /// An [`account`](Self::account) that says what becomes of the money of a member that is not heard of any more.
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

    /// A breaker that opens and closes with those of all members. Of all members, one probes after each wait.
    ///
    /// Pins, such as [`force_open`](CircuitBreaker::force_open), and [`reset`](CircuitBreaker::reset) count for this
    /// member alone. Asked for again, it is the same breaker, with its first settings.
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
    /// It admits nothing before its first share, which comes with the first heartbeat. Asked for again, it is the
    /// same limiter, with its first limits. [`set_limits`](RateLimiter::set_limits) changes those of the whole
    /// fleet: of what the members say, the least holds.
    ///
    /// A member that is new begins with its part of the [burst](RateLimits::burst), whatever the others have just used
    /// of theirs. A pause reaches all members, and ends with its time: [`resume`](RateLimiter::resume) ends it in this
    /// member alone.
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

    /// The same routes, whose rests all members share. They begin anew: call it before they are shared.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`], if one of the routes has a name that is none.
    pub fn routes(&self, routes: Routes) -> Result<Routes, FleetError> {
        for route in routes.iter() {
            checked("route", route.name().into())?;
        }
        Ok(glue::routes(self.shared(), routes))
    }

    /// Who this member is.
    pub fn member(&self) -> &MemberId {
        &self.shared().member
    }

    /// How the member stands.
    pub fn status(&self) -> FleetStatus {
        status::read(self.shared())
    }

    /// Leaves: books what was spent, gives back what is held, and waits until the backend has heard it. What calls
    /// under way have reserved counts as spent.
    ///
    /// # Errors
    ///
    /// [`FleetError::Unheard`] if the backend did not hear it within the time-out of a call.
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
