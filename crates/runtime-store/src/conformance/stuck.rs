//! Threads that their code cannot go on with, or that take down the process that runs them: offered less and less often.

use std::time::Duration;

use serde_json::json;

use super::{append, brief, claim, entry, hold, refused, thread, tool};
use crate::entry::EntryKind;
use crate::error::StoreError;
use crate::store::Store;
use crate::stuck::Stuck;
use crate::thread::{Claim, Leave, Thread, ThreadId, ThreadState};

/// The seconds of waits that follow each other.
const DOUBLED: [i64; 13] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600];

/// A life of this code ends because the journal does not fit it.
async fn fails(store: &dyn Store, id: &ThreadId, code: &str) -> Thread {
    let claim = Claim { code: code.into(), ..claim("holder") };
    let (lease, thread) = store.acquire(id, &claim).await.unwrap();
    let why = format!("`{code}` has another\0step");
    let stuck = Stuck::again(thread.stuck.as_ref(), &claim.code, &why);
    store.release(&lease, Leave::Stuck(stuck)).await.unwrap();
    store.thread(id).await.unwrap().unwrap()
}

async fn is_offered(store: &dyn Store, code: Option<&str>) -> bool {
    !store.runnable(None, code, 9).await.unwrap().is_empty()
}

/// Many lives, after which it waits for an hour.
async fn often(store: &dyn Store, id: &ThreadId) {
    for _ in 0..13 {
        fails(store, id, "1").await;
    }
}

pub(super) async fn run(store: &dyn Store) {
    let id = thread("t");
    let mut waits = Vec::new();
    for _ in 0..13 {
        let seen = fails(store, &id, "1").await;
        assert_eq!(seen.state, ThreadState::Runnable);
        waits.push((seen.wake_at.unwrap() - seen.touched).num_seconds());
    }
    assert_eq!(waits, DOUBLED, "twice the wait, up to an hour");
    let stuck = store.thread(&id).await.unwrap().unwrap().stuck.unwrap();
    assert_eq!((stuck.times, &*stuck.why), (13, "`1` has another step"));
    assert!(!is_offered(store, None).await && !is_offered(store, Some("1")).await);

    // Other code may fit, at once; versions that do not fit do not offer it to each other.
    assert!(is_offered(store, Some("2")).await);
    let seen = fails(store, &id, "2 \"'").await;
    assert_eq!(seen.stuck.unwrap().codes, ["1".into(), "2 \"'".into()]);
    assert!(!is_offered(store, Some("1")).await && !is_offered(store, Some("2 \"'")).await);
    assert!(is_offered(store, Some("3")).await);

    // It may be run by its name all the same. A life that ends otherwise leaves nothing of it.
    let (lease, begun) = store.acquire(&id, &claim("a")).await.unwrap();
    assert_eq!((begun.wake_at, begun.stuck.map(|stuck| stuck.times)), (None, Some(14)));
    assert!(!is_offered(store, Some("3")).await, "it is held");
    store.release(&lease, Leave::Runnable).await.unwrap();
    assert!(is_offered(store, Some("1")).await);
    assert_eq!(store.thread(&id).await.unwrap().unwrap().stuck, None);
}

pub(super) async fn offers(store: &dyn Store) {
    let id = thread("t");
    often(store, &id).await;
    let offered = store.offer(&id).await.unwrap();
    assert_eq!(
        (offered.state, offered.wake_at, offered.stuck),
        (ThreadState::Runnable, None, None)
    );
    assert!(is_offered(store, Some("1")).await);

    // What people say may be what it needs, also if they say it while a life fails.
    often(store, &id).await;
    assert!(store.deliver(&id, "k", &json!(1)).await.unwrap());
    assert!(is_offered(store, Some("1")).await);
    often(store, &id).await;
    let (lease, begun) = store.acquire(&id, &claim("a")).await.unwrap();
    assert!(store.deliver(&id, "j", &json!(1)).await.unwrap());
    let stuck = Stuck::again(begun.stuck.as_ref(), &"1".into(), "why");
    store.release(&lease, Leave::Stuck(stuck)).await.unwrap();
    assert!(is_offered(store, Some("1")).await);

    let held = hold(store, "u").await;
    refused(store.offer(&held.thread).await, |error| matches!(error, StoreError::Held { .. }));
    store.release(&held, Leave::Failed).await.unwrap();
    assert_eq!(store.offer(&held.thread).await.unwrap().state, ThreadState::Runnable);
    let held = hold(store, "u").await;
    let parked = Leave::Parked(None);
    store.release(&held, parked).await.unwrap();
    assert_eq!(store.offer(&held.thread).await.unwrap().state, ThreadState::Parked);
    store.cancel(&held.thread).await.unwrap();
    refused(store.offer(&held.thread).await, |error| matches!(error, StoreError::Ended { .. }));
    refused(store.offer(&thread("none")).await, |error| {
        matches!(error, StoreError::NoThread { .. })
    });
    // What a failed thread had of a message may be what it failed of.
    let held = hold(store, "v").await;
    assert!(store.deliver(&held.thread, "k", &json!("wrong")).await.unwrap());
    assert!(!store.deliver(&held.thread, "k", &json!(1)).await.unwrap());
    store.release(&held, Leave::Failed).await.unwrap();
    assert!(store.deliver(&held.thread, "k", &json!(2)).await.unwrap());
    assert_eq!(store.message(&held.thread, "k").await.unwrap(), Some(json!(2)));
    let nothing = Duration::ZERO;
    assert!(store.forget_untouched(&[ThreadState::Failed], nothing, 9).await.unwrap() > 0);
}

