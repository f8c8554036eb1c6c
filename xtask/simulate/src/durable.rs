//! Durable threads that two processes run, which crash, hang, and lose their store.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_durable::{Done, Durable, DurableSession, DurableTool, Reconciled, Run, StepError};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, Timeout, ToolCall, Turn};
use runtime_store::{Approvals as _, MemoryStore, Store as _, ThreadId};
use runtime_testkit::simulation::{Broken, Provider, Ran, Sim, Simulation, World};
use serde_json::json;

use crate::bank::Bank;
use crate::draw::{millis, one_of, seconds};
use crate::now;

/// How long faults go on.
const TROUBLED: Duration = Duration::from_secs(90);
/// Everything has to be done long before.
const LONGEST: Duration = Duration::from_secs(900);
const LEASE: Duration = Duration::from_secs(3);
const WORKERS: usize = 2;

/// A step of a thread. Those of one thread follow from its name, so that they are the same in each life.
#[derive(Clone, Copy)]
enum Step {
    Turn,
    Recovering,
    Pay { effect: Effect, approved: bool, refused: u8 },
    Sleep(Duration),
    Value,
}

struct Shared {
    store: MemoryStore,
    bank: Bank,
    threads: Vec<ThreadId>,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let openai = Provider::healthy().troubled(&mut rng, 2, TROUBLED);
    let mut world = World::new().provider("openai", openai);
    world = world.troubled_line("store", (&mut rng, 4), TROUBLED);
    for _ in 0..rng.usize(..5) {
        let worker = format!("worker {}", rng.usize(..WORKERS));
        let back = millis(&mut rng, 0..10_000);
        world = match rng.u8(..3) {
            0 => world.crash_after(worker, rng.u32(1..120), back),
            1 => world.stall_after(worker, rng.u32(1..120), back * 2),
            _ => world.crash(worker, millis(&mut rng, 0..90_000), back),
        };
    }
    if rng.bool() {
        let by = chrono::TimeDelta::seconds(rng.i64(-7_200..7_200));
        world = world.jump(millis(&mut rng, 1..90_000), by);
    }
    simulation.horizon(LONGEST).world(world).run(async |sim| {
        let mut rng = sim.rng("plan");
        let threads = (0..rng.usize(1..4)).map(|number| ThreadId::new(format!("order-{number}")));
        let shared = Shared {
            store: MemoryStore::on(sim.outside()),
            bank: Bank::default(),
            threads: threads.collect::<Result<_, _>>()?,
        };
        let shared = Rc::new(shared);
        let people = people(sim.clone(), Rc::clone(&shared));
        sim.spawn("people", people);
        for number in 0..WORKERS {
            let shared = Rc::clone(&shared);
            sim.process(format!("worker {number}"), move |sim| worker(sim, Rc::clone(&shared)));
        }
        watch(&sim, &shared);
        Ok(())
    })
}

fn watch(sim: &Sim, shared: &Rc<Shared>) {
    let bank = shared.bank.clone();
    sim.always("each effect at most once", move || bank.broken());
    let shared = Rc::clone(shared);
    sim.at_end("journals are whole", move || {
        shared.threads.iter().try_for_each(|thread| whole(&shared.store, thread))
    });
}

/// Numbers without gaps, fences that never go back, and each thread at its end if all workers were there.
fn whole(store: &MemoryStore, thread: &ThreadId) -> Result<(), String> {
    let Some(Ok(entries)) = now(store.read(thread, 0, usize::MAX)) else {
        return Ok(());
    };
    let mut fence = 0;
    for (seq, entry) in (1..).zip(&entries) {
        if entry.seq != seq {
            return Err(format!("entry {} of `{thread}` is at the place of {seq}", entry.seq));
        }
        if entry.fence < fence {
            return Err(format!("entry {seq} of `{thread}` is of an earlier life than the last"));
        }
        fence = entry.fence;
    }
    match now(store.thread(thread)) {
        Some(Ok(Some(kept))) if kept.head != entries.len() as u64 => {
            Err(format!("the head of `{thread}` is {} of {}", kept.head, entries.len()))
        }
        _ => Ok(()),
    }
}

fn ended(shared: &Shared) -> bool {
    let is_final = |thread: &ThreadId| match now(shared.store.thread(thread)) {
        Some(Ok(Some(thread))) => thread.state.is_final(),
        _ => false,
    };
    shared.threads.iter().all(is_final)
}

/// People approve and deny, after a while.
async fn people(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng("people");
    // Without workers, nobody ever asks.
    while !ended(&shared) && sim.elapsed() < LONGEST / 2 {
        sim.sleep(millis(&mut rng, 200..4_000)).await;
        let Ok(pending) = shared.store.pending(None, 9).await else { continue };
        for asked in pending {
            let call = format!("{}/{}", asked.thread, asked.tool);
            let yes = rng.u8(..5) > 0;
            let verdict = if yes { asked.approve("ann") } else { asked.deny("ann") };
            if yes {
                shared.bank.approve(&call);
            }
            if shared.store.decide(&verdict).await.is_err() {
                sim.fail("nobody else decides");
            }
        }
    }
}

/// The session of the last life has the turns of all lives.
fn went_on<T>(done: &Done<T>) -> Result<(), String> {
    let Some(summary) = &done.summary else { return Ok(()) };
    let (turns, all) = (summary.iterations, done.totals.iterations);
    if turns == all { Ok(()) } else { Err(format!("its last session has {turns} turns of {all}")) }
}

