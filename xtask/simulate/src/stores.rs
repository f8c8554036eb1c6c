//! Clients of a store that take each other's threads, and use the same approvals.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_events::Clock as _;
use runtime_store::{
    Append, Approval, ApprovalUse, Approvals as _, Claim, Entry, EntryKind, Inbox as _, Lease,
    Leave, MemoryStore, NotApproved, Step, StepKey, StepKind, StepName, Store as _, StoreError,
    Subject, ThreadId,
};
use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation, World};
use serde_json::json;

use crate::draw::millis;
use crate::now;

struct Shared {
    store: MemoryStore,
    thread: ThreadId,
    approvals: Vec<Approval>,
    /// How often each approval was used, as the store said.
    used: RefCell<BTreeMap<Arc<str>, u32>>,
    /// The first message under each key.
    said: RefCell<BTreeMap<String, u32>>,
    /// The last lease that was given back.
    given_back: Cell<u64>,
}

impl Shared {
    fn uses(&self, approval: &Arc<str>) {
        *self.used.borrow_mut().entry(Arc::clone(approval)).or_default() += 1;
    }
}

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let mut rng = simulation.rng("world");
    let within = Duration::from_secs(10);
    let world = World::new().troubled_line("store", (&mut rng, 3), within);
    simulation.world(world).spurious_polls().run(async |sim| {
        let store = MemoryStore::on(sim.outside());
        let thread = ThreadId::new("order-1")?;
        store.acquire(&thread, &claim(Duration::ZERO)).await?;
        let (mut approvals, mut rng) = (Vec::new(), sim.rng("approvals"));
        for number in 0..4 {
            let args = json!(number);
            let (step, tool, policy) = (step(number), "pay", "p");
            let subject = Subject { thread: &thread, step, tool, args: Some(&args), policy };
            let expires_in = millis(&mut rng, 50..2_000);
            approvals.push(store.ask(&subject.request(expires_in)).await?);
        }
        let (used, said, given_back) = Default::default();
        let shared = Rc::new(Shared { store, thread, approvals, used, said, given_back });
        for number in 0..sim.rng("plan").usize(2..5) {
            sim.spawn(format!("client {number}"), client(sim.clone(), Rc::clone(&shared), number));
        }
        sim.at_end("the store keeps its promises", move || kept(&shared));
        Ok(())
    })
}

fn step(number: u32) -> StepKey {
    let name = StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
    Step::keyed(name, &json!(number), (0, &number.to_string())).key
}

fn intent(step: StepKey) -> Entry {
    Entry { kind: EntryKind::INTENT, version: 1, step: Some(step), print: None, body: Vec::new() }
}

fn claim(ttl: Duration) -> Claim {
    Claim { holder: "client".into(), code: "1".into(), role: None, ttl }
}

fn kept(shared: &Shared) -> Result<(), String> {
    let entries = now(shared.store.read(&shared.thread, 0, usize::MAX)).and_then(Result::ok);
    let entries = entries.unwrap_or_default();
    for (seq, entry) in (1..).zip(&entries) {
        if entry.seq != seq {
            return Err(format!("entry {} is at the place of {seq}", entry.seq));
        }
    }
    if let Some(two) = entries.windows(2).find(|two| two[0].fence > two[1].fence) {
        return Err(format!("entry {} was written by an earlier life", two[1].seq));
    }
    let used = shared.used.borrow();
    used.iter()
        .find(|(_, times)| **times > 1)
        .map_or(Ok(()), |(id, times)| Err(format!("approval {id} was used {times} times")))
}

async fn client(sim: Sim, shared: Rc<Shared>, number: usize) {
    let mut rng = sim.rng(&format!("client {number}"));
    let store = sim.store(shared.store.clone());
    let mut held: Option<(Lease, u64)> = None;
    for _ in 0..rng.usize(5..40) {
        sim.sleep(millis(&mut rng, 0..40)).await;
        if rng.u8(..4) == 0 {
            let lease = held.as_ref().map(|(lease, _)| lease);
            at_once(&sim, &shared, lease, &mut rng).unwrap_or_else(|why| sim.fail(why));
            continue;
        }
        let asked = &shared.approvals[rng.usize(..shared.approvals.len())];
        match (rng.u8(..10), &held) {
            (0..3, _) => {
                let claim = claim(millis(&mut rng, 0..60));
                if let Ok((lease, thread)) = store.acquire(&shared.thread, &claim).await {
                    held = Some((lease, thread.head));
                }
            }
            // Whether another client was faster is of no account.
            (3, _) => drop(store.decide(&asked.approve("ann")).await),
            (_, None) => {}
            (kind, Some((lease, known))) => {
                // Now and then for a call that was not approved.
                let meant = if rng.u8(..6) == 0 { &shared.approvals[0] } else { asked };
                let uses = ApprovalUse { id: Arc::clone(&asked.id), digest: meant.digest };
                let uses = Some(&uses).filter(|_| kind < 8);
                let entries = [intent(asked.step)];
                // It may be about to be taken over, or has seen that somebody else has written.
                let last = match rng.u8(..4) {
                    0 => now(shared.store.thread(&shared.thread))
                        .and_then(Result::ok)
                        .flatten()
                        .map_or(*known, |thread| thread.head),
                    _ => *known,
                };
                let append = Append {
                    head: last,
                    entries: &entries,
                    approval: uses,
                    relaxed: false,
                    role: None,
                };
                let lease = lease.clone();
                if store.append(&lease, append).await.is_ok() {
                    if uses.is_some() {
                        if meant.id != asked.id {
                            sim.fail("an approval was used for another call");
                        }
                        shared.uses(&asked.id);
                    }
                    held = Some((lease, last + 1));
                }
            }
        }
    }
}

