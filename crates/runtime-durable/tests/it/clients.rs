//! Clients of a store, which take each other's threads, use approvals, and write down what they do.
//!
//! A client is a process: this test binary, told by its environment to run `the_client`. Its lines go into a pipe
//! that all clients share, so that the order of lines is that of time.

use std::collections::BTreeMap;
use std::env;
use std::io::{PipeWriter, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use runtime_orchestrator::BoxError;
use runtime_sqlite::{SqliteConfig, SqliteStore};
use runtime_store::{
    Append, Approval, ApprovalUse, Claim, Entry, EntryKind, Lease, NotApproved, Step, StepKey,
    StepKind, StepName, Store, StoreError, Subject, ThreadId,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::case::{Database, wait};
use crate::history::{Event, Facts, Kept, Line, Promise};

const CLIENT: &str = "RUNTIME_DURABLE_CLIENT";

/// The threads, and the approvals of each.
const THREADS: usize = 3;
const APPROVALS: usize = 60;

/// What all clients of a history share.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Game {
    pub(crate) database: Database,
    /// The file of a database that is one.
    pub(crate) folder: PathBuf,
    /// So that the threads of another history are others.
    pub(crate) name: String,
    pub(crate) calls: u32,
    /// The promise that its store does not keep.
    pub(crate) breaks: Option<Promise>,
}

/// One client; not a test of its own.
#[test]
fn the_client() {
    let Ok(told) = env::var(CLIENT) else { return };
    let (game, number): (Game, u32) = serde_json::from_str(&told).unwrap();
    let client = Client::new(&game, number);
    let approvals = wait(game.approvals(&*client.store));
    wait(client.play(&approvals));
}

impl Game {
    /// Opens the store. The server may be down, and the file may be locked.
    pub(crate) fn open(&self) -> Arc<dyn Store> {
        loop {
            if let Ok(store) = self.try_open() {
                return store;
            }
        }
    }

    fn try_open(&self) -> Result<Arc<dyn Store>, BoxError> {
        if self.database.is_file() {
            // A client that is stopped keeps the file from the others for no longer than this.
            let config = SqliteConfig::default().busy_timeout(Duration::from_millis(50));
            let path = self.folder.join("threads.db");
            return Ok(Arc::new(SqliteStore::open_with(path, config)?));
        }
        self.database.try_open(&self.folder)
    }

    fn thread(&self, number: usize) -> ThreadId {
        ThreadId::new(format!("{}-{number}", self.name)).unwrap()
    }

    /// The threads begin, and people are asked.
    pub(crate) async fn begin(&self, store: &dyn Store) {
        for thread in 0..THREADS {
            store.acquire(&self.thread(thread), &claim(0)).await.unwrap();
        }
        for number in 0..THREADS * APPROVALS {
            let (thread, args) = (self.thread(number % THREADS), json!(number));
            let subject = Subject {
                thread: &thread,
                step: step(number),
                tool: "pay",
                args: Some(&args),
                policy: "p",
            };
            store.ask(&subject.request(Duration::from_secs(3600))).await.unwrap();
        }
    }

    /// The approvals, in the order in which they were asked for.
    async fn approvals(&self, store: &dyn Store) -> Vec<Approval> {
        let mut approvals = Vec::new();
        while approvals.len() < THREADS * APPROVALS {
            let number = approvals.len();
            let asked = store.approval_of(&self.thread(number % THREADS), step(number)).await;
            approvals.extend(asked.map(Option::unwrap));
        }
        approvals
    }

    /// A client as a process that writes into this pipe.
    pub(crate) fn client(&self, number: u32, lines: &PipeWriter) -> Child {
        let told = serde_json::to_string(&(self, number)).unwrap();
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "clients::the_client", "--nocapture", "--test-threads=1"]);
        command.env(CLIENT, told).stdout(lines.try_clone().unwrap()).stderr(Stdio::inherit());
        command.spawn().unwrap()
    }

    /// What the store has in the end.
    pub(crate) async fn facts(&self, store: &dyn Store) -> Facts {
        let mut facts = Facts::default();
        for number in 0..THREADS {
            let thread = self.thread(number);
            let stored = store.read(&thread, 0, usize::MAX).await.unwrap();
            let head = store.thread(&thread).await.unwrap().unwrap().head;
            assert_eq!(head, stored.len() as u64, "{thread}");
            let kept = stored.into_iter().map(|stored| Kept {
                seq: stored.seq,
                fence: stored.fence,
                call: serde_json::from_slice(&stored.entry.body).unwrap(),
            });
            facts.threads.insert(thread.to_string(), kept.collect());
        }
        for approval in self.approvals(store).await {
            facts.used.extend(approval.used.map(|seq| (approval.id.to_string(), seq)));
        }
        facts
    }
}

fn step(number: usize) -> StepKey {
    let name = StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
    Step::keyed(name, &json!(number), (0, &number.to_string())).key
}

fn claim(milliseconds: u64) -> Claim {
    let ttl = Duration::from_millis(milliseconds);
    Claim { holder: "client".into(), code: "1".into(), role: None, ttl }
}

