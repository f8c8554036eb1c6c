//! What a store keeps is sealed: nothing is read of it, and nothing passes for it.

use futures_util::FutureExt;
use runtime_durable::{DurableSession, KeySeal, Run};
use runtime_orchestrator::{Orchestrator, Turn};
use runtime_resilience::chain_text;
use runtime_store::{Append, Claim, Entry, EntryKind, MemoryStore, Store, Stored, ThreadId};

use crate::world::{World, error, thread, value};

#[test]
fn a_sealed_thread_goes_on_and_its_store_knows_nothing() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders")).seal(KeySeal::new(&[7; 32]));
    let body = async |session: &DurableSession| {
        let said = session.run_turn(Turn::model("m"), || world.ask("the secret plan")).await?;
        session.wait_for::<u32>("k").await?;
        Ok(said.value)
    };
    assert!(matches!(world.run(&durable, body), Some(Ok(Run::Parked(_)))));
    let kept = entries(&world.store, &thread());
    let text = |stored: &Stored| String::from_utf8_lossy(&stored.entry.body).into_owned();
    assert!(
        kept.iter()
            .all(|stored| !text(stored).contains("secret") && !text(stored).contains("turn"))
    );
    world.deliver("k", 1);
    assert_eq!(value(world.run(&durable, body)), "the secret plan");
    assert_eq!(world.calls(), 1);
    // Another key, and no key.
    let other = world.durable(Orchestrator::new("clerk", "orders")).seal(KeySeal::new(&[8; 32]));
    assert!(chain_text(&error(world.run(&other, body))).contains("with another key"));
    let none = world.durable(Orchestrator::new("clerk", "orders"));
    assert!(chain_text(&error(world.run(&none, body))).contains("cannot be read"));
}

#[test]
fn a_key_is_changed_while_a_thread_goes_on() {
    let world = World::new();
    let sealed = |seal: KeySeal| world.durable(Orchestrator::new("clerk", "orders")).seal(seal);
    let (old, new) = ([7; 32], [8; 32]);
    let body = async |session: &DurableSession| {
        let mut said = String::new();
        for key in ["a", "b"] {
            said += &session.run_turn(Turn::model("m"), || world.ask(key)).await?.value;
            session.wait_for::<u32>(key).await?;
        }
        Ok(said)
    };
    assert!(matches!(world.run(&sealed(KeySeal::new(&old)), body), Some(Ok(Run::Parked(_)))));
    world.deliver("a", 1);
    let changed = KeySeal::new(&new).or_earlier(&old);
    assert!(matches!(world.run(&sealed(changed.clone()), body), Some(Ok(Run::Parked(_)))));
    // Those that came first have the old key, and all that came since has the new one.
    let before = error(world.run(&sealed(KeySeal::new(&new)), body)).to_string();
    assert!(before.contains("entry 1 cannot be read"), "{before}");
    let later = error(world.run(&sealed(KeySeal::new(&old)), body)).to_string();
    assert!(later.contains("entry 5 cannot be read"), "{later}");
    world.deliver("b", 1);
    assert_eq!(value(world.run(&sealed(changed), body)), "ab");
    assert_eq!(world.calls(), 2);
}

fn entries(store: &MemoryStore, thread: &ThreadId) -> Vec<Stored> {
    store.read(thread, 0, 100).now_or_never().unwrap().unwrap()
}

/// Copies a thread with a change, and says how reading it fails.
fn tampered(world: &World, kept: &[Stored], change: impl FnOnce(&mut Vec<Entry>)) -> String {
    let copy = World::new();
    let claim =
        Claim { holder: "x".into(), code: "1".into(), role: None, ttl: std::time::Duration::ZERO };
    let (lease, _) = copy.store.acquire(&thread(), &claim).now_or_never().unwrap().unwrap();
    let mut entries: Vec<_> = kept.iter().map(|stored| stored.entry.clone()).collect();
    change(&mut entries);
    let append = Append { head: 0, entries: &entries, approval: None, relaxed: false, role: None };
    copy.store.append(&lease, append).now_or_never().unwrap().unwrap();
    let durable = copy.durable(Orchestrator::new("clerk", "orders")).seal(KeySeal::new(&[7; 32]));
    let run = copy.run(&durable, async |session| {
        Ok(session.run_turn(Turn::model("m"), || world.ask("")).await?.value)
    });
    chain_text(&error(run))
}

#[test]
fn flipped_swapped_moved_and_plain_rows_are_refused() {
    let world = World::new();
    let durable = world.durable(Orchestrator::new("clerk", "orders")).seal(KeySeal::new(&[7; 32]));
    world.run(&durable, async |session| {
        session.run_turn(Turn::model("m"), || world.ask("a")).await?;
        session.run_turn(Turn::model("m"), || world.ask("b")).await?;
        Ok(session.wait_for::<u32>("k").await?)
    });
    let kept = entries(&world.store, &thread());
    assert_eq!(kept.len(), 6);
    for row in 0..kept.len() {
        let length = kept[row].entry.body.len();
        for byte in (0..length).step_by(7) {
            let text = tampered(&world, &kept, |entries| entries[row].body[byte] ^= 1);
            assert!(text.contains(&format!("entry {} cannot be read", row + 1)), "{text}");
        }
        let plain = tampered(&world, &kept, |entries| entries[row].body = b"{}".to_vec());
        assert!(plain.contains("the body is not sealed"), "{plain}");
    }
    let swap = |a: usize, b: usize| {
        tampered(&world, &kept, |entries| {
            let body = entries[a].body.clone();
            entries[a].body = std::mem::replace(&mut entries[b].body, body);
        })
    };
    assert!(swap(2, 4).contains("sealed for another place"), "two outcomes");
    let kind = tampered(&world, &kept, |entries| entries[2].kind = EntryKind::INTENT);
    assert!(kind.contains("sealed for another place"), "{kind}");
}
