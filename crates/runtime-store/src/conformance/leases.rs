//! Leases, fences and entries.

use super::{append, brief, claim, entry, hold, refused, thread, tool};
use crate::entry::EntryKind;
use crate::error::StoreError;
use crate::store::{Append, PAGE_BYTES, Store, snapshot};
use crate::thread::{Leave, ThreadState};

pub(super) async fn run(store: &dyn Store) {
    let id = thread("order 4711 ✓");
    assert_eq!(store.thread(&id).await.unwrap(), None);
    let (first, begun) = store.acquire(&id, &claim("a")).await.unwrap();
    assert_eq!((begun.state, begun.fence, begun.head), (ThreadState::Runnable, 1, 0));
    assert_eq!((begun.holder.as_deref(), &*begun.code), (Some("a"), "1.0.0"));
    refused(
        store.acquire(&id, &claim("b")).await,
        |error| matches!(error, StoreError::Held { holder, .. } if **holder == *"a"),
    );
    refused(store.acquire(&id, &claim("a")).await, |error| {
        matches!(error, StoreError::Held { .. })
    });
    store.renew(&first).await.unwrap();
    store.release(&first, Leave::Runnable).await.unwrap();
    refused(store.renew(&first).await, StoreError::is_fenced);
    refused(store.release(&first, Leave::Done).await, StoreError::is_fenced);

    // A lease that is over still writes, until somebody takes the thread over.
    let (second, begun) = store.acquire(&id, &brief("b")).await.unwrap();
    assert_eq!(begun.fence, 2);
    let life = [entry(EntryKind::LIFE, None, b"{}")];
    append(store, &second, 0, &life).await.unwrap();
    let seen = store.thread(&id).await.unwrap().unwrap();
    assert_eq!((seen.holder, seen.held_until), (None, None));
    let (third, begun) = store.acquire(&id, &claim("c")).await.unwrap();
    assert_eq!((begun.fence, begun.head), (3, 1));
    refused(append(store, &second, 1, &life).await, StoreError::is_fenced);
    refused(store.renew(&second).await, StoreError::is_fenced);
    refused(store.release(&second, Leave::Cancelled).await, StoreError::is_fenced);
    append(store, &third, 1, &life).await.unwrap();
    store.abandon(&third);
}

/// A page ends behind its bytes, and has one entry at least.
pub(super) async fn pages(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let large = vec![b'x'; PAGE_BYTES];
    let entries = [&large[1..], b"y", &large, b"z"]
        .map(|body| entry(EntryKind::from_code(0x142), None, body));
    for (head, entry) in (0..).zip(&entries) {
        append(store, &lease, head, std::slice::from_ref(entry)).await.unwrap();
    }
    let mut ends = Vec::new();
    while ends.last() != Some(&4) {
        let read = store.read(&lease.thread, ends.last().copied().unwrap_or(0), 100).await.unwrap();
        ends.push(read.last().unwrap().seq);
    }
    assert_eq!(ends, [2, 3, 4]);
    let (_, all) = snapshot(store, &lease.thread).await.unwrap();
    assert!(all.iter().map(|stored| &stored.entry).eq(&entries), "whole and in order");
}

pub(super) async fn entries(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let step = tool("k");
    let entries = [
        entry(EntryKind::INTENT, Some(&step), &[0, 255, 10]),
        entry(EntryKind::OUTCOME, Some(&step), b""),
    ];
    append(store, &lease, 0, &entries).await.unwrap();
    refused(append(store, &lease, 0, &entries).await, |error| {
        matches!(error, StoreError::HeadMoved { head: 0, .. })
    });
    refused(append(store, &lease, 3, &entries).await, |error| {
        matches!(error, StoreError::HeadMoved { head: 3, .. })
    });
    let more = [entry(EntryKind::from_code(0x142), None, &vec![b'x'; 100_000])];
    let relaxed = Append { head: 2, entries: &more, approval: None, relaxed: true, role: None };
    store.append(&lease, relaxed).await.unwrap();

    let all = store.read(&lease.thread, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(all.iter().map(|stored| stored.fence).collect::<Vec<_>>(), [1, 1, 1]);
    let written = entries.iter().chain(&more);
    assert!(all.iter().map(|stored| &stored.entry).eq(written), "entries come back as written");
    let page = store.read(&lease.thread, 1, 1).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page.first().map(|stored| stored.seq), Some(2));
    refused(store.read(&thread("none"), 0, 1).await, |error| {
        matches!(error, StoreError::NoThread { .. })
    });

    // At most one outcome of a step, whatever a writer does wrong; and then none of the entries.
    let again = [more[0].clone(), entries[1].clone()];
    assert!(append(store, &lease, 3, &again).await.is_err(), "a second outcome");
    assert_eq!(store.read(&lease.thread, 2, 100).await.unwrap().len(), 1);
    append(store, &lease, 3, std::slice::from_ref(&entries[0])).await.unwrap();
}

pub(super) async fn ends(store: &dyn Store) {
    let over = [
        ("done", Leave::Done, ThreadState::Done),
        ("cancelled", Leave::Cancelled, ThreadState::Cancelled),
    ];
    for (id, leave, state) in over {
        let lease = hold(store, id).await;
        store.release(&lease, leave).await.unwrap();
        let is = |error: &StoreError| matches!(error, StoreError::Ended { state: is, .. } if *is == state);
        refused(store.acquire(&lease.thread, &claim("b")).await, is);
        refused(store.cancel(&lease.thread).await, is);
        refused(append(store, &lease, 0, &[]).await, StoreError::is_fenced);
    }
    // One that failed goes on if somebody runs it.
    let lease = hold(store, "failed").await;
    store.release(&lease, Leave::Failed).await.unwrap();
    let seen = store.thread(&lease.thread).await.unwrap().unwrap();
    assert_eq!(seen.state, ThreadState::Failed);
    assert!(store.runnable(None, None, 9).await.unwrap().is_empty());
    let lease = hold(store, "failed").await;
    refused(store.cancel(&lease.thread).await, |error| matches!(error, StoreError::Held { .. }));
    store.release(&lease, Leave::Runnable).await.unwrap();
    store.cancel(&lease.thread).await.unwrap();
    // A life whose lease is over writes no more, once somebody has ended its thread.
    let late = store.acquire(&thread("late"), &brief("late")).await.unwrap().0;
    store.cancel(&late.thread).await.unwrap();
    refused(append(store, &late, 0, &[]).await, StoreError::is_fenced);
    refused(store.renew(&late).await, StoreError::is_fenced);
    refused(store.release(&late, Leave::Done).await, StoreError::is_fenced);
    let none = store.cancel(&thread("none")).await;
    refused(none, |error| matches!(error, StoreError::NoThread { .. }));
}
