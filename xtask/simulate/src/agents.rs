//! Agents with children, tools and people to wait for, who hand over to each other, until a shutdown.

mod busy;
mod family;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_lifecycle::{AgentRegistry, RegistryConfig};
use runtime_orchestrator::{
    BoxError, OrchestrationSession, Orchestrator, SessionError, Shutdown, Timeout, ToolCall,
    ToolError, Turn, TurnError,
};
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};
use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd};
use serde_json::Value;

use self::family::{Known, Line, Shutting};
use crate::draw::{millis, one_of, seconds};

const MODEL: &str = "gpt-5";
const MODES: [PermissionMode; 3] =
    [PermissionMode::ReadOnly, PermissionMode::WorkspaceWrite, PermissionMode::FullAccess];
const ROLES: [&str; 3] = ["lead", "editor", "clerk"];
const TOOLS: [&str; 3] = ["search", "write", "deploy"];

/// An orchestrator, and what it gives to its sessions.
struct Office {
    orchestrator: Orchestrator,
    mode: PermissionMode,
    denied: Option<&'static str>,
    deadline: Option<Duration>,
    most: u32,
}

struct Setup {
    offices: Vec<Office>,
    /// What each tool requires.
    requires: [PermissionMode; 3],
    /// The most handoffs in a row.
    handoffs: u32,
    known: Rc<Known>,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let begins = seconds(&mut rng, 5..60);
        let (grace, within) = (seconds(&mut rng, 0..20), seconds(&mut rng, 1..30));
        let (closes, ends) = (begins + grace.min(within), begins + within);
        let shutting = rng.bool().then_some(Shutting { begins, closes, ends });
        let shutdown = Shutdown::on(sim.time()).grace(grace);
        let known = Known::new(&sim, shutting);
        let setup = Rc::new(Setup::new(&sim, &shutdown, &known, &mut rng)?);
        for number in 0..rng.usize(1..4) {
            let name = format!("agent {number}");
            let (setup, rng) = (Rc::clone(&setup), sim.rng(&name));
            sim.spawn(name, agent(sim.clone(), setup, rng));
        }
        if let Some(shutting) = shutting {
            sim.spawn("shutdown", shut(sim.clone(), shutdown, Rc::clone(&known), shutting));
        }
        let events = sim.events();
        sim.at_end("books equal events", move || known.books(&events));
        Ok(())
    })
}

async fn shut(sim: Sim, shutdown: Shutdown, known: Rc<Known>, shutting: Shutting) {
    sim.sleep(shutting.begins).await;
    let within = shutting.ends.saturating_sub(shutting.begins);
    let drained = shutdown.drain(Timeout::on(within, Arc::new(sim.time()))).await;
    known.drained();
    let late = sim.elapsed() >= shutting.ends;
    if !drained.left_over.is_empty() && !late {
        sim.fail(format!("sessions are left over before the end of the drain: {drained}"));
    }
    if drained.in_time && !drained.left_over.is_empty() {
        sim.fail(format!("in time, and not: {drained}"));
    }
}

impl Setup {
    fn new(
        sim: &Sim,
        shutdown: &Shutdown,
        known: &Rc<Known>,
        rng: &mut Rng,
    ) -> Result<Self, BoxError> {
        let company = Limit::enforced(Usd::from_cents(rng.u64(5..200)));
        let company = Account::new(company.named("company").wrap_up(Usd::from_cents(2)));
        let prices = PricingTable::new();
        let dollars = |dollars| Usd::from_dollars(dollars);
        prices.register(MODEL, ModelPricing::per_million(dollars(30), dollars(150)))?;
        let requires = std::array::from_fn(|_| one_of(rng, &MODES));
        let handoffs = rng.u32(..5);
        let registry = RegistryConfig::default().max_handoffs(handoffs);
        let registry = AgentRegistry::with_config(registry);
        let mut offices = Vec::new();
        for role in ROLES {
            let (mode, most) = (one_of(rng, &MODES), rng.u32(2..12));
            let denied = rng.bool().then(|| one_of(rng, &TOOLS));
            let permissions = TOOLS.into_iter().zip(requires).fold(
                PermissionPolicy::new()
                    .role(RolePermissionConfig::new(role, mode)?.denied_tools(denied)),
                |policy, (tool, mode)| policy.requires(tool, mode),
            );
            let mut orchestrator = Orchestrator::new(role, "draft")
                .registry(registry.clone())
                .time(sim.time())
                .ids(sim.ids())
                .event_sink(sim.events())
                .pricing(prices.clone())
                .account(&company)
                .permissions(PermissionEnforcer::new(permissions))
                .max_iterations(most)
                .shutdown(shutdown);
            let deadline = rng.bool().then(|| seconds(rng, 5..60));
            if let Some(deadline) = deadline {
                orchestrator = orchestrator.deadline(Timeout::on(deadline, Arc::new(sim.time())));
            }
            if rng.bool() {
                let own = Limit::enforced(Usd::from_cents(rng.u64(3..60)));
                orchestrator = orchestrator.budget(own.wrap_up(Usd::from_cents(1)));
            }
            offices.push(Office { orchestrator, mode, denied, deadline, most });
        }
        Ok(Self { offices, requires, handoffs, known: Rc::clone(known) })
    }

