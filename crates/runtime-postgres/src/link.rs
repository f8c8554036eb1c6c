//! The link to the database: what is called over its one connection, and how that is made.
//!
//! Calls are written to the connection by who makes them, and their answers come back by a channel. So they
//! need no runtime, and are pipelined.

use std::fmt;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use runtime_fleet::link::{Driver, Link as Line, LinkError, Server};
use runtime_store::StoreDurability;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Row, Statement};

use crate::config::Checked;
use crate::error::PgError;
use crate::tls::Tls;

/// The name of the thread.
const THREAD: &str = "techrevati-postgres";

const CONNECT: &str = "connect to the database";

/// The wait of a call that has given way to another one, until it is made anew.
const ANEW: Duration = Duration::from_millis(1);

/// A parameter of a call.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) struct Link(Line<Database>);

/// A function of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    /// It returns rows of columns.
    Rows(&'static str),
    /// It returns values of one column, or nothing. To select it takes less than to select from it.
    Value(&'static str),
    /// The one of a link, that is called often. It returns a value.
    Often(&'static str),
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

struct Database {
    config: Checked,
    purpose: Purpose,
    /// A [`StoreDurability`], by its place in `ALL`.
    durability: AtomicU8,
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
        let timeout = config.timeout;
        let database = Database { config, purpose, durability: AtomicU8::new(0) };
        Ok(Self(Line::start(THREAD, database, timeout)?))
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<(), PgError> {
        self.0.connect().await
    }

    pub(crate) fn config(&self) -> &Checked {
        &self.0.server().config
    }

    pub(crate) fn durability(&self) -> StoreDurability {
        let index = usize::from(self.0.server().durability.load(Ordering::Relaxed));
        StoreDurability::ALL.get(index).copied().unwrap_or(StoreDurability::Process)
    }

    /// The runtime of the thread, for what nobody waits for.
    pub(crate) const fn handle(&self) -> &Handle {
        self.0.driver().handle()
    }

    /// Calls a function of the schema. It waits for a connection if there is none.
    pub(crate) async fn call(
        &self,
        function: Function,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, NoAnswer> {
        let (all, name, often) = match function {
            Function::Rows(name) => ("* from ", name, false),
            Function::Value(name) => ("", name, false),
            Function::Often(name) => ("", name, true),
        };
        let mut sql = format!("select {all}\"{}\".{name}(", self.config().schema.name());
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
        let prepared = often && self.config().prepared;
        let call = async |session: Arc<Session>| {
            loop {
                let answered = if prepared {
                    session.query_prepared(sql, params).await
                } else {
                    session.client.query_typed(sql, params).await
                };
                match answered {
                    // For as long as a call may take: who writes all the time leaves few moments to others.
                    Err(error) if gave_way(&error) => tokio::time::sleep(ANEW).await,
                    answered => return answered,
                }
            }
        };
        let (answered, session) = self.0.call(call).await.map_err(NoAnswer::Lost)?;
        answered.map_err(|error| match error.code() {
            Some(code) if of_connection(code) => {
                self.0.retire(&session);
                NoAnswer::Lost(Arc::new(PgError::failed("make a call")(error)))
            }
            Some(_) => NoAnswer::Refused(error),
            None => NoAnswer::Lost(Arc::new(PgError::failed("have the answer to a call")(error))),
        })
    }
}

/// Whether a call was rolled back for the sake of another one, and not for its own: two waited for each other, or
/// transactions are serializable by default here. <https://www.postgresql.org/docs/current/mvcc-serialization-failure-handling.html>
fn gave_way(error: &tokio_postgres::Error) -> bool {
    let others = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| others.contains(code))
}

/// Whether an error is of the connection and not of the call: the server shuts down, or does not write any more.
fn of_connection(code: &SqlState) -> bool {
    let text = code.code();
    text.starts_with("08")
        || text.starts_with("57P")
        || *code == SqlState::READ_ONLY_SQL_TRANSACTION
}

impl Server for Database {
    type Connection = Session;
    type Error = PgError;

    /// Connects, and checks the schema.
    async fn connect(&self) -> Result<Session, PgError> {
        let Purpose { version, listener } = &self.purpose;
        let listener = listener.as_ref().filter(|_| self.config.push);
        let client = dial(&self.config, listener.cloned()).await?;
        let checked = self.config.schema.check(&client, *version).await;
        let durability = checked.map_err(|error| self.config.explained(error))?;
        if listener.is_some() {
            // The session is its own. The functions wait for each other's rows, and are not to lose them.
            let listen = format!(
                "set default_transaction_isolation to 'read committed'; listen \"{}\"",
                self.config.schema.name()
            );
            client.batch_execute(&listen).await.map_err(PgError::failed(CONNECT))?;
        }
        let place = StoreDurability::ALL.iter().position(|it| *it == durability);
        let place = place.and_then(|place| u8::try_from(place).ok()).unwrap_or(0);
        self.durability.store(place, Ordering::Relaxed);
        Ok(Session { client, often: OnceCell::new() })
    }

    fn connected(&self) {
        if let Some(listener) = &self.purpose.listener {
            listener.connected();
        }
    }

    fn is_closed(&self, session: &Session) -> bool {
        session.client.is_closed()
    }

    async fn answers(&self, session: &Session) -> bool {
        session.client.batch_execute("").await.is_ok()
    }
}

/// A connection that is driven by a task. It ends with its client.
async fn dial(config: &Checked, listener: Option<Arc<dyn Listener>>) -> Result<Client, PgError> {
    let failed = PgError::failed(CONNECT);
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
    let driver = Driver::start(THREAD)?;
    let migration = async move {
        let (attempted, after) = (CONNECT, config.timeout);
        let client = tokio::time::timeout(after, dial(&config, None)).await;
        let client = client.map_err(|_| LinkError::TimedOut { attempted, after })??;
        config.schema.migrate(&client).await.map_err(|error| config.explained(error))
    };
    driver.run(migration).await?
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { place, schema, .. } = self.config();
        f.debug_struct("Link").field("place", place).field("schema", schema).finish_non_exhaustive()
    }
}