/// Lives that end without a word, one after the other.
pub(super) async fn lost(store: &dyn Store) {
    let id = thread("t");
    // A process may be killed for any reason: the first one is followed at once.
    store.acquire(&id, &brief("host/1")).await.unwrap();
    let seen = store.thread(&id).await.unwrap().unwrap();
    assert_eq!((seen.holder, seen.wake_at, seen.stuck), (None, None, None));
    assert!(is_offered(store, Some("1.0.0")).await);

    let mut waits = Vec::new();
    for life in 2..=14 {
        let (_, begun) = store.acquire(&id, &brief(&format!("host/{life}"))).await.unwrap();
        let why = begun.stuck.unwrap();
        assert_eq!((why.times, &*why.codes), (life - 1, &["1.0.0".into()][..]));
        assert_eq!(*why.why, format!("life {} was lost: host/{0}", life - 1));
        let seen = store.thread(&id).await.unwrap().unwrap();
        assert_eq!((seen.state, seen.holder), (ThreadState::Runnable, None));
        waits.push((seen.wake_at.unwrap() - seen.touched).num_seconds());
        let listed = store.threads(&[], None, 9).await.unwrap();
        assert_eq!(listed.first().and_then(|seen| seen.wake_at), seen.wake_at);
    }
    assert_eq!(waits, DOUBLED, "behind the lease, twice the wait, up to an hour");
    assert!(!is_offered(store, None).await && !is_offered(store, Some("1.0.0")).await);
    assert!(is_offered(store, Some("2")).await, "other code may live");
    assert!(store.deliver(&id, "k", &json!(1)).await.unwrap());
    assert!(is_offered(store, Some("1.0.0")).await, "a message may be what it needs");

    // What each life writes anew is no sign that it goes on. An outcome and a checkpoint are.
    for goes_on in [EntryKind::OUTCOME, EntryKind::CHECKPOINT] {
        let (lease, begun) = store.acquire(&id, &brief("host/15")).await.unwrap();
        let times = begun.stuck.unwrap().times;
        let step = tool(&format!("{goes_on:?}"));
        let begins =
            [entry(EntryKind::LIFE, None, b"{}"), entry(EntryKind::INTENT, Some(&step), b"{}")];
        append(store, &lease, begun.head, &begins).await.unwrap();
        store.renew(&lease).await.unwrap();
        let seen = store.thread(&id).await.unwrap().unwrap();
        assert_eq!(seen.stuck.unwrap().times, times);
        let goes_on = [entry(goes_on, Some(&step), b"{}")];
        append(store, &lease, begun.head + 2, &goes_on).await.unwrap();
        let seen = store.thread(&id).await.unwrap().unwrap();
        assert_eq!((seen.wake_at, seen.stuck), (None, None));
        assert!(is_offered(store, Some("1.0.0")).await);
        store.acquire(&id, &brief("host/16")).await.unwrap();
    }

    // So is a life that gives the thread back, and somebody who says so.
    assert!(!is_offered(store, Some("1.0.0")).await);
    let offered = store.offer(&id).await.unwrap();
    assert_eq!((offered.wake_at, offered.stuck), (None, None));
    assert!(is_offered(store, Some("1.0.0")).await);
    store.acquire(&id, &brief("host/17")).await.unwrap();
    let lease = hold(store, "t").await;
    store.release(&lease, Leave::Runnable).await.unwrap();
    assert_eq!(store.acquire(&id, &claim("host/18")).await.unwrap().1.stuck, None);
}