struct Client<'g> {
    game: &'g Game,
    store: Arc<dyn Store>,
    random: fastrand::Rng,
    number: u32,
    calls: u32,
    /// Its leases, with the last entries that it knows of. It goes on with those that are over.
    leases: BTreeMap<ThreadId, (Lease, u64)>,
}

impl<'g> Client<'g> {
    fn new(game: &'g Game, number: u32) -> Self {
        let random = fastrand::Rng::with_seed(number.into());
        Self { store: game.open(), random, game, number, calls: 0, leases: BTreeMap::new() }
    }

    /// Writes a line, at once and whole.
    fn line(&self, event: Event) {
        let line = Line { call: (self.number, self.calls), event };
        let line = serde_json::to_string(&line).unwrap() + "\n";
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }

    async fn play(mut self, approvals: &[Approval]) {
        while self.calls < self.game.calls {
            self.calls += 1;
            // All clients are about the same approvals at the same time.
            let now = self.calls as usize * approvals.len() / self.game.calls as usize;
            let near = (now + self.random.usize(..6)).min(approvals.len() - 1);
            match self.random.u8(..10) {
                0 | 1 => self.acquire(approvals[near].thread.clone()).await,
                2 | 3 => self.decide(&approvals[near]).await,
                4..8 => self.append(&approvals[near], true).await,
                _ => self.append(&approvals[near], false).await,
            }
        }
        self.calls += 1;
        self.line(Event::Finished);
    }

    async fn acquire(&mut self, thread: ThreadId) {
        self.line(Event::Acquire { thread: thread.to_string() });
        let lasts = self.random.u64(..20);
        match self.store.acquire(&thread, &claim(lasts)).await {
            Ok((lease, taken)) => {
                self.line(Event::Taken { fence: lease.fence });
                self.leases.insert(thread, (lease, taken.head));
            }
            Err(error) => self.refused(&error),
        }
    }

    async fn decide(&mut self, asked: &Approval) {
        let yes = self.random.u8(..4) > 0;
        self.line(Event::Decide { approval: asked.id.to_string(), yes });
        let verdict = if yes { asked.approve("ann") } else { asked.deny("ann") };
        match self.store.decide(&verdict).await {
            Ok(_) => self.line(Event::Done),
            Err(error) => self.refused(&error),
        }
    }

    async fn append(&mut self, approval: &Approval, uses: bool) {
        let Some((lease, head)) = self.leases.get(&approval.thread).cloned() else { return };
        let uses = uses.then(|| ApprovalUse { id: approval.id.clone(), digest: approval.digest });
        self.line(Event::Append {
            thread: approval.thread.to_string(),
            fence: lease.fence,
            head,
            approval: uses.as_ref().map(|uses| uses.id.to_string()),
        });
        let entries = [Entry {
            kind: EntryKind::INTENT,
            version: 1,
            step: Some(approval.step),
            print: None,
            body: serde_json::to_vec(&(self.number, self.calls)).unwrap(),
        }];
        let append =
            Append { head, entries: &entries, approval: uses.as_ref(), relaxed: false, role: None };
        let appended = self.careless(&lease, append).await;
        let head = match &appended {
            Ok(()) => {
                self.line(Event::Done);
                head + 1
            }
            Err(error) => {
                self.refused(error);
                if !matches!(error, StoreError::Unavailable { .. }) {
                    return;
                }
                // It may have been made.
                match self.store.thread(&lease.thread).await {
                    Ok(thread) => thread.unwrap().head,
                    Err(_) => return,
                }
            }
        };
        self.leases.insert(lease.thread.clone(), (lease, head));
    }

    /// The end of a call that failed. Whether one was made that the store did not answer, nobody knows.
    fn refused(&self, error: &StoreError) {
        match error {
            StoreError::Unavailable { .. } => {}
            StoreError::Fenced { .. }
            | StoreError::HeadMoved { .. }
            | StoreError::NotApproved { .. }
            | StoreError::Held { .. }
            | StoreError::Decided { .. } => self.line(Event::Refused),
            error => panic!("{error:?}"),
        }
    }

    /// Appends, with a store that does not keep its promise if the game says so.
    async fn careless(&self, lease: &Lease, append: Append<'_>) -> Result<(), StoreError> {
        let answer = self.store.append(lease, append).await;
        match (self.game.breaks, &answer) {
            // Whoever asks is taken for the holder.
            (Some(Promise::OneWriter), Err(StoreError::Fenced { .. })) => {
                let holder = self.store.thread(&lease.thread).await?.unwrap();
                let lease = Lease { fence: holder.fence, ..lease.clone() };
                self.store.append(&lease, append).await
            }
            // What comes too late is dropped, and nobody is told.
            (Some(Promise::TotalOrder), Err(StoreError::Fenced { .. })) => Ok(()),
            // An approval that was used is good for another call.
            (
                Some(Promise::UsedOnce),
                Err(StoreError::NotApproved { reason: NotApproved::Used, .. }),
            ) => self.store.append(lease, Append { approval: None, ..append }).await,
            _ => answer,
        }
    }
}
