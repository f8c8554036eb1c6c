//! Sessions whose calls are written beforehand, so that it is known to the nano-dollar what each is to cost, however it
//! ends: answered, objected to, failed, late, dropped, hedged.

mod known;
mod script;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroU64};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_events::AgentEventName;
use runtime_events::payload::MarkCrossed;
use runtime_orchestrator::{
    Attempt, OrchestrationSession, Orchestrator, RecoveryConfig, Timeout, Turn, TurnError,
};
use runtime_policy::Guardrails;
use runtime_resilience::{
    Backoff, CircuitBreaker, CircuitBreakerConfig, Hedge, RateLimiter, RateLimits,
};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};
use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::Value;

use self::known::{Answers, Known, reserved};
use self::script::{Guard, Script, prompt, usage_of};
use crate::draw::{millis, one_of, seconds};

const MODEL: &str = "gpt-5";
/// What turns reserve of a limiter, and of a budget. Some calls use more tokens.
const TOKENS: u64 = 400;
const RESERVED: [Usd; 3] = [Usd::ZERO, Usd::from_cents(1), Usd::from_cents(3)];
/// The tokens and the requests a minute of each session.
const PER_MINUTE: [u64; 2] = [6_000, 40];
const MARKS: [u16; 4] = [10, 40, 80, 100];

fn price() -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(30), Usd::from_dollars(150))
}

/// What all sessions of a simulation share.
struct Setup {
    orchestrator: Orchestrator,
    company: Account,
    answers: Arc<Answers>,
    /// The accounts of all sessions, and what is known of each.
    sessions: RefCell<Vec<(Account, Rc<Known>)>>,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let setup = Rc::new(Setup::new(&sim, &mut rng));
        for number in 0..rng.usize(1..4) {
            let name = format!("agent {number}");
            let (setup, rng) = (Rc::clone(&setup), sim.rng(&name));
            sim.spawn(name, agent(sim.clone(), setup, number, rng));
        }
        let of = Rc::clone(&setup);
        sim.always("a breaker closes after an answer", move || of.answers.broken());
        let events = sim.events();
        sim.at_end("each call costs what it is to cost", move || {
            let mut told = marks(&events.events())?;
            for (account, known) in &*setup.sessions.borrow() {
                let billed = events.billed(known.handle.id());
                let balance = account.balance();
                let (expected, estimated) = (known.expected.get(), known.estimated.get());
                if [billed, balance.spent] != [expected; 2] || balance.estimated != estimated {
                    return Err(format!(
                        "{balance:?} and {billed} by the events, and it was to be {expected}, of that \
                         {estimated} estimated"
                    ));
                }
                crossed(account, &mut told)?;
            }
            crossed(&setup.company, &mut told)?;
            told.first().map_or(Ok(()), |mark| Err(format!("nothing crossed {mark:?}")))
        });
        Ok(())
    })
}

type Mark = (String, u16);

/// The marks that events tell of, each once.
fn marks(events: &[Arc<runtime_events::AgentEvent>]) -> Result<BTreeSet<Mark>, String> {
    let mut told = BTreeSet::new();
    for event in events.iter().filter(|event| event.event == AgentEventName::BudgetMark) {
        let crossed = MarkCrossed::of(event);
        let account = crossed.account.as_ref().map_or("", |account| account.as_str()).to_owned();
        let percent = crossed.percent.and_then(|percent| u16::try_from(percent).ok());
        let mark = (account, percent.unwrap_or_default());
        if !told.insert(mark.clone()) {
            return Err(format!("{mark:?} is told twice"));
        }
    }
    Ok(told)
}

/// Takes the marks of an account from those that were told.
fn crossed(account: &Account, told: &mut BTreeSet<Mark>) -> Result<(), String> {
    let limit = account.limit();
    let spent = u128::from(account.balance().spent.nanos());
    for percent in MARKS {
        let reached =
            spent > 0 && spent * 100 >= u128::from(limit.amount.nanos()) * u128::from(percent);
        let name = limit.name.as_deref().unwrap_or_default();
        if reached && !told.remove(&(name.to_owned(), percent)) {
            return Err(format!("`{name}` has crossed {percent} %, and nobody was told"));
        }
    }
    Ok(())
}

