//! Tasks that share a rate limiter, and use more or less than they reserved.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_resilience::{Demand, RateDimension, RateLimiter, RateLimits};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};

use crate::draw::{millis, seconds};
use crate::routes;

/// A call that was admitted.
#[derive(Clone, Copy)]
struct Admitted {
    at: Duration,
    requests: u64,
    tokens: u64,
}

struct Shared {
    limiter: RateLimiter,
    admitted: RefCell<Vec<Admitted>>,
    paused_until: Cell<Duration>,
    /// Whether no call was admitted since the last pause, and those that were the first after one, with what they took.
    restarts: Cell<bool>,
    firsts: RefCell<Vec<(usize, Admitted)>>,
    /// Those who wait, by the order in which they came.
    waiting: RefCell<BTreeSet<u64>>,
    came: Cell<u64>,
    /// The limit of requests that is set, and the one that a reply has named last.
    limit: u64,
    told: Cell<Option<u64>>,
}

/// A place in the order of those who wait, until it is given up.
struct Waits<'s>(&'s Shared, u64);

impl<'s> Waits<'s> {
    fn new(shared: &'s Shared) -> Self {
        let number = shared.came.get();
        shared.came.set(number + 1);
        shared.waiting.borrow_mut().insert(number);
        Self(shared, number)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.borrow_mut().remove(&self.1);
    }
}

impl Shared {
    /// What the headers of a reply say of the limit of requests, or do not say: the last word counts, and what is set
    /// is never exceeded.
    fn hears(&self, rng: &mut Rng) -> Result<(), String> {
        let told = rng.bool().then(|| rng.u64(1..200));
        self.told.set(told.or_else(|| self.told.get()));
        let value = told.map(|told| told.to_string());
        let headers: Vec<_> = value.iter().map(|it| ("x-ratelimit-limit-requests", it)).collect();
        self.limiter.observe(&headers, None);
        // One that is higher makes room at once, also after a pause.
        self.firsts.borrow_mut().clear();
        let limit = self.limiter.limit(RateDimension::Requests).map(NonZeroU64::get);
        let known = Some(self.told.get().unwrap_or(u64::MAX).min(self.limit));
        if limit == known {
            Ok(())
        } else {
            Err(format!("the limit is {limit:?}, and is to be {known:?}"))
        }
    }

    /// Nobody overtakes those who wait.
    fn in_order(&self, number: u64) -> Result<(), String> {
        let first = self.waiting.borrow().first().copied().filter(|first| *first < number);
        first.map_or(Ok(()), |first| Err(format!("caller {number} overtakes {first}, who waits")))
    }
}

/// The units that come in with time, and the most that are there at once.
#[derive(Clone, Copy)]
struct Bound {
    per_minute: u64,
    burst: Duration,
}

impl Bound {
    /// How many units there can be in a stretch of time, and one that is on its way.
    fn within(self, stretch: Duration) -> u64 {
        let nanos = u128::from(self.per_minute) * (stretch + self.burst).as_nanos();
        u64::try_from(nanos.div_ceil(60_000_000_000)).unwrap_or(u64::MAX) + 1
    }
}

/// Limiters, and routes for a third of the seeds.
pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    if simulation.rng("kind").u8(..3) == 0 {
        return routes::run(simulation);
    }
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let requests = NonZeroU32::new(rng.u32(6..120)).unwrap_or(NonZeroU32::MIN);
        let tokens = NonZeroU64::new(rng.u64(2_000..20_000)).unwrap_or(NonZeroU64::MIN);
        let burst = seconds(&mut rng, 5..60);
        let limits = RateLimits::default()
            .requests_per_minute(requests)
            .tokens_per_minute(tokens)
            .burst(burst);
        let limiter = RateLimiter::with_clock("api", limits, Arc::new(sim.time()));
        let shared = Rc::new(Shared {
            limiter,
            admitted: RefCell::default(),
            paused_until: Cell::default(),
            restarts: Cell::default(),
            firsts: RefCell::default(),
            waiting: RefCell::default(),
            came: Cell::default(),
            limit: requests.get().into(),
            told: Cell::default(),
        });
        for number in 0..rng.usize(1..8) {
            sim.spawn(format!("caller {number}"), caller(sim.clone(), Rc::clone(&shared), number));
        }
        let requests = Bound { per_minute: requests.get().into(), burst };
        let tokens = Bound { per_minute: tokens.get(), burst };
        sim.at_end("no more is used than there is", move || {
            let admitted = shared.admitted.borrow();
            within(&admitted, requests, |call| call.requests)?;
            within(&admitted, tokens, |call| call.tokens)?;
            shared.firsts.borrow().iter().try_for_each(|(first, took)| {
                let (calls, none) = (&admitted[*first..], Duration::ZERO);
                let [requests, tokens] = [requests, tokens].map(|of| Bound { burst: none, ..of });
                after(calls, requests, took.requests, |call| call.requests)?;
                after(calls, tokens, took.tokens, |call| call.tokens)
            })
        });
        Ok(())
    })
}

