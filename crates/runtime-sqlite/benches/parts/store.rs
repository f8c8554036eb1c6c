//! What the benchmarks of the store write and read.

use std::path::Path;
use std::time::Duration;

use futures_executor::block_on;
use futures_util::future::join_all;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{
    Append, Claim, Entry, EntryKind, Fold, Lease, Step, StepKind, StepName, Store, ThreadId,
};
use rusqlite::{Connection, params};

pub(crate) fn open(path: &Path, durability: SqliteDurability) -> Option<SqliteStore> {
    SqliteStore::open_with(path, SqliteConfig::default().durability(durability)).ok()
}

/// Turns of one thread, of 600 bytes each.
pub(crate) struct Turns {
    store: SqliteStore,
    lease: Lease,
    head: u64,
    outcome: Vec<u8>,
}

impl Turns {
    pub(crate) fn of(store: &SqliteStore, thread: &str) -> Option<Self> {
        let ttl = Duration::from_secs(3600);
        let claim = Claim { holder: "bench".into(), code: "1".into(), role: None, ttl };
        let thread = ThreadId::new(thread).ok()?;
        let (lease, begun) = block_on(store.acquire(&thread, &claim)).ok()?;
        let outcome = format!(r#"{{"ok":"{}"}}"#, "x".repeat(600)).into_bytes();
        Some(Self { store: store.clone(), lease, head: begun.head, outcome })
    }

    fn entries(&self) -> [Entry; 2] {
        let name =
            StepName { kind: StepKind::Turn, name: "gpt-5".into(), scope: "".into(), keyed: false };
        let ordinal = u32::try_from(self.head).unwrap_or_default();
        let step = Step::in_order(name, &ordinal.into(), (0, ordinal));
        let intent =
            br#"{"step":{"kind":"turn","name":"gpt-5"},"reserved":12345678,"model":"gpt-5"}"#;
        [(EntryKind::INTENT, &intent[..]), (EntryKind::OUTCOME, &self.outcome)].map(
            |(kind, body)| Entry {
                kind,
                version: 1,
                step: Some(step.key),
                print: Some(step.print),
                body: body.to_vec(),
            },
        )
    }

    async fn turn(&mut self, relaxed: bool) {
        let [intent, outcome] = self.entries();
        for (entries, relaxed) in [([intent], relaxed), ([outcome], false)] {
            let append =
                Append { head: self.head, entries: &entries, approval: None, relaxed, role: None };
            if self.store.append(&self.lease, append).await.is_ok() {
                self.head += 1;
            }
        }
    }

    pub(crate) fn append(&mut self, relaxed: bool) {
        block_on(self.turn(relaxed));
    }
}

/// A turn of each thread, all at once.
pub(crate) fn all_append(turns: &mut [Turns]) {
    block_on(join_all(turns.iter_mut().map(|turns| turns.turn(false))));
}

/// Reads all entries of a thread, and folds them if wanted. Returns their number.
pub(crate) fn read_all(store: &SqliteStore, thread: &str, folded: bool) -> u64 {
    let Ok(thread) = ThreadId::new(thread) else { return 0 };
    let mut fold = Fold::new();
    let mut read = 0;
    loop {
        let Ok(page) = block_on(store.read(&thread, read, 512)) else { return read };
        let Some(last) = page.last() else { return read };
        read = last.seq;
        if folded {
            let _ = page.into_iter().try_for_each(|stored| fold.apply(stored));
        }
    }
}

/// SQLite alone: the same two rows, each committed, in the simplest table that has them.
pub(crate) struct Raw {
    connection: Connection,
    seq: i64,
    outcome: Vec<u8>,
}

impl Raw {
    pub(crate) fn open(path: &Path, durability: SqliteDurability) -> Option<Self> {
        let connection = Connection::open(path).ok()?;
        let synchronous = if durability == SqliteDurability::Os { "NORMAL" } else { "FULL" };
        let set = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
            CREATE TABLE entry (thread TEXT, seq INTEGER, step BLOB, print BLOB, body BLOB,
            PRIMARY KEY (thread, seq))"
        );
        connection.execute_batch(&set).ok()?;
        let outcome = format!(r#"{{"ok":"{}"}}"#, "x".repeat(600)).into_bytes();
        Some(Self { connection, seq: 0, outcome })
    }

    pub(crate) fn two_commits(&mut self) {
        let insert = "INSERT INTO entry VALUES ('t', ?1, ?2, ?3, ?4)";
        for body in [&br#"{"step":{"kind":"turn","name":"gpt-5"}}"#[..], &self.outcome] {
            self.seq += 1;
            let Ok(mut insert) = self.connection.prepare_cached(insert) else { return };
            let _ = insert.execute(params![self.seq, [7_u8; 16], [8_u8; 16], body]);
        }
    }
}
