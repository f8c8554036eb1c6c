//! Approvals: asked once, decided once, used once.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::{append, claim, entry, hold, refused, request, thread, tool};
use crate::approval::{Approval, ApprovalRequest, ApprovalState, ApprovalUse, Verdict};
use crate::entry::{Entry, EntryKind};
use crate::error::{NotApproved, StoreError};
use crate::store::{Append, Store};
use crate::thread::{Lease, Leave, ThreadState};

fn usage(approval: &Approval) -> ApprovalUse {
    ApprovalUse { id: approval.id.clone(), digest: approval.digest }
}

async fn begin(
    store: &dyn Store,
    lease: &Lease,
    (head, step): (u64, &[Entry]),
    approval: &ApprovalUse,
) -> Result<(), StoreError> {
    let approval = Some(approval);
    store.append(lease, Append { head, entries: step, approval, relaxed: false, role: None }).await
}

pub(super) async fn run(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let step = tool("k");
    let intent = [entry(EntryKind::INTENT, Some(&step), b"{}")];
    let asked = request(&lease.thread, step.key, 12);
    let approval = store.ask(&asked).await.unwrap();
    assert_eq!(approval.state, ApprovalState::Pending);
    assert_eq!((&*approval.tool, &*approval.policy), ("pay", "payments"));
    assert_eq!(approval.shown, json!({ "amount": 12 }));
    assert_eq!((approval.digest, approval.step), (asked.digest, step.key));
    assert_eq!(store.ask(&asked).await.unwrap(), approval, "asked twice");
    assert_eq!(store.pending(None, 9).await.unwrap(), std::slice::from_ref(&approval));
    assert_eq!(store.pending(Some(&thread("none")), 9).await.unwrap(), []);

    // A parked thread wakes when a person decides.
    store.release(&lease, Leave::Parked(None)).await.unwrap();
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), []);
    let verdict = approval.approve("ann@example.org").note("ok for once");
    let approved = store.decide(&verdict).await.unwrap();
    assert_eq!(approved.state, ApprovalState::Approved);
    assert_eq!(approved.who.as_deref(), Some("ann@example.org"));
    assert_eq!(approved.note.as_deref(), Some("ok for once"));
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), std::slice::from_ref(&lease.thread));
    assert_eq!(store.pending(None, 9).await.unwrap(), []);

    let lease = hold(store, "t").await;
    begin(store, &lease, (0, &intent), &usage(&approved)).await.unwrap();
    let used = store.approval(&approved.id).await.unwrap().unwrap();
    assert_eq!((used.state, used.used), (ApprovalState::Used, Some(1)));
    let again = begin(store, &lease, (1, &intent), &usage(&approved)).await;
    refused(again, |error| is(error, NotApproved::Used));
    assert_eq!(store.read(&lease.thread, 0, 9).await.unwrap().len(), 1);

    // A decision before the thread parks wakes it as well.
    let other = store.ask(&request(&lease.thread, tool("l").key, 1)).await.unwrap();
    store.decide(&other.deny("ann")).await.unwrap();
    store.release(&lease, Leave::Parked(None)).await.unwrap();
    assert_eq!(store.runnable(None, None, 9).await.unwrap(), std::slice::from_ref(&lease.thread));
    let (_, begun) = store.acquire(&lease.thread, &claim("b")).await.unwrap();
    assert_eq!((begun.state, begun.wake_at), (ThreadState::Runnable, None));
}