    /// The line of a session of an office that begins now, below or after another one.
    fn line(&self, office: usize, before: Option<&Line>, turns: u32, most: u32) -> Rc<Line> {
        let own = self.offices[office].deadline.map(|after| self.known.sim.elapsed() + after);
        let until = own.into_iter().chain(before.and_then(|line| line.until)).min();
        let known = Rc::clone(&self.known);
        let account = before.and_then(|line| line.account.clone());
        Rc::new(Line { known, until, turns: Cell::new(turns), most, account })
    }
}

async fn agent(sim: Sim, setup: Rc<Setup>, mut rng: Rng) {
    sim.sleep(millis(&mut rng, 0..30_000)).await;
    let opened = setup.offices[0].orchestrator.session();
    let begun = setup.known.shutting.is_some_and(|it| sim.elapsed() > it.begins);
    let session = match opened {
        Ok(session) => session,
        Err(refused) if refused.is_shutdown() => return,
        Err(refused) => return sim.fail(format!("no session: {refused}")),
    };
    if begun {
        return sim.fail("a session at the top is opened in a shutdown");
    }
    let line = setup.line(0, None, 0, setup.offices[0].most);
    let mut now = (0, session, line);
    // One more than the most that are allowed.
    for number in 0..rng.u32(1..6) {
        let (office, session, line) = now;
        works(&sim, &setup, (office, &session, &line), &mut rng, 0).await;
        busy::hands_over(&sim, &session, &line).await;
        let next = handed_over(&sim, &setup, (&session, &line), (number, rng.usize(..3)));
        let Some(next) = next else {
            let _ = session.finish(Ok::<_, TurnError>(())).summary;
            return;
        };
        now = next;
    }
}

type Held = (usize, OrchestrationSession, Rc<Line>);

/// Hands over to an office, after so many handoffs. `None` if the session goes on to its own end.
fn handed_over(
    sim: &Sim,
    setup: &Setup,
    (session, line): (&OrchestrationSession, &Rc<Line>),
    (number, office): (u32, usize),
) -> Option<Held> {
    let account = session.account().cloned();
    let handoff = match session.handoff_to(ROLES[office], "go on", Value::Null) {
        Ok(_) if number >= setup.handoffs => {
            sim.fail(format!("handoff {} of {}", number + 1, setup.handoffs));
            return None;
        }
        Err(SessionError::Handoffs(refused)) if number < setup.handoffs => {
            sim.fail(format!("after {number} handoffs of {}: {refused}", setup.handoffs));
            return None;
        }
        handoff => handoff.ok()?,
    };
    let accepted = setup.offices[office].orchestrator.accept(&handoff);
    let next = match accepted {
        Ok(next) => next,
        Err(SessionError::Deadline(_)) if line.until.is_some_and(|it| sim.elapsed() >= it) => {
            return None;
        }
        Err(refused) if refused.is_shutdown() => return None,
        Err(refused) => {
            sim.fail(format!("nobody takes over: {refused}"));
            return None;
        }
    };
    let within = |above: &Account| {
        next.account().is_some_and(|own| own.path().any(|account| account.is(above)))
    };
    if !account.as_ref().is_none_or(within) {
        sim.fail("a handoff has lost the account");
    }
    family::lent(sim, account.as_ref(), &next);
    let most = setup.offices[office].most;
    let line = setup.line(office, Some(line), line.turns.get(), most);
    Some((office, next, line))
}

