//! A session and its scripted turns.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use runtime_events::{Clock, FailureScenario, ManualClock, Sleeper};
use runtime_orchestrator::{
    Answer, Attempt, BoxError, OrchestrationSession, Orchestrator, RecoveryConfig, Turn, TurnError,
};
use runtime_policy::{GuardrailOutcome, Guardrails, guardrail};
use runtime_resilience::{
    EscalationPolicy, Fault, FaultDetails, FaultError, FaultKind, Hedge, Recipes, RecoveryHandler,
    RecoveryRecipe, RecoveryStep, RetryBudget, RetryBudgetConfig, Route, Routes, StepContext,
    StepFuture,
};
use runtime_usage::{Limit, UsageSnapshot, Usd};

use super::laws;
use crate::support::{Fixture, WAIT, breaker, dollar, limit, yields};

#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) routes: usize,
    pub(super) order: u8,
    /// Half-open at the start, fails open, guarded, a guardrail rejects answers.
    pub(super) flags: [bool; 4],
    pub(super) recipes: Vec<(FailureScenario, Vec<RecoveryStep>, u32)>,
    /// In dollars, like all amounts.
    pub(super) budget: Option<u64>,
    pub(super) retries: u32,
    /// In seconds, like all times.
    pub(super) deadline: Option<u64>,
    pub(super) handler: Option<Handler>,
    pub(super) hedge: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Handler {
    /// The number of polls, and the duration.
    Takes(usize, u64),
    Fails,
    Panics,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) thread: bool,
    /// Calls after the end of the list are answered.
    pub(super) acts: Vec<Act>,
    /// Attempt, first token, idle, total.
    pub(super) times: [Option<u64>; 4],
    /// After this number of polls.
    pub(super) cut: Option<(usize, Cut)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Dropped,
    Cancelled,
    /// No polls for ten minutes.
    Late,
}

/// The behaviour of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Act {
    pub(super) polls: usize,
    pub(super) takes: u64,
    pub(super) token: bool,
    pub(super) used: Option<u64>,
    pub(super) end: End,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Answer,
    Fault(FaultKind, Option<u64>),
    Text(&'static str),
    Panic,
    Hang,
}

/// The clock's step.
pub(super) const STEP: Duration = Duration::from_millis(500);

const ANSWER: Act = Act { polls: 0, takes: 0, token: false, used: None, end: End::Answer };

/// The record of one call.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) provider: String,
    pub(super) began: Instant,
    /// The time of its failure with an asked wait.
    pub(super) asked: Option<(Instant, Duration)>,
}

pub(super) type Outcome = Result<Answer<()>, TurnError>;

/// The result of a turn; `None` if it was dropped or panicked.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Option<Outcome>,
    pub(super) panicked: bool,
    pub(super) calls: Vec<Called>,
    /// The end of its time.
    pub(super) end: Option<Instant>,
    pub(super) total: Option<Duration>,
    /// The times of its start and its return.
    pub(super) from: Instant,
    pub(super) over: Instant,
}

