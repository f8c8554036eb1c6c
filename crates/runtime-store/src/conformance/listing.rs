//! Lists of threads, and what is deleted.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{append, brief, claim, entry, hold, refused, thread, tool};
use crate::entry::EntryKind;
use crate::error::StoreError;
use crate::retention::{Retention, sweep};
use crate::store::{Append, Store};
use crate::thread::{Claim, Leave, Thread, ThreadId, ThreadState};

fn ids(threads: &[Thread]) -> Vec<&str> {
    threads.iter().map(|thread| thread.id.as_str()).collect()
}

/// A time on the store's clock.
fn later(created: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    created + TimeDelta::seconds(seconds)
}

pub(super) async fn run(store: &dyn Store) {
    for id in ["c", "a", "b", "d"] {
        hold(store, id).await;
    }
    assert_eq!(ids(&store.threads(&[], None, 9).await.unwrap()), ["a", "b", "c", "d"]);
    assert_eq!(ids(&store.threads(&[], Some(&thread("b")), 1).await.unwrap()), ["c"]);
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), [], "all are held");
    let created = store.thread(&thread("a")).await.unwrap().unwrap().created;

    // A lease that is over makes a thread runnable, and a parked one runs when it is its time.
    store.acquire(&thread("e"), &brief("x")).await.unwrap();
    let (lease, _) = store.acquire(&thread("f"), &claim("x")).await.unwrap();
    store.release(&lease, Leave::Parked(Some(later(created, -1)))).await.unwrap();
    let (lease, _) = store.acquire(&thread("g"), &claim("x")).await.unwrap();
    let hour = later(created, 3600);
    store.release(&lease, Leave::Parked(Some(hour))).await.unwrap();
    let runnable = store.runnable(None, None, 9).await.unwrap();
    let runnable: Vec<_> = runnable.iter().map(ThreadId::as_str).collect();
    assert_eq!(runnable, ["f", "e"], "what has waited longest comes first");
    let parked = store.threads(&[ThreadState::Parked], None, 9).await.unwrap();
    assert_eq!(ids(&parked), ["f", "g"]);
    let wake_at = parked.last().and_then(|thread| thread.wake_at).unwrap();
    assert!((wake_at - hour).abs() < TimeDelta::milliseconds(1), "{wake_at} for {hour}");
}

/// A thread that was handed over stands in nobody's way: it is listed for its role alone, until its next checkpoint
/// says otherwise.
pub(super) async fn handed_over(store: &dyn Store) {
    let checkpoint = [entry(EntryKind::CHECKPOINT, None, b"{}")];
    let of_role =
        |head, role| Append { head, entries: &checkpoint, approval: None, relaxed: false, role };
    for id in 0..20 {
        let lease = hold(store, &format!("for-editors-{id}")).await;
        store.append(&lease, of_role(0, Some("editor"))).await.unwrap();
        store.release(&lease, Leave::Runnable).await.unwrap();
    }
    let last = hold(store, "for-any").await;
    store.release(&last, Leave::Runnable).await.unwrap();
    let writers = store.runnable(Some("writer"), None, 1).await.unwrap();
    assert_eq!(writers, std::slice::from_ref(&last.thread), "the last one of 21");
    assert_eq!(store.runnable(Some("editor"), None, 99).await.unwrap().len(), 21);
    assert_eq!(store.runnable(None, None, 99).await.unwrap().len(), 21);

    // A parked one is neither taken nor woken by an agent of another role.
    let lease = hold(store, "for-editors-1").await;
    let hour = later(store.thread(&lease.thread).await.unwrap().unwrap().created, 3600);
    store.release(&lease, Leave::Parked(Some(hour))).await.unwrap();
    let before = store.thread(&lease.thread).await.unwrap();
    let of = |role: &str| Claim { role: Some(role.into()), ..claim("x") };
    refused(
        store.acquire(&lease.thread, &of("writer")).await,
        |error| matches!(error, StoreError::OtherRole { role, .. } if **role == *"editor"),
    );
    assert_eq!(store.thread(&lease.thread).await.unwrap(), before);
    let (lease, _) = store.acquire(&lease.thread, &of("editor")).await.unwrap();
    refused(store.acquire(&lease.thread, &of("writer")).await, |error| {
        matches!(error, StoreError::Held { .. })
    });
    store.release(&lease, Leave::Runnable).await.unwrap();
    let (lease, _) = store.acquire(&last.thread, &of("writer")).await.unwrap();
    store.release(&lease, Leave::Runnable).await.unwrap();

    let lease = hold(store, "for-editors-0").await;
    let intent = [entry(EntryKind::INTENT, Some(&tool("k")), b"{}")];
    append(store, &lease, 1, &intent).await.unwrap();
    store.release(&lease, Leave::Runnable).await.unwrap();
    assert_eq!(
        store.runnable(Some("writer"), None, 99).await.unwrap().len(),
        1,
        "it is the editor's"
    );
    let lease = hold(store, "for-editors-0").await;
    store.append(&lease, of_role(2, None)).await.unwrap();
    store.release(&lease, Leave::Runnable).await.unwrap();
    assert_eq!(store.runnable(Some("writer"), None, 99).await.unwrap().len(), 2);
}

