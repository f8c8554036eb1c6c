//! Loops of a model and its tools, whose conversations are written beforehand: in one process, and in durable threads
//! whose processes crash and lose their store.

mod talk;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime_durable::{Durable, DurableSession, Reconciled};
use runtime_events::Sleeper;
use runtime_orchestrator::{BoxError, Effect, Orchestrator, Timeout};
use runtime_store::{Approvals as _, MemoryStore, Store as _, ThreadId};
use runtime_testkit::simulation::{Broken, Ran, Sim, SimProvider, SimTime, Simulation, World};
use runtime_tools::{Agent, AgentError, Tool, ToolRunner, ToolRunnerError, Toolbox, ToolboxError};

use self::talk::{Kind, Script, Seen, Talk};
use crate::bank::Bank;
use crate::draw::millis;
use crate::durable::{INPUT, LEASE, LONGEST, MODEL, OUTPUT, WORKERS};
use crate::now;

/// How long faults go on.
const TROUBLED: Duration = Duration::from_secs(60);

struct Shared {
    store: MemoryStore,
    bank: Bank,
    seen: Seen,
    threads: Vec<ThreadId>,
    /// Whether people have to approve payments.
    asks: bool,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let openai =
        SimProvider::healthy().tokens(50..INPUT, 5..OUTPUT).troubled(&mut rng, 2, TROUBLED);
    let mut world = World::new().provider("openai", openai);
    world = world.troubled_line("store", (&mut rng, 3), TROUBLED);
    for _ in 0..rng.usize(..4) {
        let (worker, back) =
            (format!("worker {}", rng.usize(..WORKERS)), millis(&mut rng, 0..8_000));
        world = match rng.u8(..3) {
            0 => world.stall_after(worker, rng.u32(1..200), back * 2),
            1 => world.crash(worker, millis(&mut rng, 0..60_000), back),
            _ => world.crash_after(worker, rng.u32(1..200), back),
        };
    }
    simulation.horizon(LONGEST).world(world).spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let threads = (0..rng.usize(1..3)).map(|number| ThreadId::new(format!("talk-{number}")));
        let shared = Rc::new(Shared {
            store: MemoryStore::on(sim.outside()),
            bank: Bank::default(),
            seen: Seen::default(),
            threads: threads.collect::<Result<_, _>>()?,
            asks: rng.u8(..3) == 0,
        });
        if rng.u8(..3) == 0 {
            for number in 0..rng.usize(1..4) {
                let task = plain(sim.clone(), Rc::clone(&shared), number);
                sim.spawn(format!("agent {number}"), task);
            }
        } else {
            sim.spawn("people", people(sim.clone(), Rc::clone(&shared)));
            for number in 0..WORKERS {
                let shared = Rc::clone(&shared);
                sim.process(format!("worker {number}"), move |sim| worker(sim, Rc::clone(&shared)));
            }
        }
        let of = Rc::clone(&shared);
        sim.always("each effect at most once", move || of.bank.broken());
        sim.always("each call has its result, the same in each life", move || shared.seen.broken());
        Ok(())
    })
}

/// Counts the calls under way.
struct Counting(Arc<AtomicUsize>);