impl Setup {
    fn new(sim: &Sim, rng: &mut Rng) -> Self {
        let cents = |cents: u64| Limit::enforced(Usd::from_cents(cents)).marks(MARKS);
        let company = Account::new(cents(rng.u64(10..60)).named("company"));
        let prices = PricingTable::new();
        // The name is nobody else's.
        let _ = prices.register(MODEL, price());
        let answers = Arc::new(Answers::default());
        let config = CircuitBreakerConfig::default()
            .failure_threshold(NonZeroU32::new(rng.u32(1..4)).unwrap_or(NonZeroU32::MIN))
            .recovery_timeout(seconds(rng, 1..6));
        let listener = Arc::clone(&answers);
        let breaker = CircuitBreaker::with_listener(MODEL, config, Arc::new(sim.time()), listener);
        let backoff = Backoff::default().cap(seconds(rng, 1..9));
        let mut recovery = RecoveryConfig::default().backoff(backoff);
        if rng.bool() {
            recovery = recovery.hedge(Hedge::after(millis(rng, 200..3_000)));
        }
        let orchestrator = Orchestrator::new("writer", "draft")
            .time(sim.time())
            .ids(sim.ids())
            .event_sink(sim.events())
            .pricing(prices)
            .account(&company)
            .guardrails(Guardrails::new().with_async(Guard(sim.time())))
            .circuit_breaker(breaker)
            .recovery(recovery);
        Self { orchestrator, company, answers, sessions: RefCell::default() }
    }

    /// A session with a budget and a limiter of its own.
    fn session(
        &self,
        sim: &Sim,
        number: usize,
        rng: &mut Rng,
    ) -> Option<(OrchestrationSession, Rc<Known>)> {
        let own = Limit::enforced(Usd::from_cents(rng.u64(4..40))).marks(MARKS);
        let [tokens, requests] = PER_MINUTE;
        let tokens = NonZeroU64::new(tokens).unwrap_or(NonZeroU64::MIN);
        let requests = u32::try_from(requests).ok().and_then(NonZeroU32::new);
        let limits = RateLimits::default().tokens_per_minute(tokens);
        let limits = limits.requests_per_minute(requests.unwrap_or(NonZeroU32::MIN));
        // With a short burst, calls wait for each other.
        let burst = seconds(rng, 4..20);
        let limits = limits.burst(burst);
        let limiter = || (RateLimiter::with_clock("own", limits, Arc::new(sim.time())), burst);
        let limiter = rng.bool().then(limiter);
        let mut orchestrator = self.orchestrator.clone();
        if let Some((limiter, _)) = &limiter {
            orchestrator = orchestrator.rate_limiter(limiter.clone());
        }
        let session = orchestrator.budget(own.named(format!("own {number}"))).session().ok()?;
        let known = Known::new(sim, session.handle(), limiter, &self.answers);
        let account = session.account().cloned()?;
        self.sessions.borrow_mut().push((account, Rc::clone(&known)));
        Some((session, known))
    }
}

async fn agent(sim: Sim, setup: Rc<Setup>, number: usize, mut rng: Rng) {
    let Some((session, known)) = setup.session(&sim, number, &mut rng) else {
        return sim.fail("no session");
    };
    if rng.u8(..4) == 0 {
        let (at, handle, from) = (millis(&mut rng, 0..60_000), session.handle(), sim.clone());
        sim.spawn(format!("user {number}"), async move {
            from.sleep(at).await;
            // It may have ended before.
            let _ = handle.cancel("the user left");
        });
    }
    for _ in 0..rng.usize(1..9) {
        sim.sleep(millis(&mut rng, 0..3_000)).await;
        if session.status().is_terminal() {
            break;
        }
        known.turn();
        let patience = if rng.u8(..5) == 0 { millis(&mut rng, 1..6_000) } else { Duration::MAX };
        let turn = turn(&sim, &session, &known, &mut rng);
        // Whatever comes of it: its bill is what is looked at.
        sim.time().within(patience, turn).await;
        known.look(PER_MINUTE);
    }
    let asked = known.asked.get();
    let iterations = session.finish(Ok::<_, TurnError>(())).summary.iterations;
    if iterations != asked {
        sim.fail(format!("{iterations} turns are counted, and {asked} were asked for"));
    }
}