/// A call that is there at once, so that it is known what comes of it.
fn at_once(sim: &Sim, shared: &Shared, lease: Option<&Lease>, rng: &mut Rng) -> Result<(), String> {
    let store = &shared.store;
    let kept = |thread: &ThreadId| now(store.thread(thread)).and_then(Result::ok).flatten();
    // Those that come and go.
    let other = ThreadId::new(format!("other-{}", rng.u8(..9))).map_err(|it| it.to_string())?;
    let thread = kept(&shared.thread);
    // Whether its lease is the last one, and was not given back.
    let holds = lease.is_some_and(|lease| {
        let last = thread.as_ref().map(|thread| thread.fence);
        last == Some(lease.fence) && shared.given_back.get() != lease.fence
    });
    match (rng.u8(..7), lease) {
        (0, Some(lease)) => {
            let gives_back = rng.bool();
            let (what, done) = if gives_back {
                ("given back", now(store.release(lease, Leave::Runnable)))
            } else {
                ("renewed", now(store.renew(lease)))
            };
            let (fence, done) = (lease.fence, done.is_some_and(|done| done.is_ok()));
            if done != holds {
                return Err(format!("a lease of {fence} was {what}: {done}, and holds: {holds}"));
            }
            if gives_back && done {
                shared.given_back.set(fence);
            }
        }
        (5 | 6, Some(lease)) => {
            let asked = &shared.approvals[rng.usize(..shared.approvals.len())];
            let uses = ApprovalUse { id: Arc::clone(&asked.id), digest: asked.digest };
            let (head, entries) = (thread.map_or(0, |thread| thread.head), [intent(asked.step)]);
            let (approval, relaxed, role) = (Some(&uses), false, None);
            let append = Append { head, entries: &entries, approval, relaxed, role };
            let late = sim.outside().utc_now() >= asked.expires;
            match now(store.append(lease, append)) {
                Some(Ok(())) if late || !holds => {
                    return Err(format!("{asked} was used, late: {late}, by who holds: {holds}"));
                }
                Some(Err(StoreError::NotApproved { reason: NotApproved::Expired, .. }))
                    if !late =>
                {
                    return Err(format!("{asked} is said to be too late"));
                }
                Some(Ok(())) => shared.uses(&asked.id),
                _ => {}
            }
        }
        (1, _) => {
            let (key, number) = (format!("key-{}", rng.u8(..4)), rng.u32(..));
            let first = now(store.deliver(&shared.thread, &key, &json!(number)));
            let mut said = shared.said.borrow_mut();
            let is_first = !said.contains_key(&key);
            let number = *said.entry(key.clone()).or_insert(number);
            let heard = now(store.message(&shared.thread, &key)).and_then(Result::ok).flatten();
            if heard != Some(json!(number)) || first.and_then(Result::ok) != Some(is_first) {
                return Err(format!("{heard:?} is under `{key}`, and {number} was said first"));
            }
        }
        (2, _) => {
            let acquired = now(store.acquire(&other, &claim(millis(rng, 0..60))));
            // One that waits may be woken before it is given back.
            if let (Some(Ok((lease, _))), true) = (acquired, rng.bool()) {
                let message = now(store.deliver(&other, "wake", &json!(1)));
                // Only the first message wakes.
                let woken = matches!(message, Some(Ok(true)));
                let _ = now(store.release(&lease, Leave::Parked(None)));
                let runnable =
                    now(store.runnable(None, None, 99)).and_then(Result::ok).unwrap_or_default();
                if woken && !runnable.contains(&other) {
                    return Err(format!("`{other}` was woken while it ran, and waits"));
                }
            }
        }
        _ => {
            let is_held = kept(&other).is_some_and(|thread| thread.holder.is_some());
            match now(store.forget(&other)) {
                Some(Ok(())) if is_held => return Err(format!("`{other}` is held, and forgotten")),
                Some(Err(StoreError::Held { .. })) if !is_held => {
                    return Err(format!("`{other}` is not held, and not forgotten"));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