/// Looks at every stretch of time between two calls.
fn within(
    admitted: &[Admitted],
    bound: Bound,
    units: impl Fn(&Admitted) -> u64,
) -> Result<(), String> {
    for (first, from) in admitted.iter().enumerate() {
        let mut sum = 0;
        for to in &admitted[first..] {
            sum += units(to);
            let stretch = to.at.saturating_sub(from.at);
            if sum > bound.within(stretch) {
                let most = bound.within(stretch);
                return Err(format!("{sum} within {stretch:?} from {:?}, of {most}", from.at));
            }
        }
    }
    Ok(())
}

/// After a pause there is what the first call took, and what comes in from then on.
fn after(
    calls: &[Admitted],
    bound: Bound,
    took: u64,
    units: impl Fn(&Admitted) -> u64,
) -> Result<(), String> {
    let Some(first) = calls.first() else { return Ok(()) };
    let mut sum = 0;
    for call in calls {
        sum += units(call);
        let most = took + bound.within(call.at.saturating_sub(first.at));
        if sum > most {
            return Err(format!(
                "{sum} until {:?} after a pause until {:?}, of {most}",
                call.at, first.at
            ));
        }
    }
    Ok(())
}

async fn caller(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("caller {number}"));
    let mut others = sim.rng(&format!("caller {number} besides"));
    let time = sim.time();
    for _ in 0..rng.usize(1..12) {
        sim.sleep(millis(&mut rng, 0..4_000)).await;
        let (input, output) = (rng.u64(1..200), rng.u64(1..100));
        let demand = Demand::request().input_tokens(input).output_tokens(output);
        let patience = millis(&mut rng, 0..60_000);
        let waits = Waits::new(&shared);
        let reserved = if others.u8(..6) == 0 {
            Some(shared.limiter.try_reserve(demand))
        } else {
            time.within(patience, shared.limiter.reserve(demand, &time, None)).await
        };
        let Some(Ok(mut held)) = reserved else { continue };
        shared.in_order(waits.1).unwrap_or_else(|why| sim.fail(why));
        drop(waits);
        if sim.elapsed() < shared.paused_until.get() {
            sim.fail(format!("admitted in a pause until {:?}", shared.paused_until.get()));
        }
        let at = sim.elapsed();
        let call = shared.admitted.borrow().len();
        let whole = Admitted { at, requests: 1, tokens: input + output };
        shared.admitted.borrow_mut().push(whole);
        if shared.restarts.replace(false) {
            shared.firsts.borrow_mut().push((call, whole));
        }
        sim.sleep(millis(&mut rng, 0..5_000)).await;
        let used = match rng.u8(..6) {
            0 => {
                held.cancel();
                Admitted { at, requests: 0, tokens: 0 }
            }
            1 => {
                drop(held);
                whole
            }
            2 => {
                // A stream, which is counted as it comes.
                let part = output / 2;
                held.debit(Demand::request().input_tokens(input).output_tokens(part));
                sim.sleep(millis(&mut rng, 0..2_000)).await;
                held.adjust(Demand::request().input_tokens(input).output_tokens(part));
                Admitted { at, requests: 1, tokens: input + part }
            }
            _ => {
                let part = rng.u64(..=output);
                held.adjust(Demand::request().input_tokens(input).output_tokens(part));
                Admitted { at, requests: 1, tokens: input + part }
            }
        };
        shared.admitted.borrow_mut()[call] = used;
        if others.u8(..8) == 0 {
            shared.hears(&mut others).unwrap_or_else(|why| sim.fail(why));
        }
        if rng.u8(..8) == 0 {
            let wait = millis(&mut rng, 100..15_000);
            shared.limiter.pause(wait);
            let until = sim.elapsed() + wait;
            // One that ends before the next call of a queue, or in another pause, is none.
            if wait > Duration::from_millis(200) && until > shared.paused_until.get() {
                shared.restarts.set(true);
            }
            shared.paused_until.set(shared.paused_until.get().max(until));
        }
    }
}
