//! The end of a provider that an agent calls.

use std::fmt;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use runtime_events::{Clock, Sleeper};
use runtime_resilience::{FaultError, FaultKind, Provider, Reach};
use runtime_usage::UsageSnapshot;

use super::case::stream;
use super::life::Life;
use super::provider::{SimProvider, Trouble};
use super::time::SimTime;

/// A provider, as a process calls it.
#[derive(Clone)]
pub struct Endpoint {
    provider: Arc<Serving>,
    time: SimTime,
    life: Arc<Life>,
}

/// What a provider answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply {
    /// What it said.
    pub text: String,
    usage: Option<UsageSnapshot>,
}

impl Reply {
    /// The usage, for [`usage_from`]. `None` if it was lost.
    ///
    /// [`usage_from`]: https://docs.rs/runtime-orchestrator/latest/runtime_orchestrator/struct.Turn.html#method.usage_from
    pub const fn usage(&self) -> Option<UsageSnapshot> {
        self.usage
    }
}

/// A call that arrived at a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arrived {
    /// When.
    pub at: Duration,
    /// The process that made it.
    pub process: Arc<str>,
    /// What the provider bills for it. `None` if it does not.
    pub billed: Option<UsageSnapshot>,
    /// Whether it was answered in whole.
    pub answered: bool,
    /// The wait that the provider asked for.
    pub asked_to_wait: Option<Duration>,
}

/// A provider in a simulation.
pub(crate) struct Serving {
    name: Arc<str>,
    api: Provider,
    does: SimProvider,
    state: Mutex<State>,
}

struct State {
    rng: Rng,
    calls: Vec<Arrived>,
    /// When there is room for the next call, and a burst of calls ago.
    room: Duration,
}

/// What is drawn for a call.
struct Drawn {
    trouble: Option<Trouble>,
    first_token: Duration,
    rest: Duration,
    usage: UsageSnapshot,
}

impl Serving {
    pub(crate) fn new(name: &Arc<str>, does: SimProvider, seed: u64) -> Self {
        let rng = stream(seed, &format!("provider {name}"));
        let state = State { rng, calls: Vec::new(), room: Duration::ZERO };
        let api = name.parse().unwrap_or(Provider::OpenAi);
        Self { name: Arc::clone(name), api, does, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is whole when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, now: Duration) -> Drawn {
        let mut state = self.state();
        let rng = &mut state.rng;
        let mut trouble = None;
        for spell in &self.does.spells {
            // Drawn for each call and fault, so that one that is left out does not shift the others.
            let struck = rng.u8(..100) < spell.share;
            if struck && spell.during.contains(&now) {
                trouble = trouble.or(Some(spell.trouble));
            }
        }
        let SimProvider { input, output, .. } = &self.does;
        let usage = UsageSnapshot::new(
            rng.u64(input.start..input.end.max(input.start + 1)),
            rng.u64(output.start..output.end.max(output.start + 1)),
        );
        let first_token = within(rng, &self.does.first_token);
        let rest = within(rng, &self.does.rest);
        drop(state);
        Drawn { trouble, first_token, rest, usage }
    }

    /// How long the provider has no room for a call that arrives now. Takes the room if there is some.
    fn full_for(&self, now: Duration) -> Option<Duration> {
        let apart = Duration::from_secs(60) / self.does.capacity?.max(1);
        // A burst of ten seconds' calls.
        let burst = Duration::from_secs(10);
        let mut state = self.state();
        let room = state.room.max(now.saturating_sub(burst)) + apart;
        if room > now {
            return Some(room.saturating_sub(now));
        }
        state.room = room;
        None
    }

    fn arrive(&self, at: Duration, process: &Arc<str>) -> usize {
        let mut state = self.state();
        let process = Arc::clone(process);
        let (billed, asked_to_wait) = (None, None);
        state.calls.push(Arrived { at, process, billed, answered: false, asked_to_wait });
        state.calls.len() - 1
    }

    fn note(&self, call: usize, change: impl FnOnce(&mut Arrived)) {
        if let Some(call) = self.state().calls.get_mut(call) {
            change(call);
        }
    }
}

fn within(rng: &mut Rng, range: &std::ops::Range<Duration>) -> Duration {
    let width = range.end.saturating_sub(range.start);
    range.start + width.mul_f64(rng.f64())
}

impl Endpoint {
    pub(crate) const fn new(provider: Arc<Serving>, time: SimTime, life: Arc<Life>) -> Self {
        Self { provider, time, life }
    }

