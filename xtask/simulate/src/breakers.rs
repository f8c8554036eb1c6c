//! Tasks that share a breaker, and end their calls in each way, late ones too.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use runtime_events::Sleeper;
use runtime_resilience::{
    CircuitBreaker, CircuitBreakerConfig, CircuitState, CircuitWindow, Percent, Transition,
    TransitionCause, TransitionListener,
};
use runtime_testkit::simulation::{Broken, Ran, Sim, SimTime, Simulation};

use crate::draw::{millis, one_of, seconds};

/// Counts the generations, and looks at how long lost probes were waited for.
struct Generations {
    count: AtomicU32,
    time: SimTime,
    lease: Duration,
    /// How many probes in a row were lost, and when the last one began.
    lost: Mutex<(u32, Duration)>,
    impatient: AtomicBool,
}

impl Generations {
    fn now(&self) -> u32 {
        // Relaxed: a simulation has one thread.
        self.count.load(Ordering::Relaxed)
    }
}

impl TransitionListener for Generations {
    fn on_transition(&self, _: &str, Transition { cause, .. }: Transition) {
        // Relaxed: as above.
        self.count.fetch_add(1, Ordering::Relaxed);
        let now = self.time.elapsed();
        let mut last = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if cause != TransitionCause::ProbeLost {
            *last = (0, now);
            return;
        }
        // Each time twice as long, up to four times.
        let (times, began) = *last;
        if now.saturating_sub(began) < self.lease.saturating_mul(1 << times) {
            self.impatient.store(true, Ordering::Relaxed);
        }
        *last = ((times + 1).min(4), now);
    }
}

impl fmt::Debug for Generations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Generations")
    }
}

struct Shared {
    breaker: CircuitBreaker,
    generations: Arc<Generations>,
    /// The probes that are under way, and the most that may be.
    probes: Cell<u32>,
    most: u32,
    counted: RefCell<Counted>,
}

/// The calls of a closed breaker, as they are counted beside it.
struct Counted {
    generation: u32,
    /// The failures in a row, and those that open the breaker.
    row: u32,
    threshold: u32,
    window: Option<Window>,
}

/// Many calls take longer.
const SHORT_LEASE: Duration = Duration::from_secs(2);

/// The calls of a window.
const WINDOW: u16 = 6;
/// The parts of a window of time: a call is counted in the one that runs, and in the nine after it.
const PARTS: u128 = 10;
/// From when on a call is slow, and the percentage of slow calls that opens the breaker.
const SLOW: Duration = Duration::from_secs(4);
const SLOW_RATE: usize = 70;

/// The latest calls, and how many there have to be.
struct Window {
    /// The time that is looked back, or none for a number of calls.
    span: Option<Duration>,
    least: usize,
    latest: VecDeque<Ended>,
}

#[derive(Clone, Copy)]
struct Ended {
    at: Duration,
    failed: bool,
    slow: bool,
}

impl Window {
    fn draw(rng: &mut Rng) -> Self {
        let span = rng.bool().then(|| seconds(rng, 5..60));
        Self { span, least: rng.usize(2..6), latest: VecDeque::new() }
    }

    fn config(&self) -> CircuitWindow {
        let calls = CircuitWindow::of_calls(NonZeroU16::new(WINDOW).unwrap_or(NonZeroU16::MIN));
        // A span of seconds is long enough.
        let window = self.span.and_then(|span| CircuitWindow::of_time(span).ok()).unwrap_or(calls);
        let least = u32::try_from(self.least).ok().and_then(NonZeroU32::new);
        let window = window.minimum_calls(least.unwrap_or(NonZeroU32::MIN));
        let rate = u8::try_from(SLOW_RATE).ok().and_then(Percent::new);
        window.slow_calls(SLOW, rate.unwrap_or(Percent::HALF))
    }

    fn forget(&mut self, now: Duration) {
        match self.span {
            Some(span) => {
                let part = |at: Duration| at.as_nanos() / span.as_nanos().div_ceil(PARTS);
                self.latest.retain(|call| part(call.at) + PARTS > part(now));
            }
            None => drop(self.latest.drain(..self.latest.len().saturating_sub(WINDOW.into()))),
        }
    }

    /// The calls, the failures and the slow calls.
    fn counts(&self) -> [usize; 3] {
        let count = |of: fn(&Ended) -> bool| self.latest.iter().filter(|call| of(call)).count();
        [self.latest.len(), count(|call| call.failed), count(|call| call.slow)]
    }

    /// A call has ended. Whether the breaker must open: a good call is no reason, unless it makes them enough.
    fn end(&mut self, ended: Ended) -> bool {
        self.latest.push_back(ended);
        self.forget(ended.at);
        let [calls, failures, slow] = self.counts();
        let matters = ended.failed || ended.slow || calls == self.least;
        let reached = 2 * failures >= calls || 100 * slow >= SLOW_RATE * calls;
        matters && calls >= self.least && reached
    }
}