pub(super) async fn prune_and_forget(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let checkpoint = entry(EntryKind::CHECKPOINT, None, b"{}");
    let intent = entry(EntryKind::INTENT, Some(&tool("k")), b"{}");
    append(store, &lease, 0, &[intent.clone(), checkpoint, intent]).await.unwrap();
    assert_eq!(store.thread(&lease.thread).await.unwrap().unwrap().base, 2);
    assert_eq!(store.prune(&lease.thread).await.unwrap(), 1);
    assert_eq!(store.prune(&lease.thread).await.unwrap(), 0);
    let left = store.read(&lease.thread, 0, 9).await.unwrap();
    assert_eq!(left.iter().map(|stored| stored.seq).collect::<Vec<_>>(), [2, 3]);

    refused(store.forget(&lease.thread).await, |error| matches!(error, StoreError::Held { .. }));
    store.release(&lease, Leave::Done).await.unwrap();
    let now = Retention::default().ended_after(Some(Duration::ZERO));
    assert_eq!(sweep(store, Retention::default(), 9).await.unwrap(), 0, "not in thirty days");
    assert_eq!(sweep(store, now, 9).await.unwrap(), 1);
    let gone = |error: &StoreError| {
        matches!(error, StoreError::Ended { state: ThreadState::Forgotten, .. })
    };
    refused(store.read(&lease.thread, 0, 9).await, gone);
    refused(store.acquire(&lease.thread, &claim("b")).await, gone);
    refused(store.deliver(&lease.thread, "k", &1.into()).await, gone);
    let seen = store.thread(&lease.thread).await.unwrap().unwrap();
    assert_eq!(seen.state, ThreadState::Forgotten);
    refused(store.forget(&thread("none")).await, |error| {
        matches!(error, StoreError::NoThread { .. })
    });
}

/// A thread that waits is old once nobody has woken it for long: one that was woken just now is not.
pub(super) async fn woken_and_old(store: &dyn Store) {
    let parked = Retention::default().ended_after(None).parked_after(Some(Duration::ZERO));
    let lease = hold(store, "asleep").await;
    let hour = store.thread(&lease.thread).await.unwrap().unwrap().created + TimeDelta::hours(1);
    store.release(&lease, Leave::Parked(Some(hour))).await.unwrap();
    let lease = hold(store, "waits").await;
    store.release(&lease, Leave::Parked(None)).await.unwrap();
    assert_eq!(sweep(store, parked, 9).await.unwrap(), 1, "nobody wakes it");
    let asleep = store.thread(&thread("asleep")).await.unwrap().unwrap();
    assert_eq!(asleep.state, ThreadState::Parked);
}