impl Counting {
    // Relaxed, in both: a simulation has one thread.
    fn one(running: &Arc<AtomicUsize>, (seen, most): (&Seen, usize)) -> Self {
        if running.fetch_add(1, Ordering::Relaxed) >= most {
            seen.fail(|| format!("more than {most} calls run at once"));
        }
        Self(Arc::clone(running))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a process gives to the tools of one life.
#[derive(Clone)]
struct Desk {
    time: SimTime,
    bank: Bank,
    seen: Seen,
    running: Arc<AtomicUsize>,
    most: usize,
}

impl Desk {
    /// A call that takes so long, for each unit of what it is asked for.
    async fn work(self, arguments: Arguments, millis: u64) -> u64 {
        let _one = Counting::one(&self.running, (&self.seen, self.most));
        let of = arguments.get("of").copied().unwrap_or(0);
        self.time.sleep(Duration::from_millis(millis * of + 1)).await;
        of
    }
}

type Arguments = BTreeMap<String, u64>;

fn toolbox(
    sim: &Sim,
    (shared, asks): (&Shared, bool),
    script: &Script,
) -> Result<Toolbox, ToolboxError> {
    let desk = Desk {
        time: sim.time(),
        bank: shared.bank.clone(),
        seen: shared.seen.clone(),
        running: Arc::default(),
        most: script.parallel,
    };
    let limit = Timeout::on(Duration::from_secs(2), Arc::new(sim.time()));
    let of = desk.clone();
    let look = Tool::new(Kind::Look.tool(), "looks", move |arguments: Arguments| {
        let desk = of.clone();
        async move { Ok::<_, BoxError>(desk.work(arguments, 700).await) }
    });
    let of = desk.clone();
    let slow = Tool::new(Kind::Slow.tool(), "is slow", move |arguments: Arguments| {
        let desk = of.clone();
        async move {
            let done = desk.clone().work(arguments, 700).await;
            desk.time.sleep(LONGEST).await;
            Ok::<_, BoxError>(done)
        }
    });
    let of = desk.clone();
    let fails = Tool::new(Kind::Fails.tool(), "fails", move |arguments: Arguments| {
        let desk = of.clone();
        async move {
            desk.work(arguments, 300).await;
            Err::<(), _>(BoxError::from("it fails"))
        }
    });
    let pays = |kind: Kind, dedupes: bool| {
        let of = desk.clone();
        Tool::keyed(kind.tool(), "pays", move |arguments: Arguments, key: String| {
            let desk = of.clone();
            async move {
                desk.bank.pay(&key, &key, dedupes);
                Ok::<_, BoxError>(desk.work(arguments, 400).await)
            }
        })
    };
    let asked = desk.bank.clone();
    let mut pay = pays(Kind::Pay, false).effect(Effect::Irreversible).reconcile(move |key| {
        let done = asked.books().keys.contains(&key);
        async move { Ok(if done { Reconciled::Done("12") } else { Reconciled::NotDone }) }
    });
    if asks {
        pay = pay.approval("payments", LONGEST);
    }
    Toolbox::new().with_all([
        look.effect(Effect::Read),
        slow.effect(Effect::Read).timeout(limit),
        fails.effect(Effect::Idempotent),
        pay,
        pays(Kind::Send, true),
    ])
}

fn talk(sim: &Sim, shared: &Shared, script: Script) -> Talk {
    let (openai, seen) = (sim.provider("openai"), shared.seen.clone());
    let (reply, over) = Default::default();
    Talk { script, openai, time: sim.time(), seen, reply, over }
}

/// How a conversation may end: with its answer, or because the model repeats itself.
fn ended(sim: &Sim, script: &Script, stuck: bool) {
    if stuck == script.is_answered() {
        sim.fail(format!("`{}` is stuck: {stuck}, and its model is not", script.name));
    }
}

/// An agent of one process, perhaps dropped on its way.
async fn plain(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("agent {number}"));
    let script = Script::draw(&format!("agent {number}"), &mut rng);
    let mut orchestrator = Orchestrator::new("clerk", "orders")
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events());
    if rng.u8(..4) == 0 {
        let deadline = Timeout::on(millis(&mut rng, 1_000..40_000), Arc::new(sim.time()));
        orchestrator = orchestrator.deadline(deadline);
    }
    let Ok(session) = orchestrator.session() else { return sim.fail("no session") };
    let tools = match toolbox(&sim, (&shared, false), &script) {
        Ok(tools) => tools,
        Err(refused) => return sim.fail(refused.to_string()),
    };
    let patience = if rng.u8(..4) == 0 { millis(&mut rng, 1..20_000) } else { Duration::MAX };
    let chat = talk(&sim, &shared, script.clone());
    let runner =
        ToolRunner::new(&session, &tools).parallel(script.parallel).repeats(script.repeats);
    let (mut agent, mut messages) = (Agent::new(&session, &tools).runner(runner), Vec::new());
    let said = sim.time().within(patience, agent.run(&chat, &mut messages)).await;
    match &said {
        Some(Ok(_)) => ended(&sim, &script, false),
        Some(Err(AgentError::Tools(ToolRunnerError::Repeated(_)))) => {
            ended(&sim, &script, true);
        }
        _ => {}
    }
    let said = said.unwrap_or_else(|| Ok(String::new()));
    let _ = session.finish(said).summary;
}

/// Whether a conversation of a thread is over.
fn is_over(shared: &Shared, thread: &ThreadId) -> bool {
    match now(shared.store.thread(thread)) {
        Some(Ok(Some(thread))) => thread.state.is_final(),
        _ => false,
    }
}

fn are_over(shared: &Shared) -> bool {
    shared.threads.iter().all(|thread| is_over(shared, thread))
}

/// People approve and deny, after a while.
async fn people(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng("people");
    while !are_over(&shared) && sim.elapsed() < LONGEST / 2 {
        sim.sleep(millis(&mut rng, 200..4_000)).await;
        for asked in shared.store.pending(None, 9).await.unwrap_or_default() {
            let yes = rng.u8(..4) > 0;
            let verdict = if yes { asked.approve("ann") } else { asked.deny("ann") };
            if shared.store.decide(&verdict).await.is_err() {
                sim.fail("nobody else decides");
            }
        }
    }
}

/// A process that runs all threads until they are over.
async fn worker(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng(&format!("{:?} {}", sim, sim.life()));
    let orchestrator = Orchestrator::new("clerk", "orders")
        .max_iterations(100_000)
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events());
    let durable = Durable::new(orchestrator, sim.store(shared.store.clone()));
    let durable = durable.lease(LEASE).code_version("1");
    let body = async |session: &DurableSession| life(&sim, &shared, session).await;
    while !are_over(&shared) && sim.elapsed() < LONGEST / 2 {
        for thread in shared.threads.iter().filter(|thread| !is_over(&shared, thread)) {
            // Whatever comes of this life: the other worker, or the next life, goes on.
            let _ = durable.run(thread, body).await;
        }
        sim.sleep(millis(&mut rng, 100..3_000)).await;
    }
    if !are_over(&shared) {
        sim.fail("the threads do not come to their end");
    }
}

/// One life of a thread. Its value is whether the model got stuck.
async fn life(sim: &Sim, shared: &Shared, session: &DurableSession) -> Result<bool, BoxError> {
    let name = session.thread().as_str();
    let script = Script::draw(name, &mut sim.rng(name));
    let tools = toolbox(sim, (shared, shared.asks), &script)?;
    let chat = talk(sim, shared, script.clone());
    let runner = ToolRunner::new(session, &tools).parallel(script.parallel).repeats(script.repeats);
    let (mut agent, mut messages) = (Agent::new(session, &tools).runner(runner), Vec::new());
    let stuck = match agent.run(&chat, &mut messages).await {
        Ok(_) => false,
        Err(AgentError::Tools(ToolRunnerError::Repeated(_))) => true,
        Err(error) => return Err(error.into()),
    };
    ended(sim, &script, stuck);
    Ok(stuck)
}
