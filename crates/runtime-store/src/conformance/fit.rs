//! What no store takes: refused by name, alike everywhere, and nothing is changed.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{claim, entry, hold, refused, request, thread, tool};
use crate::approval::{ApprovalRequest, ApprovalUse};
use crate::entry::EntryKind;
use crate::error::StoreError;
use crate::store::{Append, Store};
use crate::stuck::Stuck;
use crate::thread::{Claim, Leave};

/// Whether an error is of this field, and shows its value.
fn names(field: &str) -> impl Fn(&StoreError) -> bool {
    move |error| {
        let told = error.to_string();
        matches!(error, StoreError::Unfit { .. })
            && told.starts_with(field)
            && (told.contains(r"a\0b") || told.contains("xxx") || told.contains("[["))
    }
}

pub(super) async fn run(store: &dyn Store) {
    let odd: Arc<str> = "a\0b".into();
    let text = || Arc::clone(&odd);
    threads(store, &text).await;
    approvals(store, &text).await;

    let id = thread("t");
    let long = "x".repeat(2_001);
    let deep = (0..128).fold(json!(1), |inner, _| json!([inner]));
    let is_key = names("the key of a message");
    refused(store.deliver(&id, &odd, &json!(1)).await, &is_key);
    refused(store.deliver(&id, &long, &json!(1)).await, &is_key);
    refused(store.message(&id, &odd).await, &is_key);
    refused(store.deliver(&id, "k", &deep).await, names("a message"));
    // As long, as deep and as odd as may be.
    let text = |number| char::from_u32(0x4e00 + (number * 7_919) % 20_000).unwrap();
    let long: String = (0..666_u32).map(text).collect();
    let deep = (0..127).fold(json!("a\0b \u{202e}𝕏 e\u{301}"), |inner, _| json!([inner]));
    assert!(store.deliver(&id, &long, &deep).await.unwrap());
    assert_eq!(store.message(&id, &long).await.unwrap(), Some(deep));
    assert_eq!(store.message(&id, &long[..3]).await.unwrap(), None);
}

async fn threads(store: &dyn Store, text: &dyn Fn() -> Arc<str>) {
    for (field, claim) in [
        ("the holder of a thread", Claim { holder: text(), ..claim("x") }),
        ("the version of the code", Claim { code: text(), ..claim("x") }),
        ("the role of an agent", Claim { role: Some(text()), ..claim("x") }),
    ] {
        refused(store.acquire(&thread("t"), &claim).await, names(field));
    }
    assert_eq!(store.thread(&thread("t")).await.unwrap(), None, "nothing was begun");
    let is_role = names("the role of an agent");
    refused(store.runnable(Some(&text()), None, 9).await, &is_role);
    refused(store.runnable(None, Some(&text()), 9).await, names("the version of the code"));

    let lease = hold(store, "t").await;
    let checkpoint = [entry(EntryKind::CHECKPOINT, None, b"a\0b")];
    let append =
        Append { head: 0, entries: &checkpoint, approval: None, relaxed: false, role: None };
    let role = text();
    refused(store.append(&lease, Append { role: Some(&role), ..append }).await, &is_role);
    let step = tool("k");
    let digest = request(&lease.thread, step.key, 1).digest;
    let used = ApprovalUse { id: text(), digest };
    refused(
        store.append(&lease, Append { approval: Some(&used), ..append }).await,
        names("the id of an approval"),
    );
    let late = store.append(&lease, Append { head: u64::from(u32::MAX), ..append }).await;
    refused(late, |error| error.to_string().contains("\"4294967296\""));
    // A body has any bytes.
    store.append(&lease, append).await.unwrap();
    let stuck = Stuck { times: 1, why: "why".into(), codes: vec![text()] };
    let left = store.release(&lease, Leave::Stuck(stuck)).await;
    refused(left, names("the version of the code"));
    let stuck = Stuck { times: 1, why: text(), codes: Vec::new() };
    refused(store.release(&lease, Leave::Stuck(stuck)).await, names("why a thread is stuck"));
    store.renew(&lease).await.unwrap();
}

async fn approvals(store: &dyn Store, text: &dyn Fn() -> Arc<str>) {
    let id = thread("t");
    let fits = request(&id, tool("k").key, 12);
    let deep: Value = (0..128).fold(json!(1), |inner, _| json!([inner]));
    for (field, asked) in [
        ("the id of an approval", ApprovalRequest { id: text(), ..fits.clone() }),
        ("the tool of an approval", ApprovalRequest { tool: text(), ..fits.clone() }),
        ("the policy of an approval", ApprovalRequest { policy: text(), ..fits.clone() }),
        ("what an approval shows", ApprovalRequest { shown: deep.clone(), ..fits.clone() }),
    ] {
        refused(store.ask(&asked).await, names(field));
    }
    refused(store.approval(&text()).await, names("the id of an approval"));
    assert_eq!(store.approvals_of(&id, 9).await.unwrap(), []);
    let asked = store.ask(&fits).await.unwrap();
    refused(store.decide(&asked.approve(text())).await, names("who decides"));
    let noted = asked.approve("ann").note(text());
    refused(store.decide(&noted).await, names("the note of a verdict"));
    let amended = asked.amend(deep, "ann");
    refused(store.decide(&amended).await, |error| matches!(error, StoreError::Unfit { .. }));
    let odd = json!({ "to": "a\0b" });
    let amended = store.decide(&asked.amend(odd.clone(), "ann").note("ok")).await.unwrap();
    assert_eq!((amended.amended.as_ref(), &amended.shown), (Some(&odd), &odd));
}