/// A process that runs all threads until they have ended.
async fn worker(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng(&format!("{:?} {}", sim, sim.life()));
    let orchestrator = Orchestrator::new("clerk", "orders")
        .max_iterations(100_000)
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events());
    let store = sim.store(shared.store.clone());
    let durable = Durable::new(orchestrator, store).lease(LEASE).code_version("1");
    while !ended(&shared) && sim.elapsed() < LONGEST / 2 {
        let mut threads = shared.threads.clone();
        rng.shuffle(&mut threads);
        for thread in threads {
            let run =
                durable.run(&thread, async |session| life(&sim, &shared, session).await).await;
            if let Ok(Run::Done(done)) = run {
                let ended = paid(&shared, &thread, &done.value).and_then(|()| went_on(&done));
                ended.unwrap_or_else(|why| sim.fail(why));
            }
        }
        sim.sleep(millis(&mut rng, 100..3_000)).await;
    }
    if !ended(&shared) {
        sim.fail("the threads do not come to their end");
    }
}

/// What a thread says that it paid was paid, once.
fn paid(shared: &Shared, thread: &ThreadId, calls: &[String]) -> Result<(), String> {
    let prefix = format!("{thread}/");
    let made = shared.bank.books().payments.clone().into_keys();
    let made: BTreeSet<_> = made.filter(|call| call.starts_with(&prefix)).collect();
    let said: BTreeSet<_> = calls.iter().cloned().collect();
    if made == said { Ok(()) } else { Err(format!("`{thread}` said {said:?}, and paid {made:?}")) }
}

/// The steps of a thread.
fn plan(sim: &Sim, thread: &ThreadId) -> Vec<Step> {
    let mut rng = sim.rng(thread.as_str());
    (0..rng.usize(1..6)).map(|_| step(&mut rng)).collect()
}

fn step(rng: &mut Rng) -> Step {
    match rng.u8(..9) {
        0 => Step::Turn,
        1 => Step::Recovering,
        2 => Step::Value,
        3 => Step::Sleep(seconds(rng, 1..60)),
        _ => Step::Pay {
            effect: one_of(rng, &[Effect::Keyed, Effect::Irreversible]),
            approved: rng.bool(),
            refused: one_of(rng, &[0, 0, 1, 2]),
        },
    }
}

/// One life of a thread. Its value is the payments that were made.
async fn life(
    sim: &Sim,
    shared: &Shared,
    session: &DurableSession,
) -> Result<Vec<String>, BoxError> {
    let (mut made, began) = (Vec::new(), sim.elapsed());
    let limit = || Timeout::on(Duration::from_secs(20), Arc::new(sim.time()));
    let openai = sim.provider("openai");
    for (number, step) in plan(sim, session.thread()).into_iter().enumerate() {
        let name = format!("{}/{number}", session.thread());
        let bank = &shared.bank;
        match step {
            Step::Turn | Step::Recovering => {
                let turn = Turn::model("gpt-5").timeout(limit());
                let ask = async || {
                    // A life that was replaced may ask a model once more: it costs, and does nothing.
                    bank.make(&name, (false, began));
                    Ok::<_, BoxError>(openai.call("hi").await?.text)
                };
                if matches!(step, Step::Turn) {
                    session.run_turn(turn, ask).await?;
                } else {
                    session.run_turn_recovering(turn, async |_| ask().await).await?;
                }
                bank.record(&name, sim.elapsed());
            }
            Step::Sleep(time) => session.sleep(time).await?,
            Step::Value => {
                session.value("lucky", || 7).await?;
            }
            Step::Pay { effect, approved, refused } => {
                let call = Payment { name, effect, approved, refused };
                if call.make(sim, bank, session).await? {
                    made.push(call.name);
                }
            }
        }
    }
    Ok(made)
}

/// A payment of a thread.
struct Payment {
    name: String,
    effect: Effect,
    approved: bool,
    /// How often the bank refuses it.
    refused: u8,
}

impl Payment {
    /// Asks, and pays. `false` if people say no.
    async fn make(
        &self,
        sim: &Sim,
        bank: &Bank,
        session: &DurableSession,
    ) -> Result<bool, BoxError> {
        let number = self.name.rsplit('/').next().unwrap_or_default();
        let pay = ToolCall::new(number).call_id(number).args(json!({ "of": number }));
        let pay = pay.effect(self.effect);
        let mut tool = DurableTool::from(pay.clone());
        if self.approved {
            match session.approval(&pay, "payments", LONGEST).await {
                Ok(yes) => tool = tool.approved(yes),
                Err(StepError::Failed(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        let asked = bank.clone();
        let tool = tool.reconcile(async move |key| {
            let done = asked.books().keys.contains(&key);
            Ok(if done { Reconciled::Done(12) } else { Reconciled::NotDone })
        });
        let line = sim.line("bank");
        let dedupes = self.effect == Effect::Keyed;
        let paid = session.run_tool(tool, async |attempt| {
            bank.make(&self.name, (self.approved, Duration::MAX));
            let refused = bank.books().failed.get(&self.name).copied().unwrap_or_default();
            if refused < u32::from(self.refused) {
                return Err(BoxError::from("the bank refuses"));
            }
            // At once: what stops on its way and arrives after another life has paid, no library can hold back.
            bank.pay(&self.name, attempt.key(), dedupes);
            line.call(async || 12).await.map_err(BoxError::from)
        });
        match paid.await {
            Ok(_) => bank.record(&self.name, sim.elapsed()),
            Err(StepError::Failed(failed)) => {
                if failed.live.is_some() {
                    bank.fail(&self.name);
                }
                return Err(StepError::Failed(failed).into());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}
