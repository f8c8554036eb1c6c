//! Stores with threads in them.

use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

use futures_executor::block_on;
use runtime_events::{AgentFailureClass, ManualClock};
use runtime_sqlite::{SqliteConfig, SqliteStore};
use runtime_store::{
    Append, Approvals as _, AttemptRecord, BillRecord, Claim, Entry, EntryKind, FailureKind,
    FailureRecord, IntentRecord, Lease, Leave, LifeRecord, OutcomeRecord, Step, StepKind, StepName,
    Store, Subject, ThreadId, ThreadState,
};
use runtime_usage::{UsageSnapshot, Usd};
use serde::Serialize;
use serde_json::{Value, json};

use crate::run;

const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A store in a file, on a clock that begins with 2026, which is over by now: so leases are over, and only
/// those for a century hold.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    clock: ManualClock,
    pub(crate) store: SqliteStore,
}

impl Place {
    pub(crate) fn new(test: &str) -> Self {
        let path = env::temp_dir().join(format!("techrevati-threads-{test}-{}.db", process::id()));
        let _ = fs::remove_file(&path);
        let clock = ManualClock::new();
        let config = SqliteConfig::default().clock(clock.clone());
        let store = SqliteStore::open_with(&path, config).expect("a new file");
        Self { path, clock, store }
    }

    /// What the command prints for these words, and its code.
    pub(crate) fn told(&self, words: &[&str]) -> (i32, String) {
        let (code, out, error) = self.run(words);
        (code, if code == 0 { out } else { error })
    }

    pub(crate) fn run(&self, words: &[&str]) -> (i32, String, String) {
        run(&[&["threads", self.path.to_str().expect("a text")], words].concat())
    }

    /// A cassette of a thread.
    pub(crate) fn cassette(&self, thread: &str) -> (i32, String, String) {
        run(&["cassette", self.path.to_str().expect("a text"), "--thread", thread])
    }

    pub(crate) fn hold(&self, thread: &str, ttl: Duration) -> (Lease, u64) {
        hold(&self.store, thread, ttl)
    }

    pub(crate) fn append(&self, held: &(Lease, u64), entries: &[Entry]) {
        self.clock.advance(Duration::from_secs(1));
        append(&self.store, held, entries);
    }

    pub(crate) fn state(&self, thread: &str) -> ThreadState {
        let thread = ThreadId::new(thread).expect("a name");
        block_on(self.store.thread(&thread)).expect("it answers").expect("it is there").state
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{end}", self.path.display()));
        }
    }
}

pub(crate) fn hold(store: &impl Store, thread: &str, ttl: Duration) -> (Lease, u64) {
    let claim = Claim { holder: "host-1/7".into(), code: "1.0.0".into(), role: None, ttl };
    let thread = ThreadId::new(thread).expect("a name");
    let (lease, begun) = block_on(store.acquire(&thread, &claim)).expect("nobody has it");
    (lease, begun.head)
}

pub(crate) fn append(store: &impl Store, (lease, head): &(Lease, u64), entries: &[Entry]) {
    let append = Append { head: *head, entries, approval: None, relaxed: false, role: None };
    block_on(store.append(lease, append)).expect("it has room");
}

pub(crate) fn step(kind: StepKind, name: &str) -> Step {
    let key = name;
    let name = StepName { kind, name: name.into(), scope: "".into(), keyed: true };
    Step::keyed(name, &Value::Null, (0, key))
}

fn entry(kind: EntryKind, step: Option<&Step>, body: &impl Serialize) -> Entry {
    let (key, print) = (step.map(|step| step.key), step.map(|step| step.print));
    let body = serde_json::to_vec(body).expect("JSON");
    Entry { kind, version: 1, step: key, print, body }
}

pub(crate) fn life() -> Entry {
    let (code, holder) = ("1.0.0".into(), "host-1/7".into());
    let life = LifeRecord { code, holder, session: "5f2c".into(), engine: false };
    entry(EntryKind::LIFE, None, &life)
}

fn intent(step: &Step) -> Entry {
    entry(EntryKind::INTENT, Some(step), &IntentRecord::of(&step.name))
}

fn outcome(step: &Step, record: &OutcomeRecord<Value>) -> Entry {
    entry(EntryKind::OUTCOME, Some(step), record)
}

/// A turn that is done; a tool that has failed, and one that is in doubt.
pub(crate) fn order_entries() -> [Vec<Entry>; 2] {
    let (turn, pay) = (step(StepKind::Turn, "gpt-5"), step(StepKind::Tool, "pay"));
    let bill = BillRecord {
        model: "gpt-5".into(),
        usage: UsageSnapshot::new(1_200, 80),
        cost: Usd::from_cents(2),
        attempts: 1,
        ..BillRecord::default()
    };
    let said = json!({ "text": "pay 12", "api_key": "9f8e7d6c" });
    let answered = OutcomeRecord { bill: Some(bill), ..OutcomeRecord::of(Ok(said)) };
    let failed = FailureRecord {
        kind: FailureKind::Failed,
        class: AgentFailureClass::ToolError,
        scenario: None,
        text: "no \u{1b}[31m shelf".to_owned(),
    };
    let look = step(StepKind::Tool, "look");
    let refused = OutcomeRecord::of(Err(failed));
    let first = vec![life(), intent(&turn), outcome(&turn, &answered)];
    [first, vec![intent(&look), outcome(&look, &refused), intent(&pay)]]
}

/// A turn that asked twice, and whose process died in the second call.
pub(crate) fn retried() -> [Entry; 3] {
    let turn = step(StepKind::Turn, "gpt-5");
    let before = BillRecord {
        model: "gpt-5".into(),
        usage: UsageSnapshot::new(1_200, 80),
        cost: Usd::from_cents(2),
        estimated: true,
        attempts: 1,
        ..BillRecord::default()
    };
    let (model, provider) = (Some("claude".into()), Some("anthropic".into()));
    let attempt = AttemptRecord { before, reserved: Usd::from_cents(5), model, provider };
    [life(), intent(&turn), entry(EntryKind::ATTEMPT, Some(&turn), &attempt)]
}

/// A thread called `order-4711` in a store.
pub(crate) fn order(store: &impl Store) {
    let (lease, head) = hold(store, "order-4711", Duration::from_secs(60));
    append(store, &(lease, head), &order_entries().concat());
}

/// One thread whose turn is done and whose tool is in doubt; one that waits for an answer and an approval; one
/// that is held; one that is over.
pub(crate) fn story(test: &str) -> Place {
    let place = Place::new(test);
    let order = place.hold("order-4711", Duration::from_secs(60));
    let [first, then] = order_entries();
    place.append(&order, &first);
    let order = (order.0, 3);
    place.append(&order, &then);
    block_on(place.store.release(&order.0, Leave::Parked(None))).expect("it is held");

    let trip = place.hold("trip-1", Duration::from_secs(60));
    let wait = step(StepKind::Wait, "address");
    place.append(&trip, &[life(), intent(&wait)]);
    let args = json!({ "amount": 12, "token": "9f8e7d6c5b4a" });
    let book = step(StepKind::Tool, "book");
    let subject = Subject {
        thread: &trip.0.thread,
        step: book.key,
        tool: "book",
        args: Some(&args),
        policy: "payments",
    };
    block_on(place.store.ask(&subject.request(CENTURY))).expect("it is there");
    block_on(place.store.release(&trip.0, Leave::Parked(None))).expect("it is held");

    place.append(&place.hold("live", CENTURY), &[life()]);
    let over = place.hold("over", Duration::from_secs(60));
    block_on(place.store.release(&over.0, Leave::Done)).expect("it is held");
    place
}
