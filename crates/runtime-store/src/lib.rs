//! Threads of agents that survive their process: their journal and its fold, approvals, and the traits of a store.
//!
//! A *thread* is the durable identity. It has many *lives*, each an ordinary session of some process. What its
//! steps came to is in its *journal*, a list of entries that only grows: the next life runs the same code again,
//! and recorded steps answer from the journal without being made again.
//!
//! This crate has the data, the rules and the traits, without a runtime and without I/O. `runtime-durable` has
//! the sessions; `runtime-sqlite` and `runtime-postgres` have stores.
//!
//! ```
//! use std::time::Duration;
//! use runtime_store::{Append, Claim, Entry, EntryKind, Leave, MemoryStore, Store, ThreadId};
//!
//! # futures_util::FutureExt::now_or_never(async {
//! let store = MemoryStore::new();
//! let thread = ThreadId::new("order-4711")?;
//! let ttl = Duration::from_secs(30);
//! let claim = |holder: &str| Claim { holder: holder.into(), code: "1.0.0".into(), role: None, ttl };
//!
//! let (lease, begun) = store.acquire(&thread, &claim("host-1")).await?;
//! let entry = Entry { kind: EntryKind::LIFE, version: 1, step: None, print: None, body: b"{}".to_vec() };
//! let entries = [entry];
//! let append = Append { head: begun.head, entries: &entries, approval: None, relaxed: false, role: None };
//! store.append(&lease, append).await?;
//! store.release(&lease, Leave::Runnable).await?;
//!
//! // Another life takes the thread over; the first one writes nothing more.
//! let (_, begun) = store.acquire(&thread, &claim("host-2")).await?;
//! assert_eq!(begun.head, 1);
//! assert!(store.append(&lease, Append { head: 1, ..append }).await.unwrap_err().is_fenced());
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap().unwrap();
//! ```
//!
//! | to | use |
//! |---|---|
//! | implement a database | [`Store`], with [`Approvals`] and [`Inbox`]; the suite [`conformance`] |
//! | be the journal of an engine | [`Journal`], [`Slot`], [`Step`] |
//! | know what a thread has done | [`Fold`], over the [`Stored`] entries |
//! | approve | [`Approval`], [`Verdict`] |
//! | encrypt | [`Seal`] |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `conformance` | no | [`conformance`]: the suite of tests that any store runs |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod approval;
mod canonical;
#[cfg(feature = "conformance")]
pub mod conformance;
mod digest;
mod entry;
mod error;
pub mod fit;
mod fold;
mod journal;
mod memory;
mod record;
mod retention;
mod seal;
mod step;
mod store;
mod stuck;
mod thread;

pub use futures_core::future::BoxFuture;

#[doc(inline)]
pub use self::{
    approval::{Approval, ApprovalRequest, ApprovalState, ApprovalUse, Decision, Subject, Verdict},
    canonical::canonical_json,
    digest::{ApprovalDigest, DigestError, Fingerprint, StepKey},
    entry::{Entry, EntryKind, Stored},
    error::{DivergedError, JournalError, NotApproved, StoreError},
    fold::{Fold, OpenStep},
    journal::{Body, Entered, Journal, Slot},
    memory::MemoryStore,
    record::{
        AttemptRecord, BillRecord, BranchRecord, CheckpointRecord, EndRecord, FailureKind,
        FailureRecord, IntentRecord, LifeRecord, ModelTotal, OutcomeRecord, Totals,
    },
    retention::{Retention, sweep},
    seal::{EntryPlace, Seal, SealError},
    step::{Part, Step, StepKind, StepName},
    store::{Append, Approvals, Inbox, PAGE_BYTES, Store, StoreDurability, StoreFuture, snapshot},
    stuck::Stuck,
    thread::{Claim, Lease, Leave, Thread, ThreadId, ThreadIdError, ThreadState},
};
