//! Durable threads that two processes run, which crash, hang, and lose their store.

mod changed;
mod life;
mod recount;
mod spent;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use runtime_durable::{Done, Durable, DurableSession, Run, RunError};
use runtime_events::AgentEventName;
use runtime_events::payload::DurableStep;
use runtime_orchestrator::{Orchestrator, Timeout};
use runtime_store::{
    Approvals as _, Fold, Inbox as _, MemoryStore, Store as _, Stored, Thread, ThreadId,
    ThreadState, Totals,
};
use runtime_testkit::simulation::{Broken, Ran, Sim, SimProvider, Simulation, World};
use runtime_usage::{Limit, ModelPricing, PricingTable, Usd};
use serde_json::json;

use self::life::Step;
use self::recount::recount;
use self::spent::Spending;
use crate::bank::Bank;
use crate::draw::{flaky, millis};
use crate::now;

/// How long faults go on.
const TROUBLED: Duration = Duration::from_secs(90);
/// Everything has to be done long before.
pub(crate) const LONGEST: Duration = Duration::from_secs(900);
pub(crate) const LEASE: Duration = Duration::from_secs(3);
pub(crate) const WORKERS: usize = 2;
/// The deadline of each thread, which none reaches.
const DEADLINE: Duration = Duration::from_secs(3_600);
pub(crate) const MODEL: &str = "gpt-5";
/// The most tokens of a call, which strict budgets reserve.
pub(crate) const INPUT: u64 = 2_000;
pub(crate) const OUTPUT: u64 = 500;

struct Shared {
    store: MemoryStore,
    bank: Bank,
    spending: Spending,
    threads: Vec<ThreadId>,
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let openai =
        SimProvider::healthy().tokens(50..INPUT, 5..OUTPUT).troubled(&mut rng, 2, TROUBLED);
    let openai = flaky(openai, &mut rng, TROUBLED);
    let mut world = World::new().provider("openai", openai);
    world = world.troubled_line("store", (&mut rng, 4), TROUBLED);
    for _ in 0..rng.usize(..5) {
        let worker = format!("worker {}", rng.usize(..WORKERS));
        let back = millis(&mut rng, 0..10_000);
        world = match rng.u8(..3) {
            0 => world.crash_after(worker, rng.u32(1..120), back),
            1 => world.stall_after(worker, rng.u32(1..120), back * 2),
            // Most of the work is done in the first seconds.
            _ => world.crash(worker, millis(&mut rng, 0..30_000), back),
        };
    }
    if rng.bool() {
        let by = chrono::TimeDelta::seconds(rng.i64(-7_200..7_200));
        world = world.jump(millis(&mut rng, 1..90_000), by);
    }
    simulation.horizon(LONGEST).world(world).spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let threads = (0..rng.usize(1..4)).map(|number| ThreadId::new(format!("order-{number}")));
        let shared = Shared {
            store: MemoryStore::on(sim.outside()),
            bank: Bank::default(),
            spending: Spending::default(),
            threads: threads.collect::<Result<_, _>>()?,
        };
        let shared = Rc::new(shared);
        let people = people(sim.clone(), Rc::clone(&shared));
        sim.spawn("people", people);
        sim.spawn("janitor", janitor(sim.clone(), Rc::clone(&shared)));
        for thread in &shared.threads {
            let speaker = speaker(sim.clone(), Rc::clone(&shared), thread.clone());
            sim.spawn(format!("speaker to {thread}"), speaker);
        }
        for number in 0..WORKERS {
            let shared = Rc::clone(&shared);
            let name = format!("worker {number}");
            sim.process(name.clone(), move |sim| worker(sim, name.clone(), Rc::clone(&shared)));
        }
        watch(&sim, &shared);
        Ok(())
    })
}

