//! The store of threads.

mod fight;
mod groups;
mod growth;
mod kill;
mod opening;

use std::time::Duration;

use futures_executor::block_on;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{
    Append, Claim, Entry, EntryKind, Lease, Step, StepKind, StepName, Store, StoreError, ThreadId,
    conformance,
};

use crate::common::Place;

fn claim(holder: &str) -> Claim {
    Claim { holder: holder.into(), code: "1.0.0".into(), role: None, ttl: Duration::from_secs(60) }
}

fn thread(id: &str) -> ThreadId {
    ThreadId::new(id).expect("a name")
}

fn hold(store: &SqliteStore, id: &str) -> Lease {
    block_on(store.acquire(&thread(id), &claim("holder"))).expect("nobody holds it").0
}

fn tool(key: &str) -> Step {
    let name = StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
    Step::keyed(name, &serde_json::Value::Null, (0, key))
}

fn entry(kind: EntryKind, step: Option<&Step>, body: &[u8]) -> Entry {
    let (key, print) = (step.map(|step| step.key), step.map(|step| step.print));
    Entry { kind, version: 1, step: key, print, body: body.to_vec() }
}

fn plain(head: u64, entries: &[Entry]) -> Append<'_> {
    Append { head, entries, approval: None, relaxed: false, role: None }
}

fn append(
    store: &SqliteStore,
    lease: &Lease,
    head: u64,
    entries: &[Entry],
) -> Result<(), StoreError> {
    block_on(store.append(lease, plain(head, entries)))
}

/// An error with its source.
fn whole(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", source.unwrap_or_default())
}

#[test]
fn it_passes_the_suite() {
    for durability in [SqliteDurability::Os, SqliteDurability::Sync] {
        let place = Place::new(&format!("suite-{durability:?}"));
        let mut number = 0;
        let new = || {
            number += 1;
            let path = place.path().join(format!("{number}.db"));
            let config = SqliteConfig::default().durability(durability);
            async move { SqliteStore::open_with(path, config).expect("a new file") }
        };
        block_on(conformance::run(new));
    }
}

#[test]
fn connections_of_one_file_see_what_the_others_wrote() {
    let place = Place::new("suite-two");
    let store = SqliteStore::open(place.db()).unwrap();
    let other = SqliteStore::open(place.db()).unwrap();
    let lease = hold(&store, "t");
    append(&other, &lease, 0, &[entry(EntryKind::LIFE, None, b"{}")]).unwrap();
    append(&store, &lease, 1, &[entry(EntryKind::END, None, b"{}")]).unwrap();
    assert_eq!(block_on(other.read(&lease.thread, 0, 9)).unwrap().len(), 2);
    assert!(matches!(
        block_on(other.acquire(&lease.thread, &claim("other"))),
        Err(StoreError::Held { .. })
    ));
}
