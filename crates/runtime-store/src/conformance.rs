//! The suite of tests that any store runs.
//!
//! Each test is an async function that takes an empty place of a store. A failed one panics.
//!
//! ```
//! use runtime_store::{MemoryStore, conformance};
//!
//! # futures_util::FutureExt::now_or_never(async {
//! conformance::run(|| async { MemoryStore::new() }).await;
//! # }).unwrap();
//! ```
#![expect(clippy::unwrap_used, reason = "a test panics if it fails")]

mod approvals;
mod fit;
mod inbox;
mod leases;
mod listing;
mod stuck;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use crate::approval::{ApprovalRequest, Subject};
use crate::digest::StepKey;
use crate::entry::{Entry, EntryKind};
use crate::error::StoreError;
use crate::step::{Step, StepKind, StepName};
use crate::store::{Append, Store};
use crate::thread::{Claim, Lease, ThreadId};

/// Runs every test, each on a new store.
///
/// Times pass for real, for less than a second in all.
pub async fn run<S: Store, F: Future<Output = S>>(mut new: impl FnMut() -> F) {
    leases::run(&new().await).await;
    leases::entries(&new().await).await;
    leases::ends(&new().await).await;
    leases::pages(&new().await).await;
    fit::run(&new().await).await;
    approvals::run(&new().await).await;
    approvals::refusals(&new().await).await;
    approvals::amendments(&new().await).await;
    inbox::run(&new().await).await;
    listing::run(&new().await).await;
    listing::handed_over(&new().await).await;
    listing::prune_and_forget(&new().await).await;
    listing::woken_and_old(&new().await).await;
    stuck::run(&new().await).await;
    stuck::offers(&new().await).await;
    stuck::lost(&new().await).await;
}

fn thread(id: &str) -> ThreadId {
    ThreadId::new(id).unwrap()
}

fn claim(holder: &str) -> Claim {
    Claim { holder: holder.into(), code: "1.0.0".into(), role: None, ttl: Duration::from_secs(60) }
}

/// A lease that is over at once.
fn brief(holder: &str) -> Claim {
    Claim { ttl: Duration::ZERO, ..claim(holder) }
}

async fn hold(store: &dyn Store, id: &str) -> Lease {
    store.acquire(&thread(id), &claim("holder")).await.unwrap().0
}

fn tool(key: &str) -> Step {
    let name = StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
    Step::keyed(name, &Value::Null, (0, key))
}

fn entry(kind: EntryKind, step: Option<&Step>, body: &[u8]) -> Entry {
    let (key, print) = (step.map(|step| step.key), step.map(|step| step.print));
    Entry { kind, version: 1, step: key, print, body: body.to_vec() }
}

async fn append(
    store: &dyn Store,
    lease: &Lease,
    head: u64,
    entries: &[Entry],
) -> Result<(), StoreError> {
    store.append(lease, Append { head, entries, approval: None, relaxed: false, role: None }).await
}

fn request(thread: &ThreadId, step: StepKey, amount: u32) -> ApprovalRequest {
    let args = json!({ "amount": amount });
    let subject = Subject { thread, step, tool: "pay", args: Some(&args), policy: "payments" };
    subject.request(Duration::from_secs(60))
}

fn refused<T: Debug>(result: Result<T, StoreError>, is: impl Fn(&StoreError) -> bool) {
    let error = result.expect_err("it was to be refused");
    assert!(is(&error), "refused for another reason: {error}");
}
