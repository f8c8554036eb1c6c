//! The settings of a fleet's member.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::{
    Clock, IdSource, RandomIds, Sleep, Sleeper, SystemClock, ThreadSleeper, wire_names,
};
use runtime_sinks::EventSink;

wire_names! {
    /// What a fleet shares.
    #[non_exhaustive]
    pub enum SharedKind: "kind of shared state" {
        /// Accounts.
        Money = "money",
        /// Breakers.
        Breakers = "breakers",
        /// Limits.
        Limits = "limits",
    }
}

wire_names! {
    /// What a member does while the backend is away.
    #[non_exhaustive]
    pub enum Policy: "policy" {
        /// Only what it certainly may. Money: it spends what it holds, and no more. Breakers: an open one stays
        /// open, and nobody probes. Limits: no call is admitted once its share has expired.
        FailClosed = "fail_closed",
        /// Its part of what was last known. Money: what it holds, and its part of what was left. Breakers: each
        /// member probes for itself. Limits: its last share, halved each time that it expires.
        LocalShare = "local_share",
        /// What it would do alone. Money: it spends without a limit, and books it when the backend is back.
        /// Breakers: as with `LocalShare`. Limits: those of the whole fleet.
        FailOpen = "fail_open",
    }
}

/// The time since the member began.
pub(crate) type Moment = Duration;

/// A clock that can also wait, as threads do.
pub(crate) trait Time: Clock + Sleeper {}

impl<T: Clock + Sleeper> Time for T {}

/// The settings of a member of a fleet.
///
/// ```
/// use runtime_fleet::{FleetConfig, SharedKind, Policy};
///
/// let config = FleetConfig::default().name("agents").policy(SharedKind::Limits, Policy::FailClosed);
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct FleetConfig {
    pub(crate) name: Arc<str>,
    pub(crate) policies: Policies,
    pub(crate) tick: Duration,
    pub(crate) ttl: Duration,
    pub(crate) timeout: Duration,
    pub(crate) expected: u32,
    pub(crate) keep: Duration,
    pub(crate) sink: Option<Arc<dyn EventSink>>,
    pub(crate) time: Arc<dyn Time>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// A policy for each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policies {
    pub(crate) money: Policy,
    pub(crate) breakers: Policy,
    pub(crate) limits: Policy,
}

impl FleetConfig {
    /// Sets the name, which begins the ids of members and is in events. Default: `fleet`.
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets what the member does while the backend is away. Default: [`Policy::FailClosed`] for money,
    /// [`Policy::LocalShare`] for breakers and limits.
    #[must_use]
    pub const fn policy(mut self, kind: SharedKind, policy: Policy) -> Self {
        match kind {
            SharedKind::Money => self.policies.money = policy,
            SharedKind::Breakers => self.policies.breakers = policy,
            SharedKind::Limits => self.policies.limits = policy,
        }
        self
    }

    /// Sets the time between two heartbeats. Default: half a second. A change by another member arrives with the
    /// next heartbeat, or sooner if the backend pushes it.
    #[must_use]
    pub const fn tick(mut self, tick: Duration) -> Self {
        self.tick = tick;
        self
    }

    /// Sets how long the member keeps what it holds if the backend hears nothing of it. Default: 5 seconds. It is at
    /// least two heartbeats long, and should be several times the [tick](Self::tick) and the
    /// [timeout](Self::timeout).
    #[must_use]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets how long a call of the backend may take. Default: 2 seconds. After this time the member notices that
    /// the other side of a connection is dead.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the number of members that share a limit, for a member that starts while the backend is away.
    /// Default: 4.
    #[must_use]
    pub const fn expected_members(mut self, members: u32) -> Self {
        self.expected = members;
        self
    }

    /// Sets for how long the member remembers accounts, breakers and limiters that nobody of this process has: an
    /// account once the backend has heard all of it, and a breaker while it is closed. Default: an hour; a minute is
    /// the least. What is asked for again later begins anew: an account with a balance of nothing in this process, and
    /// with the rules and the money that the fleet has; a breaker and a limiter with the settings that they are asked
    /// for with.
    #[must_use]
    pub const fn keep_unused(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Sets where the member's events go: `fleet.degraded`, `fleet.recovered` and `agent.budget_mark`. Default:
    /// nowhere. A `TracingSink` logs them. The sink may block, since the member puts a queue before it.
    #[must_use]
    pub fn event_sink(mut self, sink: impl EventSink + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// Sets the clock, and how the member's thread waits. Default: those of the system.
    #[must_use]
    pub fn time(mut self, time: impl Clock + Sleeper + 'static) -> Self {
        self.time = Arc::new(time);
        self
    }

    /// Sets where the member's id comes from. Default: [`RandomIds`].
    #[must_use]
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }
}

impl Default for FleetConfig {
    fn default() -> Self {
        let policies = Policies {
            money: Policy::FailClosed,
            breakers: Policy::LocalShare,
            limits: Policy::LocalShare,
        };
        Self {
            name: "fleet".into(),
            policies,
            tick: Duration::from_millis(500),
            ttl: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            expected: 4,
            keep: Duration::from_secs(3_600),
            sink: None,
            time: Arc::new((SystemClock, ThreadSleeper)),
            ids: Arc::new(RandomIds),
        }
    }
}

impl fmt::Debug for FleetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetConfig")
            .field("name", &self.name)
            .field("policies", &self.policies)
            .field("tick", &self.tick)
            .field("ttl", &self.ttl)
            .field("timeout", &self.timeout)
            .field("expected_members", &self.expected)
            .field("keep_unused", &self.keep)
            .finish_non_exhaustive()
    }
}

/// A time of the fleet, for a breaker or a limiter.
#[derive(Clone, Debug)]
pub(crate) struct FleetClock(pub(crate) Arc<dyn Time>);

impl Clock for FleetClock {
    fn now(&self) -> std::time::Instant {
        self.0.now()
    }

    fn utc_now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.utc_now()
    }
}

impl Sleeper for FleetClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.0.sleep(duration)
    }

    fn park(&self, timeout: Duration) {
        self.0.park(timeout);
    }

    fn has_threads(&self) -> bool {
        self.0.has_threads()
    }
}