fn watch(sim: &Sim, shared: &Rc<Shared>) {
    let bank = shared.bank.clone();
    sim.always("each effect at most once", move || bank.broken());
    let (bank, events) = (shared.bank.clone(), sim.events());
    sim.at_end("no more uses of approvals are told than people have said yes", move || {
        let mut used: BTreeMap<String, u32> = BTreeMap::new();
        let events = events.events();
        for event in events.iter().filter(|it| it.event == AgentEventName::ApprovalUsed) {
            let DurableStep { thread: Some(thread), tool: Some(tool), .. } = DurableStep::of(event)
            else {
                continue;
            };
            *used.entry(format!("{}/{}", thread.as_str(), tool.as_str())).or_default() += 1;
        }
        let books = bank.books();
        let approved = |call: &str| books.approved.get(call).copied().unwrap_or_default();
        used.iter().find(|(call, used)| **used > approved(call)).map_or(Ok(()), |(call, used)| {
            Err(format!("{used} uses for `{call}`, of {} approvals", approved(call)))
        })
    });
    let shared = Rc::clone(shared);
    let (of, openai) = (Rc::clone(&shared), sim.provider("openai"));
    sim.at_end("what the provider bills is in the journals", move || {
        let billed: Usd =
            openai.arrived().iter().filter_map(|call| Some(price().cost(&call.billed?))).sum();
        let booked = of.threads.iter().map(|thread| {
            let booked = booked(&of.store, thread)?;
            of.spending.check(thread.as_str(), booked).map(|()| booked)
        });
        let booked: Usd = booked.sum::<Result<_, String>>()?;
        if billed <= booked { Ok(()) } else { Err(format!("{billed} is billed of {booked}")) }
    });
    sim.at_end("journals are whole", move || {
        shared.threads.iter().try_for_each(|thread| whole(&shared.store, thread))
    });
}

/// A thread, and its entries from its last checkpoint on.
fn kept(store: &MemoryStore, thread: &ThreadId) -> Option<(Thread, Vec<Stored>)> {
    let kept = now(store.thread(thread))?.ok()??;
    let entries = now(store.read(thread, kept.base.saturating_sub(1), usize::MAX))?.ok()?;
    Some((kept, entries))
}

