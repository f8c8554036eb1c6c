//! What all sessions share: the orchestrator, its sink that fails, the account, the store, and the books of the
//! trial.

use std::num::{NonZeroU16, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use runtime_durable::Durable;
use runtime_events::{AgentEvent, Clock, SystemClock};
use runtime_orchestrator::{BoxError, Orchestrator, TelemetryConfig};
use runtime_resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitWindow, Percent};
use runtime_sinks::{EventSink, SinkError};
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_usage::{Account, Limit, ModelPricing, PricingTable, Usd};

use crate::books::Books;
use crate::memory::Memory;
use crate::tail::Tail;

/// The model of all turns.
pub(crate) const MODEL: &str = "m";

pub(crate) struct World {
    began: Instant,
    length: Duration,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) durable: Durable,
    pub(crate) books: Books,
    pub(crate) admission: Tail,
    account: Account,
    breaker: CircuitBreaker,
    sink: Failing,
}

/// A sink that loses each thousandth event, and says so.
#[derive(Clone, Default)]
struct Failing(Arc<Counts>);

#[derive(Default)]
struct Counts {
    seen: AtomicU64,
    refused: AtomicU64,
}

impl EventSink for Failing {
    fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
        // Relaxed, here and below: numbers that order nothing.
        if self.0.seen.fetch_add(1, Ordering::Relaxed) % 1_000 != 999 {
            return Ok(());
        }
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Err(SinkError::new("send an event", "each thousandth is lost"))
    }
}

impl World {
    pub(crate) fn new(length: Duration) -> Result<Self, BoxError> {
        const CALLS: NonZeroU16 = NonZeroU16::new(1_000).unwrap();
        const KEPT: NonZeroUsize = NonZeroUsize::new(4).unwrap();
        let prices = PricingTable::new();
        let price = ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15));
        prices.register(MODEL, price)?;
        let account = Account::new(Limit::enforced(Usd::from_dollars(1_000_000_000)));
        // Failures of single calls do not open it, and those of the outage of each minute do.
        let window = CircuitWindow::of_calls(CALLS).minimum_calls(CALLS.into());
        let config = CircuitBreakerConfig::default()
            .without_failure_threshold()
            .window(window.failure_rate(Percent::HALF))
            .recovery_timeout(Duration::from_secs(1));
        let breaker = CircuitBreaker::with_config("provider", config);
        let sink = Failing::default();
        let kept = TelemetryConfig::default().event_log(KEPT);
        let common = || {
            Orchestrator::new("worker", "soak")
                .pricing(prices.clone())
                .max_iterations(u32::MAX)
                .telemetry(kept.clone())
        };
        let orchestrator =
            common().circuit_breaker(breaker.clone()).account(&account).event_sink(sink.clone());
        let folder = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let durability = SqliteConfig::default().durability(SqliteDurability::Os);
        let store = SqliteStore::open_with(folder.join("threads.db"), durability)?;
        Ok(Self {
            began: SystemClock.now(),
            length,
            orchestrator,
            durable: Durable::new(common(), store),
            books: Books::default(),
            admission: Tail::new(),
            account,
            breaker,
            sink,
        })
    }

    fn age(&self) -> Duration {
        SystemClock.now().saturating_duration_since(self.began)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.age() >= self.length
    }

    /// Whether this is the first fifth of the time, in which memory may grow.
    pub(crate) fn is_early(&self) -> bool {
        self.age() < self.length / 5
    }

    /// Whether all calls fail: during the last four seconds of each minute.
    pub(crate) fn is_out(&self) -> bool {
        self.age().as_secs() % 60 >= 56
    }

    pub(crate) fn turns(&self) -> u64 {
        self.books.turns()
    }

    /// Prints what was done, and returns what is wrong.
    pub(crate) fn judge(&self, length: Duration, memory: &Memory) -> Vec<String> {
        let counts = &self.sink.0;
        let [seen, refused] =
            [&counts.seen, &counts.refused].map(|count| count.load(Ordering::Relaxed));
        let mut wrong = self.books.judge(seen, refused);
        let balance = self.account.balance();
        if balance.reserved != Usd::ZERO {
            wrong.push(format!("{} is reserved, and nobody is at work", balance.reserved));
        }
        if balance.spent != self.books.spent() {
            let booked = self.books.spent();
            wrong.push(format!("{} was spent, and {booked} is in the reports", balance.spent));
        }
        let probes = self.breaker.snapshot().probes;
        if probes != 0 {
            wrong.push(format!("{probes} probes hold a place"));
        }
        if memory.most > memory.early + memory.early / 10 {
            let Memory { early, most } = memory;
            wrong.push(format!("memory grew from {early} to {most} KiB"));
        }
        let turns = self.turns() / length.as_secs().max(1);
        let [half, most, nearly, all] =
            [0.5, 0.99, 0.999, 1.0].map(|share| self.admission.quantile(share));
        println!("{}", self.books);
        println!("turns a second: {turns}");
        println!("admission: p50 {half:?}, p99 {most:?}, p99.9 {nearly:?}, longest {all:?}");
        println!("memory: {} KiB early, then at most {} KiB", memory.early, memory.most);
        wrong
    }
}

/// The database is gone with the trial.
impl Drop for World {
    fn drop(&mut self) {
        let folder = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        // A folder that stays does no harm.
        let _ = std::fs::remove_dir_all(folder);
    }
}
