//! The link to the server: one connection, made again when it is lost, driven by a thread of its own.
//!
//! Calls are written to the connection by who makes them, and their answers come back by a channel. So they
//! need no runtime, and are pipelined. Only timers and sockets belong to the thread's runtime.

use std::fmt;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use runtime_store::StoreDurability;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OnceCell, watch};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Row, Statement};

use crate::config::Checked;
use crate::driver::Driver;
use crate::error::PgError;
use crate::tls::Tls;

/// The longest wait between two attempts to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// A parameter of a call.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) struct Link {
    shared: Arc<Shared>,
    driver: Driver,
}

/// Why a call has no answer.
pub(crate) enum NoAnswer {
    /// The server refused the call.
    Refused(tokio_postgres::Error),
    /// The call may have been made.
    Lost(Arc<PgError>),
}

/// Hears what the server says by itself.
pub(crate) trait Listener: Send + Sync {
    /// The connection is there, perhaps again.
    fn connected(&self);
    /// The server pushed this, on the channel that has the name of the schema.
    fn notified(&self, payload: &str);
}

/// What a link is for.
pub(crate) struct Purpose {
    /// The version of the schema that it needs.
    pub(crate) version: i32,
    pub(crate) listener: Option<Arc<dyn Listener>>,
}

struct Shared {
    config: Checked,
    purpose: Purpose,
    state: watch::Sender<State>,
    /// Somebody waits for a connection.
    demand: Notify,
    /// A [`StoreDurability`], by its place in `ALL`.
    durability: AtomicU8,
}

enum State {
    Up(Arc<Session>),
    /// With what the last attempt came to.
    Down(Option<Arc<PgError>>),
}

/// A connection, and what the server keeps for it.
struct Session {
    client: Client,
    /// The one call that is made often, if it may be prepared.
    often: OnceCell<Statement>,
}

impl Session {
    async fn query_prepared(
        &self,
        sql: &str,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        let prepare = || async {
            let types: Vec<_> = params.iter().map(|(_, kind)| kind.clone()).collect();
            self.client.prepare_typed(sql, &types).await
        };
        let statement = self.often.get_or_try_init(prepare).await?;
        let values: Vec<_> = params.iter().map(|(value, _)| *value).collect();
        self.client.query(statement, &values).await
    }
}

impl Link {
    /// Starts the thread. The first call connects.
    pub(crate) fn start(config: Checked, purpose: Purpose) -> Result<Self, PgError> {
        let driver = Driver::start()?;
        let shared = Arc::new(Shared {
            config,
            purpose,
            state: watch::Sender::new(State::Down(None)),
            demand: Notify::new(),
            durability: AtomicU8::new(0),
        });
        driver.handle.spawn(keep(Arc::clone(&shared)));
        Ok(Self { shared, driver })
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<(), PgError> {
        let shared = Arc::clone(&self.shared);
        self.driver.run(async move { shared.connect().await }).await
    }

    pub(crate) fn config(&self) -> &Checked {
        &self.shared.config
    }

    pub(crate) fn durability(&self) -> StoreDurability {
        let index = usize::from(self.shared.durability.load(Ordering::Relaxed));
        StoreDurability::ALL.get(index).copied().unwrap_or(StoreDurability::Process)
    }

    /// The runtime of the thread, for what nobody waits for.
    pub(crate) const fn handle(&self) -> &Handle {
        &self.driver.handle
    }

    /// Calls a function of the schema. It waits for a connection if there is none.
    ///
    /// Of all functions of a link, one is called often.
    pub(crate) async fn call(
        &self,
        function: &str,
        params: &[Param<'_>],
        often: bool,
    ) -> Result<Vec<Row>, NoAnswer> {
        let mut sql = format!("select * from \"{}\".{function}(", self.config().schema.name());
        for number in 1..=params.len() {
            let comma = if number == 1 { "" } else { "," };
            // A `String` takes any text.
            let _ = write!(sql, "{comma}${number}");
        }
        sql.push(')');
        self.query(&sql, params, often).await
    }

    async fn query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        often: bool,
    ) -> Result<Vec<Row>, NoAnswer> {
        let shared = &self.shared;
        let doubt = Doubt { link: self, used: OnceLock::new() };
        let used = &doubt.used;
        let call = async {
            let session = shared.session().await;
            let _ = used.set(Arc::clone(&session));
            if often && shared.config.prepared {
                session.query_prepared(sql, params).await
            } else {
                session.client.query_typed(sql, params).await
            }
        };
        let timed = {
            // The timer is the thread's. It may be waited for anywhere.
            let _entered = self.driver.handle.enter();
            tokio::time::timeout(shared.config.timeout, call)
        };
        let timed = timed.await;
        let used = doubt.over();
        let Ok(answered) = timed else {
            let late = match used.get() {
                // Nobody knows what became of this connection, so nobody begins to use it any more.
                Some(session) => {
                    shared.retire(session);
                    shared.late("have the answer to a call")
                }
                None => shared.why_down().unwrap_or_else(|| shared.late("connect to the database")),
            };
            return Err(NoAnswer::Lost(late));
        };
        answered.map_err(|error| match error.code() {
            Some(code) if of_connection(code) => {
                if let Some(session) = used.get() {
                    shared.retire(session);
                }
                NoAnswer::Lost(Arc::new(PgError::failed("make a call")(error)))
            }
            Some(_) => NoAnswer::Refused(error),
            None => NoAnswer::Lost(Arc::new(PgError::failed("have the answer to a call")(error))),
        })
    }
}

/// A call without an answer. If its caller leaves before there is one, nobody knows whether the connection still
/// answers, so that is looked at.
struct Doubt<'l> {
    link: &'l Link,
    used: OnceLock<Arc<Session>>,
}