    /// The name of the provider.
    pub fn name(&self) -> &str {
        &self.provider.name
    }

    /// Makes a call, and waits for the whole answer.
    ///
    /// # Errors
    ///
    /// What goes wrong, as a client would tell it.
    pub async fn call(&self, prompt: &str) -> Result<Reply, FaultError> {
        self.stream(prompt, || ()).await
    }

    /// Makes a call, and calls `token` when the first and the last token come.
    ///
    /// # Errors
    ///
    /// What goes wrong, as a client would tell it.
    pub async fn stream(&self, prompt: &str, token: impl Fn()) -> Result<Reply, FaultError> {
        self.time.begin();
        self.lives().await;
        // The way there.
        self.time.sleep(self.life.way()).await;
        self.lives().await;
        let now = self.time.elapsed();
        let Drawn { trouble, first_token, rest, usage } = self.provider.draw(now);
        if trouble == Some(Trouble::Down) {
            let mut refused = FaultError::of(FaultKind::Network, "connection refused");
            refused.fault.reach = Reach::NotSent;
            return Err(refused);
        }
        let call = self.provider.arrive(now, &self.life.process);
        if let Some(wait) = self.provider.full_for(now) {
            return Err(self.refuses(call, (429, Some(wait)), "slow down"));
        }
        match trouble {
            Some(Trouble::Storm(wait)) => {
                return Err(self.refuses(call, (429, Some(wait)), "slow down"));
            }
            Some(Trouble::Overload) => return Err(self.refuses(call, (503, None), "overloaded")),
            Some(Trouble::Refused) => {
                return Err(self.refuses(call, (400, None), "invalid request"));
            }
            Some(Trouble::Status(status, wait)) => {
                return Err(self.refuses(call, (status, wait), "refused"));
            }
            Some(Trouble::Hang) => pending().await,
            Some(Trouble::Slow(by)) => self.time.sleep(by).await,
            _ => {}
        }
        self.time.sleep(first_token).await;
        self.lives().await;
        // From the first token on a call is billed, whether anybody reads on or not.
        let whole = trouble != Some(Trouble::Cut);
        let half = UsageSnapshot::new(usage.input_tokens, usage.output_tokens / 2);
        self.provider.note(call, |call| call.billed = Some(if whole { usage } else { half }));
        token();
        self.time.sleep(if whole { rest } else { rest / 2 }).await;
        self.lives().await;
        if !whole {
            return Err(FaultError::of(FaultKind::Network, "the stream broke off"));
        }
        token();
        // With the lock released: what answers is the user's code.
        let mut rng = self.provider.state().rng.fork();
        let text = (self.provider.does.answer)(prompt, &mut rng);
        self.provider.note(call, |call| call.answered = true);
        let usage = (trouble != Some(Trouble::Unmetered)).then_some(usage);
        Ok(Reply { text, usage })
    }

    /// The calls that have arrived, in order.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.provider.state().calls.clone()
    }

    /// A process that has crashed goes no further.
    fn lives(&self) -> impl Future<Output = ()> + Send + use<> {
        let cut = self.life.is_cut();
        async move {
            if cut {
                pending::<()>().await;
            }
        }
    }

    fn refuses(
        &self,
        call: usize,
        (status, wait): (u16, Option<Duration>),
        message: &str,
    ) -> FaultError {
        // Headers have whole seconds.
        let seconds = wait.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
        let asked_to_wait = seconds.map(Duration::from_secs);
        self.provider.note(call, |call| call.asked_to_wait = asked_to_wait);
        let headers: Vec<_> =
            seconds.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
        let body = format!(r#"{{"error":{{"message":"{message}"}}}}"#);
        let now = self.time.utc_now();
        FaultError::from_response(self.provider.api, status, &headers, body.as_bytes(), now)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name()).finish_non_exhaustive()
    }
}