pub(super) struct Scene {
    pub(super) fixture: Fixture,
    pub(super) setting: Setting,
    pub(super) routes: Option<Routes>,
    pub(super) recipes: Recipes,
    session: Option<OrchestrationSession>,
    /// The number of events before the running turn.
    seen: usize,
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Scene {
    pub(super) fn new(setting: Setting) -> Self {
        let clock = ManualClock::new();
        let mut fixture = Fixture::new();
        fixture.clock = clock.clone();
        fixture.breaker = breaker(&clock, 4);
        let recipes =
            setting.recipes.iter().fold(Recipes::default(), |recipes, (on, steps, attempts)| {
                let policy = EscalationPolicy::LogAndContinue;
                recipes.with(RecoveryRecipe::new(*on, steps.clone(), *attempts, policy))
            });
        let [half_open, _, _, objects] = setting.flags;
        let mut recovery =
            RecoveryConfig::default().recipes(recipes.clone()).retry_budget(retry_budget(&setting));
        let mut orchestrator: Orchestrator = fixture
            .orchestrator
            .time(clock.clone())
            .circuit_breaker(fixture.breaker.clone())
            .max_iterations(u32::MAX);
        let routes = routes(&setting, &clock);
        if let Some(routes) = &routes {
            recovery = recovery.routes(routes.clone());
        }
        if let Some(dollars) = setting.budget {
            let limit = Limit::enforced(Usd::from_dollars(dollars)).marks([50, 90]);
            orchestrator = orchestrator.budget(limit);
        }
        if let Some(after) = setting.deadline {
            // An open breaker needs time to become half-open.
            orchestrator = orchestrator.deadline(limit(&clock, WAIT + secs(after)));
        }
        if let Some(handler) = setting.handler {
            recovery = recovery.handler(Handling(handler, clock.clone()));
        }
        if let Some(after) = setting.hedge {
            recovery = recovery.hedge(Hedge::after(secs(after)));
        }
        if objects {
            let no = guardrail::post("no", |_| GuardrailOutcome::deny("not this"));
            orchestrator = orchestrator.guardrails(Guardrails::new().with(no));
        }
        fixture.orchestrator = orchestrator.recovery(recovery);
        let session = Some(fixture.orchestrator.session().unwrap());
        if half_open {
            let breakers = routes.iter().flat_map(Routes::iter).map(Route::breaker);
            for breaker in breakers.chain([&fixture.breaker]) {
                (0..4).for_each(|_| breaker.record_failure());
            }
        }
        clock.advance(WAIT);
        let seen = fixture.events.len();
        Self { fixture, setting, routes, recipes, session, seen }
    }

    pub(super) fn session(&self) -> &OrchestrationSession {
        self.session.as_ref().unwrap()
    }

    pub(super) fn play(&mut self, run: &Run) {
        let ended = if run.thread { self.on_thread(run) } else { self.as_task(run) };
        let events = self.fixture.events.events();
        laws::assert_turn(self, run, &ended, &events[self.seen..]);
        self.seen = events.len();
    }

    fn as_task(&self, run: &Run) -> Ended {
        let clock = &self.fixture.clock;
        let from = clock.now();
        let calls = RefCell::new(Vec::new());
        let call = async |it: Attempt| {
            let act = self.begin(run, &calls, &it);
            yields(act.polls).await;
            if act.takes > 0 {
                clock.sleep(secs(act.takes)).await;
            }
            if act.token {
                it.token();
                yields(act.polls).await;
            }
            if matches!(act.end, End::Hang) {
                pending::<()>().await;
            }
            self.end(&calls, &it, act)
        };
        let time = |seconds: Option<u64>| {
            limit(clock, seconds.map_or(Duration::from_secs(1_000_000), secs))
        };
        let [attempt, first_token, idle, total] = run.times;
        let turn = self.turn().timeout(time(attempt)).first_token_timeout(time(first_token));
        let turn = turn.idle_timeout(time(idle)).within(time(total)).guarded("prompt");
        let until = from + total.map_or(Duration::from_secs(1_000_000), secs);
        let end = self.session().deadline().map_or(until, |deadline| deadline.min(until));
        let (outcome, panicked) = {
            let future = self.session().run_turn_recovering(turn, call);
            self.drive(run, future)
        };
        let calls = calls.into_inner();
        let (total, over) = (total.map(secs), clock.now());
        Ended { outcome, panicked, calls, end: Some(end), total, from, over }
    }

    /// Polls like an executor, and advances the clock only if nothing else helps.
    fn drive(&self, run: &Run, turn: impl Future<Output = Outcome>) -> (Option<Outcome>, bool) {
        let clock = &self.fixture.clock;
        let mut turn = pin!(AssertUnwindSafe(turn).catch_unwind());
        let mut cx = Context::from_waker(Waker::noop());
        for polls in 0..20_000 {
            match run.cut.filter(|(after, _)| *after == polls) {
                Some((_, Cut::Dropped)) => return (None, false),
                Some((_, Cut::Cancelled)) => drop(self.session().cancel("enough")),
                Some((_, Cut::Late)) => clock.advance(secs(600)),
                None => {}
            }
            match turn.as_mut().poll(&mut cx) {
                Poll::Ready(Ok(outcome)) => return (Some(outcome), false),
                Poll::Ready(Err(_)) => return (None, true),
                Poll::Pending if clock.waiting() > 0 => clock.advance(STEP),
                Poll::Pending => {}
            }
            // The caller drops a call that hangs without a timeout.
            if polls == 2_000 {
                return (None, false);
            }
        }
        panic!("the turn does not end");
    }

    fn on_thread(&self, run: &Run) -> Ended {
        let clock = &self.fixture.clock;
        let from = clock.now();
        let calls = RefCell::new(Vec::new());
        let call = |it: Attempt| {
            let act = self.begin(run, &calls, &it);
            clock.advance(secs(act.takes));
            self.end(&calls, &it, act)
        };
        let turn = self.turn().guarded("prompt");
        // Another thread advances the clock while the turn waits.
        let done = std::sync::atomic::AtomicBool::new(false);
        let ran = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::SeqCst) {
                    if clock.waiting() > 0 {
                        clock.advance(STEP);
                    }
                    std::thread::yield_now();
                }
            });
            let ran = catch_unwind(AssertUnwindSafe(|| {
                self.session().blocking().run_turn_recovering(turn, call)
            }));
            done.store(true, std::sync::atomic::Ordering::SeqCst);
            ran
        });
        let (outcome, panicked) = ran.map_or((None, true), |outcome| (Some(outcome), false));
        let end = self.session().deadline();
        let (calls, over) = (calls.into_inner(), clock.now());
        Ended { outcome, panicked, calls, end, total: None, from, over }
    }

    fn turn(&self) -> Turn {
        let turn = Turn::model("m").usage(dollar()).repeatable();
        if self.setting.budget.is_some() { turn.reserve(Usd::from_dollars(1)) } else { turn }
    }

    fn begin(&self, run: &Run, calls: &RefCell<Vec<Called>>, it: &Attempt) -> Act {
        let mut calls = calls.borrow_mut();
        let provider = it.provider().to_owned();
        calls.push(Called { provider, began: self.fixture.clock.now(), asked: None });
        assert_eq!(calls.len(), it.number() as usize, "every emitted attempt is a call");
        let act = run.acts.get(calls.len() - 1).copied().unwrap_or(ANSWER);
        drop(calls);
        if let Some(used) = act.used {
            it.observe(UsageSnapshot::new(used, 0));
        }
        act
    }

    fn end(&self, calls: &RefCell<Vec<Called>>, it: &Attempt, act: Act) -> Result<(), BoxError> {
        match act.end {
            End::Answer => Ok(()),
            End::Text(text) => Err(text.into()),
            End::Panic => resume_unwind(Box::new("bomb")),
            End::Hang => Err("it hung".into()),
            End::Fault(kind, asked) => {
                let mut fault = Fault::of(kind);
                fault.asked = asked.map(secs);
                let at = self.fixture.clock.now();
                calls.borrow_mut()[it.number() as usize - 1].asked =
                    fault.asked.map(|asked| (at, asked));
                Err(FaultError::new(fault, FaultDetails::default()).into())
            }
        }
    }

    pub(super) fn finish(mut self) {
        laws::assert_session(&self);
        drop(self.session.take());
        laws::assert_over(&self);
    }
}