/// One turn, of any kind.
async fn turn(sim: &Sim, session: &OrchestrationSession, known: &Rc<Known>, rng: &mut Rng) {
    let reserved = reserved(rng);
    let limits = Limits::draw(rng);
    let (kind, guarded) = (rng.u8(..5), rng.bool());
    // A stream is not looked at beforehand, so that its time is known.
    let takes = if kind > 1 { millis(rng, 0..2_000) } else { Duration::ZERO };
    let mut turn = limits.of(Turn::model(MODEL).usage_from(usage_of), sim, kind < 2);
    turn = turn.reserve(reserved).estimate(UsageSnapshot::new(300, 100));
    let mut admitted = Duration::ZERO;
    if guarded {
        admitted = takes;
        turn = turn.guarded(prompt(takes, rng.u8(..4) == 0));
    }
    let rests = known.limiter.is_none();
    let mut script = Script::draw(rng, rests);
    // A plain call has no way to tell what it has used so far.
    script.metered &= kind != 2;
    match kind {
        0 | 1 => stream(sim, session, known, (turn, limits, reserved), (script, rng)).await,
        2 => {
            let call = async || script.made(Rc::clone(known), (admitted, reserved), |_| ()).await;
            let _ = session.run_turn(turn, call).await;
        }
        _ => {
            let again = rng.fork();
            let rng = RefCell::new(again);
            let call = async |attempt: Attempt| {
                if !attempt.is_hedge() {
                    known.attempt();
                }
                let script = Script::draw(&mut rng.borrow_mut(), rests);
                let admitted = if attempt.number() == 1 { admitted } else { Duration::ZERO };
                let told = |usage: Option<UsageSnapshot>| {
                    attempt.token();
                    if let Some(usage) = usage {
                        attempt.observe(usage);
                    }
                };
                let made = script.made(Rc::clone(known), (admitted, reserved), told).await;
                let asked = made.as_ref().err().and_then(|failed| failed.fault.asked);
                known.attempted(asked.unwrap_or_default());
                made
            };
            let _ = session.run_turn_recovering(turn.repeatable(), call).await;
        }
    }
}

/// The time limits of a turn.
#[derive(Clone, Copy)]
struct Limits {
    attempt: Duration,
    first: Option<Duration>,
    idle: Option<Duration>,
}

impl Limits {
    fn draw(rng: &mut Rng) -> Self {
        let tens = |rng: &mut Rng, most: u64| Duration::from_millis(10 * rng.u64(1..most));
        let attempt = one_of(rng, &[3, 6, 30]) * Duration::from_secs(1);
        let first = (rng.u8(..3) == 0).then(|| tens(rng, 300));
        let idle = rng.bool().then(|| tens(rng, 300));
        Self { attempt, first, idle }
    }

    fn of(self, turn: Turn<Value>, sim: &Sim, by_token: bool) -> Turn<Value> {
        let limit = |after| Timeout::on(after, Arc::new(sim.time()));
        let mut turn = turn.timeout(limit(self.attempt));
        if let Some(first) = self.first.filter(|_| by_token) {
            turn = turn.first_token_timeout(limit(first));
        }
        if let Some(idle) = self.idle.filter(|_| by_token) {
            turn = turn.idle_timeout(limit(idle));
        }
        turn
    }

    /// Whether all tokens of a script come in time.
    fn keeps(&self, script: &Script) -> bool {
        let whole: Duration = script.gaps.iter().sum();
        let within = |gap: &Duration, limit: Option<Duration>| limit.is_none_or(|it| *gap < it);
        let mut gaps = script.gaps.iter();
        whole < self.attempt
            && gaps.next().is_none_or(|gap| within(gap, self.first))
            && gaps.all(|gap| within(gap, self.idle))
    }
}

/// A stream that is read token by token, perhaps beside the session and beyond its end.
async fn stream(
    sim: &Sim,
    session: &OrchestrationSession,
    known: &Rc<Known>,
    (turn, limits, reserved): (Turn<Value>, Limits, Usd),
    (script, rng): (Script, &mut Rng),
) {
    let (turn, reader) = turn.split();
    let Ok(mut active) = session.handle().begin_turn(turn).await else { return };
    let mut metered = known.begin(Duration::ZERO, reserved);
    let (read, from) = (rng.usize(..9), sim.clone());
    let reading = async move {
        for (number, gap) in (1..).zip(&script.gaps) {
            if number > read {
                // Nobody reads on.
                return;
            }
            match active.run(from.sleep(*gap)).await {
                Err(TurnError::TimedOut(late)) if limits.keeps(&script) => {
                    return from.fail(format!("a stream was in time, and was cut: {late}"));
                }
                Err(_) => return,
                Ok(()) => {}
            }
            active.token();
            if script.metered {
                let usage = script.usage_after(number);
                metered.observe(usage);
                active.observe(usage);
            }
        }
        if !limits.keeps(&script) {
            return from.fail("a stream was late, and was not cut");
        }
        match active.run(script.end(metered)).await {
            Ok(Ok(answer)) => drop(reader.finish(active, answer).await),
            Ok(Err(failed)) => drop(active.fail(failed)),
            Err(_) => {}
        }
    };
    if rng.bool() {
        sim.spawn(format!("reader of {}", known.handle.id()), reading);
    } else {
        reading.await;
    }
}