impl Doubt<'_> {
    fn over(mut self) -> OnceLock<Arc<Session>> {
        std::mem::take(&mut self.used)
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        let Some(session) = self.used.take() else { return };
        let shared = Arc::clone(&self.link.shared);
        self.link.driver.handle.spawn(async move {
            let asked = session.client.batch_execute("");
            if !matches!(tokio::time::timeout(shared.config.timeout, asked).await, Ok(Ok(()))) {
                shared.retire(&session);
            }
        });
    }
}

/// Whether an error is of the connection and not of the call: the server shuts down, or does not write any more.
fn of_connection(code: &SqlState) -> bool {
    let text = code.code();
    text.starts_with("08")
        || text.starts_with("57P")
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

/// Connects whenever somebody waits for it, for as long as the link is there.
async fn keep(shared: Arc<Shared>) {
    let mut wait = Duration::from_millis(25);
    loop {
        shared.demand.notified().await;
        if shared.current().is_some() {
            continue;
        }
        match shared.connect().await {
            Ok(()) => wait = Duration::from_millis(25),
            Err(error) => {
                shared.state.send_replace(State::Down(Some(Arc::new(error))));
                // Not all processes of a fleet at the same time.
                tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64())).await;
                wait = (2 * wait).min(LONGEST_WAIT);
            }
        }
    }
}

impl Shared {
    /// The connection, if it is there.
    fn current(&self) -> Option<Arc<Session>> {
        match &*self.state.borrow() {
            State::Up(session) if !session.client.is_closed() => Some(Arc::clone(session)),
            _ => None,
        }
    }

    /// The connection, once it is there.
    async fn session(&self) -> Arc<Session> {
        let mut state = self.state.subscribe();
        loop {
            state.mark_unchanged();
            if let Some(session) = self.current() {
                return session;
            }
            self.demand.notify_one();
            // The sender is ours, so it is not gone.
            let _ = state.changed().await;
        }
    }

    fn why_down(&self) -> Option<Arc<PgError>> {
        match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            State::Up(_) => None,
        }
    }

    fn late(&self, attempted: &'static str) -> Arc<PgError> {
        Arc::new(PgError::TimedOut { attempted, after: self.config.timeout })
    }

    /// Gives a connection up, if it is the one in use. Calls that are under way on it may still be answered.
    fn retire(&self, session: &Arc<Session>) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(now) if Arc::ptr_eq(now, session));
            if is_it {
                *state = State::Down(None);
            }
            is_it
        });
    }

    /// Connects, checks the schema, and lets everybody use the connection.
    async fn connect(&self) -> Result<(), PgError> {
        let attempted = "connect to the database";
        let Purpose { version, listener } = &self.purpose;
        let listener = listener.as_ref().filter(|_| self.config.push);
        let connected = tokio::time::timeout(self.config.timeout, async {
            let client = dial(&self.config, listener.cloned()).await?;
            let durability = self.config.schema.check(&client, *version).await?;
            if listener.is_some() {
                let listen = format!("listen \"{}\"", self.config.schema.name());
                client.batch_execute(&listen).await.map_err(PgError::failed(attempted))?;
            }
            Ok((Arc::new(Session { client, often: OnceCell::new() }), durability))
        });
        let after = self.config.timeout;
        let connected = connected.await.map_err(|_| PgError::TimedOut { attempted, after })?;
        let (session, durability) = connected?;
        let place = StoreDurability::ALL.iter().position(|it| *it == durability);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0);
        self.durability.store(place, Ordering::Relaxed);
        self.state.send_replace(State::Up(session));
        if let Some(listener) = &self.purpose.listener {
            listener.connected();
        }
        Ok(())
    }
}

/// A connection that is driven by a task. It ends with its client.
async fn dial(config: &Checked, listener: Option<Arc<dyn Listener>>) -> Result<Client, PgError> {
    let failed = PgError::failed("connect to the database");
    Ok(match &config.tls {
        Tls::Never => {
            let (client, connection) = config.postgres.connect(NoTls).await.map_err(failed)?;
            tokio::spawn(drive(connection, listener));
            client
        }
        #[cfg(feature = "tls")]
        Tls::Rustls(tls) => {
            let connected = config.postgres.connect(tls.clone()).await;
            let (client, connection) = connected.map_err(failed)?;
            tokio::spawn(drive(connection, listener));
            client
        }
    })
}

/// Drives a connection until its end, of which the client knows.
async fn drive<S, T>(mut connection: Connection<S, T>, listener: Option<Arc<dyn Listener>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
        if let (AsyncMessage::Notification(push), Some(listener)) = (message, &listener) {
            listener.notified(push.payload());
        }
    }
}

/// Makes the schema, or brings it up to date, over a connection of its own.
pub(crate) async fn migrate(config: Checked) -> Result<(), PgError> {
    let driver = Driver::start()?;
    let migration = async move {
        let (attempted, after) = ("connect to the database", config.timeout);
        let client = tokio::time::timeout(after, dial(&config, None)).await;
        let client = client.map_err(|_| PgError::TimedOut { attempted, after })??;
        config.schema.migrate(&client).await
    };
    driver.run(migration).await
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { place, schema, .. } = self.config();
        f.debug_struct("Link").field("place", place).field("schema", schema).finish_non_exhaustive()
    }
}