fn retry_budget(setting: &Setting) -> RetryBudget {
    RetryBudget::new(RetryBudgetConfig::default().reserve(setting.retries).percent(10))
}

fn routes(setting: &Setting, clock: &ManualClock) -> Option<Routes> {
    let places = (0..setting.routes).map(|at| {
        // Two routes are keys of one provider.
        let provider = ["a", "b", "a"][at];
        Route::new(provider, "m")
            .key(format!("{at}"))
            .circuit_breaker(breaker(clock, 4))
            .retry_budget(retry_budget(setting))
    });
    let routes = match setting.order {
        _ if setting.routes == 0 => return None,
        0 => Routes::ordered(places),
        1 => Routes::weighted(places),
        2 => Routes::round_robin(places),
        _ => Routes::least_loaded(places),
    };
    let routes = routes.with_clock(Arc::new(clock.clone()));
    Some(if setting.flags[1] { routes.fail_open() } else { routes })
}

struct Handling(Handler, ManualClock);

impl Handling {
    fn ended(&self) -> Result<(), BoxError> {
        match self.0 {
            Handler::Takes(..) => Ok(()),
            Handler::Fails => Err("cannot".into()),
            Handler::Panics => resume_unwind(Box::new("handler")),
        }
    }
}

impl RecoveryHandler for Handling {
    fn carry_out(&self, _: &StepContext<'_>) -> Result<(), BoxError> {
        if let Handler::Takes(_, takes) = self.0 {
            self.1.advance(secs(takes));
        }
        self.ended()
    }

    fn carry_out_async<'a>(&'a self, _: &'a StepContext<'a>) -> StepFuture<'a> {
        Box::pin(async {
            if let Handler::Takes(polls, takes) = self.0 {
                yields(polls).await;
                self.1.sleep(secs(takes)).await;
            }
            self.ended()
        })
    }
}

/// The number of retries that the recipes allow.
pub(super) fn most_retries(recipes: &Recipes) -> u64 {
    let all: BTreeMap<_, _> = FailureScenario::ALL
        .iter()
        .map(|&on| (on.as_str(), u64::from(recipes.get(on).max_attempts)))
        .collect();
    all.values().sum()
}