type Boxed<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// The work of a session, which ends with it or before it.
fn works<'a>(
    sim: &'a Sim,
    setup: &'a Setup,
    (office, session, line): (usize, &'a OrchestrationSession, &'a Rc<Line>),
    rng: &'a mut Rng,
    depth: u32,
) -> Boxed<'a> {
    setup.known.opened(session);
    Box::pin(async move {
        for _ in 0..rng.usize(1..7) {
            sim.sleep(millis(rng, 0..3_000)).await;
            if session.status().is_terminal() {
                return;
            }
            match rng.u8(..8) {
                0..3 => turn(sim, (session, line), rng).await,
                3..5 => tool(sim, setup, (office, session, line), rng).await,
                5 => pause(sim, session, rng).await,
                _ if depth < 2 => {
                    let below = rng.bool().then(|| rng.usize(..3));
                    let child = match below {
                        Some(office) => setup.offices[office].orchestrator.session_below(session),
                        None => session.child(ROLES[office]),
                    };
                    let Ok(child) = child else { continue };
                    family::lent(sim, session.account(), &child);
                    let (at, most) = match below {
                        Some(office) => (office, setup.offices[office].most),
                        None => (office, line.most),
                    };
                    // A plain child has no deadline but its parent's.
                    let own = if let Some(office) = below {
                        setup.line(office, Some(line), 0, most)
                    } else {
                        let known = Rc::clone(&setup.known);
                        let (until, account) = (line.until, line.account.clone());
                        Rc::new(Line { known, until, turns: Cell::new(0), most, account })
                    };
                    works(sim, setup, (at, &child, &own), rng, depth + 1).await;
                    let _ = child.finish(Ok::<_, TurnError>(())).summary;
                }
                _ => {}
            }
        }
    })
}

async fn turn(sim: &Sim, (session, line): (&OrchestrationSession, &Rc<Line>), rng: &mut Rng) {
    let usage = UsageSnapshot::new(rng.u64(..500), rng.u64(..100));
    let mut turn = Turn::model(MODEL).usage(usage).reserve(Usd::from_cents(rng.u64(..3)));
    if rng.u8(..4) == 0 {
        turn = turn.wrap_up();
    }
    let (takes, handle) = (millis(rng, 0..6_000), session.handle());
    let left = line.turn();
    let call = async || {
        let _running = line.begin(&handle);
        sim.sleep(takes).await;
        Ok::<_, BoxError>(())
    };
    let patience = if rng.u8(..6) == 0 { millis(rng, 1..6_000) } else { Duration::MAX };
    match sim.time().within(patience, session.run_turn(turn, call)).await {
        Some(Ok(_)) if !left => sim.fail("a turn more than is allowed"),
        Some(Err(TurnError::MaxIterations(_))) if left => {
            sim.fail(format!("no turn is left after {} of {}", line.turns.get() - 1, line.most));
        }
        Some(Err(TurnError::Closed(closed))) if closed.shutdown => line.shut(),
        _ => {}
    }
}

async fn tool(
    sim: &Sim,
    setup: &Setup,
    (office, session, line): (usize, &OrchestrationSession, &Rc<Line>),
    rng: &mut Rng,
) {
    let at = rng.usize(..TOOLS.len());
    let asks = rng.bool().then(|| one_of(rng, &MODES));
    let mut call = ToolCall::new(TOOLS[at]);
    if let Some(mode) = asks {
        call = call.requires(mode);
    }
    let Office { mode, denied, .. } = &setup.offices[office];
    let required = setup.requires[at].max(asks.unwrap_or(PermissionMode::ReadOnly));
    let allowed = *mode >= required && *denied != Some(TOOLS[at]);
    let (takes, handle) = (millis(rng, 0..6_000), session.handle());
    let ran = session.run_tool(call, async || {
        if !allowed {
            sim.fail("a tool is called that the role must not use");
        }
        let _running = line.begin(&handle);
        sim.sleep(takes).await;
        Ok::<_, BoxError>(())
    });
    match ran.await {
        Err(ToolError::PermissionDenied(denied)) if allowed => {
            sim.fail(format!("a role may use a tool, and: {denied}"));
        }
        Err(ToolError::Closed(closed)) if closed.shutdown => line.shut(),
        _ => {}
    }
}

/// Waits for a person, who may answer more than once.
async fn pause(sim: &Sim, session: &OrchestrationSession, rng: &mut Rng) {
    let answers: Rc<RefCell<Vec<String>>> = Rc::default();
    let (handle, from, said) = (session.handle(), sim.clone(), Rc::clone(&answers));
    let mut of_person = rng.fork();
    let person = async move {
        for number in 0..of_person.usize(..4) {
            from.sleep(millis(&mut of_person, 0..4_000) * of_person.u32(..2)).await;
            let answer = number.to_string();
            if handle.provide_input(answer.clone()).is_ok() {
                said.borrow_mut().push(answer);
            }
        }
    };
    let patience = millis(rng, 1..8_000);
    let person = sim.spawn(format!("person of {}", session.id()), person);
    let waited = sim.time().within(patience, session.pause_for_input("may I?")).await;
    if let Some(Ok(value)) = waited
        && answers.borrow().first() != Some(&value)
    {
        sim.fail(format!("{value} was heard, and {:?} was said", answers.borrow()));
    }
    person.await;
}