/// Numbers without gaps, fences that never go back, and each thread at its end if all workers were there.
fn whole(store: &MemoryStore, thread: &ThreadId) -> Result<(), String> {
    let Some((kept, entries)) = kept(store, thread) else { return Ok(()) };
    let (mut fence, first) = (0, kept.base.max(1));
    for (seq, entry) in (first..).zip(&entries) {
        if entry.seq != seq {
            return Err(format!("entry {} of `{thread}` is at the place of {seq}", entry.seq));
        }
        if entry.fence < fence {
            return Err(format!("entry {seq} of `{thread}` is of an earlier life than the last"));
        }
        fence = entry.fence;
    }
    let head = first - 1 + entries.len() as u64;
    if kept.head == head {
        return Ok(());
    }
    Err(format!("the head of `{thread}` is {} of {head}", kept.head))
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

/// Deletes what is before the last checkpoints, every now and then.
async fn janitor(sim: Sim, shared: Rc<Shared>) {
    let mut rng = sim.rng("janitor");
    while !ended(&shared) && sim.elapsed() < LONGEST / 2 {
        sim.sleep(millis(&mut rng, 1_000..20_000)).await;
        for thread in &shared.threads {
            // Before its first life, there is no such thread.
            let _ = shared.store.prune(thread).await;
        }
    }
}

/// Somebody who sends messages, each more than once: the first counts, until the thread has failed.
async fn speaker(sim: Sim, shared: Rc<Shared>, thread: ThreadId) {
    let mut rng = sim.rng(&format!("speaker to {thread}"));
    let steps = life::plan(&sim, &thread);
    let asked = steps.iter().enumerate().filter(|(_, step)| matches!(step, Step::Ask));
    for (number, _) in asked {
        let key = format!("{thread}/{number}");
        let times = rng.u32(1..4);
        let mut sent = 0;
        while sent < times && !ended(&shared) && sim.elapsed() < LONGEST / 2 {
            sim.sleep(millis(&mut rng, 0..9_000)).await;
            let message = format!("message {sent}");
            let kept = now(shared.store.thread(&thread));
            let failed = matches!(kept, Some(Ok(Some(kept))) if kept.state == ThreadState::Failed);
            // Before its first life, there is no thread to send to.
            if let Ok(counts) = shared.store.deliver(&thread, &key, &json!(message)).await {
                if counts != (sent == 0 || failed) {
                    sim.fail(format!("message {sent} counts: {counts}"));
                }
                if counts {
                    shared.bank.say(&key, &message);
                }
                sent += 1;
            }
        }
    }
}

/// The session of the last life has the turns of all lives.
fn went_on<T>(done: &Done<T>) -> Result<(), String> {
    let Some(summary) = &done.summary else { return Ok(()) };
    let (turns, all) = (summary.iterations, done.totals.iterations);
    if turns != all {
        return Err(format!("its last session has {turns} turns of {all}"));
    }
    let cost = cost(&done.totals);
    let spent = summary.budget.as_ref().map(|budget| budget.spent_usd);
    if summary.usage.total_cost_usd != cost || spent != Some(cost) {
        return Err(format!("its last session has spent {spent:?} of {cost}"));
    }
    Ok(())
}

fn cost(totals: &Totals) -> Usd {
    totals.models.values().map(|model| model.cost).sum()
}

/// What a thread has spent, by its journal.
fn booked(store: &MemoryStore, thread: &ThreadId) -> Result<Usd, String> {
    let Some((kept, entries)) = kept(store, thread) else { return Ok(Usd::ZERO) };
    let mut fold = Fold::from_base(kept.base);
    entries
        .iter()
        .cloned()
        .try_for_each(|entry| fold.apply(entry))
        .map_err(|error| error.to_string())?;
    let (folded, counted) = (cost(&fold.totals()), recount(&entries)?);
    if folded == counted {
        return Ok(folded);
    }
    Err(format!("`{thread}` has spent {folded} by its fold, and {counted} by its entries"))
}

fn price() -> ModelPricing {
    ModelPricing::per_million(Usd::from_dollars(3), Usd::from_dollars(15))
}

/// A process that runs all threads until they have ended.
async fn worker(sim: Sim, name: String, shared: Rc<Shared>) {
    let mut rng = sim.rng(&format!("{:?} {}", sim, sim.life()));
    let prices = PricingTable::new();
    // The name is nobody else's.
    let _ = prices.register(MODEL, price());
    let orchestrator = Orchestrator::new("clerk", "orders")
        .max_iterations(100_000)
        .pricing(prices)
        .budget(Limit::strict(Usd::from_dollars(1_000)))
        .deadline(Timeout::on(DEADLINE, Arc::new(sim.time())))
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events());
    let store = sim.store(shared.store.clone());
    let durable = Durable::new(orchestrator, store).lease(LEASE);
    // It may run all threads, or those that are to go on.
    let sees_all = sim.rng("worker").bool();
    let look = |run: Result<Run<Vec<String>>, RunError>, thread: &ThreadId| {
        if let Ok(Run::Done(done)) = run {
            let ended = paid(&shared, thread, &done.value).and_then(|()| went_on(&done));
            ended.unwrap_or_else(|why| sim.fail(why));
        }
    };
    while !ended(&shared) && sim.elapsed() < LONGEST / 2 {
        // For a while, its code may have other steps.
        let changed = sim.elapsed() < TROUBLED && rng.u8(..5) == 0;
        let durable = durable.clone().code_version(if changed { "2" } else { "1" });
        let body = async |session: &DurableSession| {
            life::life((&sim, &name, changed), &shared, session).await
        };
        let mut threads = shared.threads.clone();
        rng.shuffle(&mut threads);
        for thread in threads {
            let state = match now(shared.store.thread(&thread)) {
                Some(Ok(Some(thread))) => thread.state,
                _ => ThreadState::Failed,
            };
            // Nobody but its caller begins a thread, or one that has failed.
            if sees_all || state == ThreadState::Failed {
                look(durable.run(&thread, body).await, &thread);
            }
        }
        let runs = durable.resume_runnable(9, body).await.unwrap_or_default();
        for (thread, run) in runs {
            look(run, &thread);
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