pub(super) async fn refusals(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let step = tool("k");
    let intent = [entry(EntryKind::INTENT, Some(&step), b"{}")];
    let twelve = store.ask(&request(&lease.thread, step.key, 12)).await.unwrap();
    let no = |used: ApprovalUse, reason| {
        let (lease, intent) = (&lease, &intent);
        async move {
            let begun = begin(store, lease, (0, intent), &used).await;
            refused(begun, |error| is(error, reason));
        }
    };
    no(usage(&twelve), NotApproved::Pending).await;
    store.decide(&twelve.approve("ann")).await.unwrap();
    let thirteen = request(&lease.thread, step.key, 13);
    no(ApprovalUse { digest: thirteen.digest, ..usage(&twelve) }, NotApproved::OtherArguments)
        .await;
    no(ApprovalUse { id: "none".into(), ..usage(&twelve) }, NotApproved::Unknown).await;

    let elsewhere = hold(store, "other").await;
    let intents = [entry(EntryKind::INTENT, Some(&tool("l")), b"{}")];
    let begun = begin(store, &elsewhere, (0, &intent), &usage(&twelve)).await;
    refused(begun, |error| is(error, NotApproved::OtherThread));
    let begun = begin(store, &lease, (0, &intents), &usage(&twelve)).await;
    refused(begun, |error| is(error, NotApproved::OtherStep));

    let thirteen = store.ask(&thirteen).await.unwrap();
    let wrong = Verdict { digest: twelve.digest, ..thirteen.approve("ann") };
    refused(store.decide(&wrong).await, |error| matches!(error, StoreError::OtherDigest { .. }));
    store.decide(&thirteen.deny("ann")).await.unwrap();
    no(usage(&thirteen), NotApproved::Denied).await;
    refused(store.decide(&thirteen.approve("bob")).await, |error| {
        matches!(error, StoreError::Decided { state: ApprovalState::Denied, .. })
    });
    let unknown = Verdict { id: "none".into(), ..thirteen.approve("ann") };
    refused(store.decide(&unknown).await, |error| matches!(error, StoreError::NoApproval { .. }));
    let over = hold(store, "over").await;
    store.release(&over, Leave::Done).await.unwrap();
    refused(store.ask(&request(&over.thread, step.key, 1)).await, |error| {
        matches!(error, StoreError::Ended { state: ThreadState::Done, .. })
    });
    let nowhere = store.ask(&request(&thread("none"), step.key, 1)).await;
    refused(nowhere, |error| matches!(error, StoreError::NoThread { .. }));

    // Silence is a denial.
    let late =
        ApprovalRequest { expires_in: Duration::ZERO, ..request(&lease.thread, step.key, 14) };
    let late = store.ask(&late).await.unwrap();
    let seen = store.approval(&late.id).await.unwrap().unwrap();
    assert_eq!(seen.state, ApprovalState::Expired);
    refused(store.decide(&late.approve("ann")).await, |error| {
        matches!(error, StoreError::Decided { state: ApprovalState::Expired, .. })
    });
    no(usage(&late), NotApproved::Expired).await;
    assert_eq!(store.pending(None, 9).await.unwrap(), []);

    // Nothing was used up by the refusals.
    begin(store, &lease, (0, &intent), &usage(&twelve)).await.unwrap();
    append(store, &elsewhere, 0, &intent).await.unwrap();
}

pub(super) async fn amendments(store: &dyn Store) {
    let lease = hold(store, "t").await;
    let step = tool("k");
    let intent = [entry(EntryKind::INTENT, Some(&step), b"{}")];
    let asked = store.ask(&request(&lease.thread, step.key, 12)).await.unwrap();
    let less = json!({ "amount": 2, "secret": "sk-proj-0123456789abcdefghijklmnopqrstuv" });
    let amended = store.decide(&asked.amend(less.clone(), "ann")).await.unwrap();
    assert_eq!((amended.state, amended.amended.as_ref()), (ApprovalState::Approved, Some(&less)));
    assert_ne!((&amended.id, amended.digest), (&asked.id, asked.digest));
    assert!(!amended.shown.to_string().contains("0123456789"), "{}", amended.shown);
    let denied = store.approval(&asked.id).await.unwrap().unwrap();
    assert_eq!(denied.state, ApprovalState::Denied);
    let latest = store.approval_of(&lease.thread, step.key).await.unwrap();
    assert_eq!(latest.as_ref().map(|latest| &latest.id), Some(&amended.id));
    let before = begin(store, &lease, (0, &intent), &usage(&asked)).await;
    refused(before, |error| is(error, NotApproved::Denied));
    begin(store, &lease, (0, &intent), &usage(&amended)).await.unwrap();

    // What a thread has asked for, however it was decided.
    let all = store.approvals_of(&lease.thread, 9).await.unwrap();
    let all: Vec<_> = all.into_iter().map(|asked| (asked.id, asked.state)).collect();
    let both = [
        (Arc::clone(&asked.id), ApprovalState::Denied),
        (Arc::clone(&amended.id), ApprovalState::Used),
    ];
    assert_eq!(all, both);
    assert_eq!(store.approvals_of(&lease.thread, 1).await.unwrap().len(), 1);
    assert_eq!(store.approvals_of(&thread("none"), 9).await.unwrap(), []);

    // Arguments that were asked for before have been decided about, and an amendment decides nothing then.
    let more = store.ask(&request(&lease.thread, step.key, 13)).await.unwrap();
    let again = store.decide(&more.amend(json!({ "amount": 12 }), "ann")).await;
    refused(
        again,
        |error| matches!(error, StoreError::Decided { id, state: ApprovalState::Denied } if *id == asked.id),
    );
    let same = store.decide(&more.amend(json!({ "amount": 13 }), "ann")).await.unwrap();
    assert_eq!((same.state, &same.id, same.amended), (ApprovalState::Approved, &more.id, None));
}

fn is(error: &StoreError, expected: NotApproved) -> bool {
    matches!(error, StoreError::NotApproved { reason, .. } if *reason == expected)
}