impl Counted {
    /// A call of this generation has ended. Whether the breaker must open.
    fn end(&mut self, generation: u32, ended: Ended) -> bool {
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.row = 0;
            self.window.iter_mut().for_each(|window| window.latest.clear());
        }
        self.row = if ended.failed { self.row + 1 } else { 0 };
        let in_window = self.window.as_mut().is_some_and(|window| window.end(ended));
        self.row >= self.threshold || in_window
    }

    /// The failures in a row, and the calls, the failures and the slow calls in the window.
    fn counts(&self) -> [usize; 4] {
        let [calls, failures, slow] = self.window.as_ref().map_or([0; 3], Window::counts);
        [self.row as usize, calls, failures, slow]
    }
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let most = one_of(&mut rng, &[1, 1, 2, 3]);
        let some = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let threshold = rng.u32(1..5);
        // A place of a probe that is not given back is missed if it stays so for ever.
        let lease = one_of(&mut sim.rng("lease"), &[Duration::MAX, Duration::MAX, SHORT_LEASE]);
        let mut config = CircuitBreakerConfig::default()
            .failure_threshold(some(threshold))
            .recovery_timeout(seconds(&mut rng, 2..10))
            .half_open_max_probes(some(most))
            .successes_to_close(some(rng.u32(1..3)))
            .half_open_lease(lease);
        let window = rng.bool().then(|| Window::draw(&mut rng));
        if let Some(window) = &window {
            config = config.window(window.config());
        }
        let counted = Counted { generation: 0, row: 0, threshold, window };
        let generations = Arc::new(Generations {
            count: AtomicU32::default(),
            time: sim.time(),
            lease,
            lost: Mutex::default(),
            impatient: AtomicBool::default(),
        });
        let (time, listener) = (Arc::new(sim.time()), Arc::clone(&generations));
        let breaker = CircuitBreaker::with_listener("api", config, time, listener);
        let (probes, counted) = (Cell::new(0), RefCell::new(counted));
        let shared = Rc::new(Shared { breaker, generations, probes, most, counted });
        sim.spawn("operator", operator(sim.clone(), Rc::clone(&shared)));
        for number in 0..rng.usize(1..8) {
            sim.spawn(format!("caller {number}"), caller(sim.clone(), Rc::clone(&shared), number));
        }
        let time = sim.time();
        sim.at_end("the breaker is not stuck", move || {
            // The first may open it, as the one that makes a window full enough; the last two close it.
            for _ in 0..4 {
                // Past every cool-down.
                time.park(Duration::from_secs(3_600));
                shared.breaker.try_acquire().map_err(|error| error.to_string())?.success();
            }
            let state = shared.breaker.state();
            if state == CircuitState::Closed { Ok(()) } else { Err(format!("it is {state}")) }
        });
        Ok(())
    })
}

/// Somebody who opens the breaker by hand. One that is open stays so for the longer of both waits.
async fn operator(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng("operator");
    for _ in 0..rng.usize(..4) {
        sim.sleep(millis(&mut rng, 0..15_000)).await;
        let left = || shared.breaker.snapshot().retry_after.unwrap_or_default();
        let before = left();
        shared.breaker.trip(rng.bool().then(|| millis(&mut rng, 0..12_000)));
        if left() < before {
            sim.fail(format!("it was to be open for {before:?}, and is for {:?}", left()));
        }
    }
}

async fn caller(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("caller {number}"));
    // How many of a hundred calls fail.
    let failing = one_of(&mut rng, &[0, 30, 60, 100]);
    for _ in 0..rng.usize(1..12) {
        sim.sleep(millis(&mut rng, 0..6_000)).await;
        let Ok(permit) = shared.breaker.try_acquire() else { continue };
        let (generations, began) = (&shared.generations, shared.generations.now());
        let is_probe = shared.breaker.state() == CircuitState::HalfOpen;
        if is_probe {
            shared.probes.set(shared.probes.get() + 1);
            // Those of an earlier generation are not counted by the breaker any more, but by us.
            if shared.breaker.snapshot().probes > shared.most {
                sim.fail("more probes than places");
            }
        }
        let takes = millis(&mut rng, 0..9_000);
        sim.sleep(takes).await;
        if generations.impatient.load(Ordering::Relaxed) {
            sim.fail("a lost probe was not waited for, twice as long each time");
        }
        let before = generations.now();
        let failed = match rng.u8(..10) {
            0 | 1 => {
                drop(permit);
                None
            }
            _ if rng.u8(..100) < failing => {
                permit.failure();
                Some(true)
            }
            _ => {
                permit.success();
                Some(false)
            }
        };
        if !is_probe && before == began {
            let mut counted = shared.counted.borrow_mut();
            let (at, slow) = (sim.elapsed(), takes >= SLOW);
            let opens = failed.is_some_and(|failed| counted.end(began, Ended { at, failed, slow }));
            let counts = shared.breaker.snapshot().counts;
            let row = counts.failures_in_a_row;
            let counts = [row, counts.calls, counts.failures, counts.slow].map(|it| it as usize);
            let opened = generations.now() != before;
            if opens != opened {
                sim.fail(format!("after {:?} it opened: {opened}", counted.counts()));
            } else if failed.is_some() && !opened && counts != counted.counts() {
                sim.fail(format!("it has counted {counts:?}, and not {:?}", counted.counts()));
            }
        }
        if is_probe {
            shared.probes.set(shared.probes.get() - 1);
        }
        if generations.now() != before && before != began {
            sim.fail(format!("a call of generation {began} ended generation {before}"));
        }
    }
}
