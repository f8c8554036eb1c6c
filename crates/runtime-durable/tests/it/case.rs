//! An order that is paid: the databases that its thread can be in, and the world outside, which is files.

use std::fs::{self, File};
use std::future::poll_fn;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::Duration;
use std::{env, process};

use futures_util::FutureExt;
use runtime_durable::{Durable, DurableSession, DurableTool, Reconciled, Run, RunError};
use runtime_events::{AgentEvent, Sleep, Sleeper, SystemClock};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_postgres::{PgConfig, PgStore};
use runtime_sinks::SinkError;
use runtime_sqlite::SqliteStore;
use runtime_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::mortal::{Gate, Mortal};

/// Where threads are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Database {
    /// A file of each case, whose commits wait for the disk.
    File,
    /// A schema for all cases of this process.
    Postgres { url: String, schema: String },
}

impl Database {
    /// A schema in the server of this process. `None`, with a word about it, if there is none.
    pub(crate) fn postgres() -> Option<Self> {
        static MADE: OnceLock<Option<Database>> = OnceLock::new();
        MADE.get_or_init(|| test_postgres::url().map(|url| Self::made(url.to_owned()))).clone()
    }

    /// A schema in this server.
    pub(crate) fn made(url: String) -> Self {
        let schema = format!("durable{}", process::id());
        wait(PgStore::migrate(PgConfig::new(&url).schema(&schema))).unwrap();
        Self::Postgres { url, schema }
    }

    /// Opens it, as each process does.
    pub(crate) fn open(&self, folder: &Path) -> Arc<dyn Store> {
        self.try_open(folder).unwrap()
    }

    pub(crate) fn try_open(&self, folder: &Path) -> Result<Arc<dyn Store>, BoxError> {
        Ok(match self {
            Self::File => Arc::new(SqliteStore::open(folder.join("threads.db"))?),
            Self::Postgres { url, schema } => {
                let config = PgConfig::new(url).schema(schema);
                Arc::new(wait(PgStore::connect(config))?)
            }
        })
    }

    pub(crate) const fn is_file(&self) -> bool {
        matches!(self, Self::File)
    }
}

/// Waits for a future on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// An order, which one life after the other works on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) database: Database,
    effect: String,
    /// The name of the thread, too.
    folder: PathBuf,
}

/// A timer that never rings, so that nothing renews the lease beside the code: a process that is stopped within
/// a transaction of SQLite would keep its file.
#[derive(Debug)]
struct Sleepless;

impl Sleeper for Sleepless {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

impl Case {
    /// A new one, in an empty folder.
    pub(crate) fn new(database: &Database, effect: Effect, name: &str) -> Self {
        let (on, id) = (if database.is_file() { "file" } else { "postgres" }, process::id());
        let folder = env::temp_dir().join(format!("runtime-durable-{on}-{name}-{effect}-{id}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { database: database.clone(), effect: effect.as_str().to_owned(), folder }
    }

    pub(crate) fn open(&self) -> Arc<dyn Store> {
        self.database.open(&self.folder)
    }

    pub(crate) fn try_open(&self) -> Result<Arc<dyn Store>, BoxError> {
        self.database.try_open(&self.folder)
    }

    fn effect(&self) -> Effect {
        self.effect.parse().unwrap()
    }

    fn thread(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).unwrap()
    }

    /// The number of payments.
    pub(crate) fn payments(&self) -> usize {
        self.read("payments").lines().count()
    }

    /// Deletes what it has in files.
    pub(crate) fn over(self) {
        fs::remove_dir_all(&self.folder).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    fn write(&self, name: &str, line: &str) {
        let file = File::options().append(true).create(true).open(self.folder.join(name));
        let mut file = file.unwrap();
        writeln!(file, "{line}").unwrap();
        file.sync_all().unwrap();
    }

    /// Called by a step that is made: it was not acknowledged before, unless a life that was replaced makes it.
    fn made(&self, step: &str, gate: &Gate) {
        let again = !gate.stops() && self.read("acknowledged").contains(step);
        assert!(!again, "{step} was acknowledged, and is made again");
    }

    /// One life, which ends in any case. `None` if it was dropped.
    pub(crate) fn live(
        &self,
        store: Arc<dyn Store>,
        gate: &Gate,
    ) -> Option<Result<Run<u32>, RunError>> {
        let events = gate.clone();
        let sink = move |_: &Arc<AgentEvent>| {
            // An event is a point as well.
            events.point().now_or_never();
            Ok::<_, SinkError>(())
        };
        let orchestrator =
            Orchestrator::new("clerk", "orders").time((SystemClock, Sleepless)).event_sink(sink);
        let durable = Durable::new(orchestrator, Mortal::new(store, gate));
        // So short that the next life hardly waits for it, and so long that a slow disk lets it be held.
        let durable = durable.lease(Duration::from_millis(100));
        let run = durable.run(self.thread(), async |session| self.order(session, gate).await);
        let mut run = pin!(run);
        wait(poll_fn(|cx| match run.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if gate.is_dead() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }))
    }

    async fn order(&self, session: &DurableSession, gate: &Gate) -> Result<u32, BoxError> {
        let paid = if let Some(paid) = session.resume_point().await? {
            paid
        } else {
            let plan = session.run_turn(Turn::model("m"), || async {
                self.made("the plan", gate);
                Ok::<_, BoxError>("pay 12".to_owned())
            });
            plan.await?;
            self.write("acknowledged", "the plan");
            let paid = self.pay(session, gate).await?;
            self.write("acknowledged", "the payment");
            session.checkpoint(&paid).await?;
            self.write("acknowledged", "the checkpoint");
            paid
        };
        let thanks = session.run_turn(Turn::model("m"), || async {
            self.made("the thanks", gate);
            Ok::<_, BoxError>("thanks".to_owned())
        });
        thanks.await?;
        self.write("acknowledged", "the thanks");
        Ok(paid)
    }

    async fn pay(&self, session: &DurableSession, gate: &Gate) -> Result<u32, BoxError> {
        self.made("the checkpoint", gate);
        let (effect, args) = (self.effect(), json!({ "amount": 12 }));
        let mut pay =
            DurableTool::from(ToolCall::new("pay").call_id("1").args(args).effect(effect));
        if effect == Effect::Irreversible {
            let books = self.clone();
            pay = pay.reconcile(async move |key: String| {
                let paid = books.read("payments").contains(&key);
                Ok(if paid { Reconciled::Done(12) } else { Reconciled::NotDone })
            });
        }
        // A process that is stopped inside of its call goes on with it: no fence is there.
        let inside = if gate.stops() { Gate::open() } else { gate.clone() };
        let paid = session.run_tool(pay, async |attempt| {
            self.made("the payment", gate);
            inside.point().await;
            // A server that knows keys pays once for each.
            let known = effect == Effect::Keyed && self.read("payments").contains(attempt.key());
            if !known {
                self.write("payments", attempt.key());
            }
            inside.point().await;
            Ok::<_, BoxError>(12)
        });
        Ok(paid.await?)
    }
}
