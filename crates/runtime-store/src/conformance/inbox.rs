//! Messages: delivered once, and they wake a thread.

use chrono::TimeDelta;
use serde_json::json;

use super::{claim, hold, refused, thread};
use crate::error::StoreError;
use crate::store::Store;
use crate::thread::Leave;

pub(super) async fn run(store: &dyn Store) {
    let lease = hold(store, "t").await;
    assert_eq!(store.message(&lease.thread, "answer").await.unwrap(), None);
    store.release(&lease, Leave::Parked(None)).await.unwrap();
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), []);
    let message = json!({ "ok": true, "text": "naïve \u{0}" });
    assert!(store.deliver(&lease.thread, "answer", &message).await.unwrap());
    assert!(!store.deliver(&lease.thread, "answer", &json!(2)).await.unwrap());
    assert_eq!(store.message(&lease.thread, "answer").await.unwrap(), Some(message));
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), std::slice::from_ref(&lease.thread));
    assert_eq!(store.message(&thread("none"), "answer").await.unwrap(), None);
    refused(store.deliver(&thread("none"), "k", &json!(1)).await, |error| {
        matches!(error, StoreError::NoThread { .. })
    });

    // A message before the thread parks wakes it as well, however long it means to sleep.
    let (lease, held) = store.acquire(&lease.thread, &claim("b")).await.unwrap();
    assert_eq!(held.wake_at, None);
    assert!(store.deliver(&lease.thread, "early", &json!(3)).await.unwrap());
    let hour = held.touched + TimeDelta::hours(1);
    store.release(&lease, Leave::Parked(Some(hour))).await.unwrap();
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), std::slice::from_ref(&lease.thread));

    let lease = hold(store, "t").await;
    store.release(&lease, Leave::Done).await.unwrap();
    refused(store.deliver(&lease.thread, "k", &json!(1)).await, |error| {
        matches!(error, StoreError::Ended { .. })
    });
}
