//! Two processes, each with writers that steal each other's threads and use approvals: whatever happens, a
//! thread has one writer per fence, no gap, and each approval is used by exactly its intent.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use futures_executor::block_on;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{
    Append, Approval, ApprovalUse, Approvals, Claim, EntryKind, Store, StoreError, Subject,
};
use serde_json::json;

use super::{claim, entry, plain, tool};
use crate::common::Place;

const PLACE: &str = "RUNTIME_SQLITE_FIGHT_PLACE";
const THREADS: u64 = 3;
const APPROVALS: u64 = 120;
const WRITERS: u64 = 4;
const TRIES: u64 = 400;

/// Numbers that look random, the same for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn open(place: &std::path::Path) -> SqliteStore {
    let config = SqliteConfig::default()
        .durability(SqliteDurability::Os)
        .busy_timeout(Duration::from_secs(60));
    SqliteStore::open_with(place.join("events.db"), config).expect("it can be opened")
}

fn thread_of(approval: u64) -> String {
    format!("t{}", approval % THREADS)
}

/// The approval with this number, which all processes ask for in the same words.
fn ask(store: &SqliteStore, number: u64) -> Approval {
    let args = json!({ "amount": number });
    let (thread, step) = (super::thread(&thread_of(number)), tool(&number.to_string()).key);
    let subject =
        Subject { thread: &thread, step, tool: "pay", args: Some(&args), policy: "payments" };
    block_on(store.ask(&subject.request(Duration::from_secs(3600)))).expect("the thread is there")
}

fn is_expected(error: &StoreError) -> bool {
    error.is_fenced() || matches!(error, StoreError::NotApproved { .. } | StoreError::Held { .. })
}

/// Takes threads over without a word to their holders, and appends to them.
fn fight(store: &SqliteStore, seed: u64) {
    let mut dice = Dice(seed);
    let mut leases = Vec::new();
    // A lease that is over at once, so that anybody may take the thread.
    let brief = Claim { ttl: Duration::ZERO, ..claim(&seed.to_string()) };
    for name in 0..THREADS {
        let thread = super::thread(&format!("t{name}"));
        let (lease, begun) = block_on(store.acquire(&thread, &brief)).expect("nobody holds it");
        leases.push((lease, begun.head));
    }
    for _ in 0..TRIES {
        let number = dice.below(APPROVALS);
        let place = usize::try_from(number % THREADS).expect("few");
        let (lease, head) = &mut leases[place];
        if dice.below(7) == 0 {
            let (taken, begun) =
                block_on(store.acquire(&lease.thread, &brief)).expect("it is over");
            (*lease, *head) = (taken, begun.head);
        }
        match dice.below(8) {
            // One that was replaced learns the head, and still must not write.
            0 | 1 => {
                let known = block_on(store.thread(&lease.thread)).expect("it answers");
                *head = known.expect("it is there").head;
            }
            // One that is current is wrong about the head.
            2 => *head = head.saturating_sub(1),
            _ => {}
        }
        let step = tool(&number.to_string());
        let result = if dice.below(3) == 0 {
            let entries = [entry(EntryKind::LIFE, None, b"{}")];
            block_on(store.append(lease, plain(*head, &entries)))
        } else {
            let approval = ask(store, number);
            let approval = ApprovalUse { id: approval.id, digest: approval.digest };
            let entries = [entry(EntryKind::INTENT, Some(&step), b"{}")];
            block_on(
                store.append(lease, Append { approval: Some(&approval), ..plain(*head, &entries) }),
            )
        };
        match result {
            Ok(()) => *head += 1,
            Err(error) => assert!(is_expected(&error), "{}", super::whole(&error)),
        }
    }
}

/// The second process; not a test of its own.
#[test]
fn the_other() {
    let Ok(place) = env::var(PLACE) else { return };
    let store = open(&PathBuf::from(place));
    all_fight(&store, 1_000);
}

fn all_fight(store: &SqliteStore, seed: u64) {
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = store.clone();
            scope.spawn(move || fight(&store, seed + writer));
        }
    });
}

#[test]
fn two_processes_fight_for_threads_and_nothing_is_written_twice() {
    let place = Place::new("store-fight");
    let store = open(place.path());
    let brief = Claim { ttl: Duration::ZERO, ..claim("first") };
    for name in 0..THREADS {
        let thread = super::thread(&format!("t{name}"));
        block_on(store.acquire(&thread, &brief)).unwrap();
    }
    for number in 0..APPROVALS {
        let asked = ask(&store, number);
        block_on(store.decide(&asked.approve("ann"))).unwrap();
    }
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", "store::fight::the_other", "--nocapture"])
        .env(PLACE, place.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    all_fight(&store, 1);
    assert!(other.wait().unwrap().success(), "the other process failed");
    drop(store);
    is_whole(&place);
    let used = place.rows("SELECT count(*) FROM approval WHERE state = 3").remove(0);
    let entries = place.rows("SELECT count(*), max(fence) FROM entry").remove(0);
    println!("{used} of {APPROVALS} approvals used; entries and lives: {entries}");
    assert!(used.parse::<u64>().unwrap() > APPROVALS / 2, "{used}");
}

/// Fails unless the rows are what one writer after the other could have written.
fn is_whole(place: &Place) {
    let none = [
        (
            "a head that is not the number of entries",
            "SELECT id FROM thread t WHERE head <> (SELECT count(*) FROM entry WHERE thread = number)",
        ),
        (
            "a gap",
            "SELECT thread FROM entry GROUP BY thread HAVING max(seq) <> count(*) OR min(seq) <> 1",
        ),
        (
            "a fence that goes back",
            "SELECT thread FROM (SELECT thread, fence, lag(fence) OVER (PARTITION BY thread ORDER BY seq) AS before
            FROM entry) WHERE before > fence",
        ),
        (
            "an approval that was used without its intent",
            "SELECT id FROM approval a WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM entry e
            WHERE e.thread = a.thread AND e.seq = a.used AND e.step = a.step AND e.kind = 2)",
        ),
        (
            "a step that was intended twice",
            "SELECT step FROM entry WHERE kind = 2 GROUP BY thread, step HAVING count(*) > 1",
        ),
        (
            "an intent without its approval",
            "SELECT seq FROM entry e WHERE kind = 2 AND NOT EXISTS (SELECT 1 FROM approval a
            WHERE a.thread = e.thread AND a.used = e.seq AND a.state = 3)",
        ),
    ];
    for (what, sql) in none {
        assert_eq!(place.rows(sql), [""; 0], "{what}");
    }
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
}
