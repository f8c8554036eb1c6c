//! The link to the server: one connection, made again when it is lost, driven by a thread of its own.
//!
//! Calls run on the thread, and their answers come back by a channel: so who waits for them needs no runtime.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use redis::{Cmd, RedisError, RedisResult, Value};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot, watch};

use crate::config::Checked;
use crate::connection::Connection;
use crate::error::{RedisFleetError, is_away};
use crate::functions;
use crate::push::Watchers;

/// The longest wait between two attempts to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

pub(crate) struct Link {
    shared: Arc<Shared>,
    driver: Driver,
}

/// A thread with a runtime, for sockets and timers.
struct Driver {
    handle: Handle,
    /// The thread ends once this is dropped.
    _alive: oneshot::Sender<()>,
}

struct Shared {
    config: Checked,
    watchers: Arc<Watchers>,
    state: watch::Sender<State>,
    /// Somebody waits for a connection.
    demand: Notify,
}

enum State {
    Up(Arc<Connection>),
    /// With what the last attempt came to.
    Down(Option<Arc<RedisFleetError>>),
}

impl Link {
    /// Starts the thread. The first call connects.
    pub(crate) fn start(config: Checked, watchers: Arc<Watchers>) -> Result<Self, RedisFleetError> {
        let state = watch::Sender::new(State::Down(None));
        let shared = Arc::new(Shared { config, watchers, state, demand: Notify::new() });
        let driver = Driver::start()?;
        driver.handle.spawn(keep(Arc::clone(&shared)));
        Ok(Self { shared, driver })
    }

    pub(crate) fn config(&self) -> &Checked {
        &self.shared.config
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<(), RedisFleetError> {
        let shared = Arc::clone(&self.shared);
        let connected = self.driver.handle.spawn(async move { shared.connect().await }).await;
        connected.map_err(RedisFleetError::failed("use the thread of a connection"))?
    }

    /// Makes calls, all at once. They wait for a connection if there is none. In the order of the calls, what the
    /// server says to each.
    pub(crate) async fn calls(
        &self,
        commands: Vec<Cmd>,
    ) -> Result<Vec<RedisResult<Value>>, Arc<RedisFleetError>> {
        let shared = Arc::clone(&self.shared);
        let made = self.driver.handle.spawn(async move { shared.calls(&commands).await }).await;
        let failed = RedisFleetError::failed("use the thread of a connection");
        made.map_err(|error| Arc::new(failed(error)))?
    }
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
    async fn calls(
        &self,
        commands: &[Cmd],
    ) -> Result<Vec<RedisResult<Value>>, Arc<RedisFleetError>> {
        let used = OnceLock::new();
        let calls = async {
            let connection = self.connection().await;
            let _ = used.set(Arc::clone(&connection));
            call_all(&connection, commands).await
        };
        let Ok(answers) = tokio::time::timeout(self.config.timeout, calls).await else {
            return Err(match used.get() {
                // Nobody knows what became of this connection, so nobody begins to use it any more.
                Some(connection) => {
                    self.retire(connection);
                    self.late("have the answer to a call")
                }
                None => self.why_down().unwrap_or_else(|| self.late("connect to the server")),
            });
        };
        let failed =
            answers.iter().find_map(|answer| answer.as_ref().err().filter(|it| is_away(it)));
        if let Some(error) = failed {
            if let Some(connection) = used.get() {
                self.retire(connection);
            }
            let failed = RedisFleetError::failed::<RedisError>("have the answer to a call");
            return Err(Arc::new(failed(error.clone())));
        }
        Ok(answers)
    }

    /// The connection, if it is there.
    fn current(&self) -> Option<Arc<Connection>> {
        match &*self.state.borrow() {
            State::Up(connection) if !connection.is_closed() => Some(Arc::clone(connection)),
            _ => None,
        }
    }

    /// The connection, once it is there.
    async fn connection(&self) -> Arc<Connection> {
        let mut state = self.state.subscribe();
        loop {
            state.mark_unchanged();
            if let Some(connection) = self.current() {
                return connection;
            }
            self.demand.notify_one();
            // The sender is ours, so it is not gone.
            let _ = state.changed().await;
        }
    }

    fn why_down(&self) -> Option<Arc<RedisFleetError>> {
        match &*self.state.borrow() {
            State::Down(why) => why.clone(),
            State::Up(_) => None,
        }
    }

    fn late(&self, attempted: &'static str) -> Arc<RedisFleetError> {
        Arc::new(RedisFleetError::TimedOut { attempted, after: self.config.timeout })
    }

    /// Gives a connection up, if it is the one in use. Calls that are under way on it may still be answered.
    fn retire(&self, connection: &Arc<Connection>) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(now) if Arc::ptr_eq(now, connection));
            if is_it {
                *state = State::Down(None);
            }
            is_it
        });
    }

    /// Connects, sees that functions can be called, and lets everybody use the connection.
    async fn connect(&self) -> Result<(), RedisFleetError> {
        let attempted = "connect to the server";
        let failed = RedisFleetError::failed::<RedisError>(attempted);
        let connected = tokio::time::timeout(self.config.timeout, async {
            let connection = Connection::open(&self.config, &self.watchers).await?;
            let key = format!("{}:limit:", self.config.prefix);
            let answer = call_all(&connection, &[functions::call("paused", &[key])]).await;
            answer.into_iter().collect::<RedisResult<Vec<_>>>()?;
            Ok(connection)
        });
        let after = self.config.timeout;
        let connected =
            connected.await.map_err(|_| RedisFleetError::TimedOut { attempted, after })?;
        self.state.send_replace(State::Up(Arc::new(connected.map_err(failed)?)));
        self.watchers.connected();
        Ok(())
    }
}

/// Makes calls, and loads the functions if they are not there.
async fn call_all(connection: &Connection, commands: &[Cmd]) -> Vec<RedisResult<Value>> {
    let mut answers = join_all(commands.iter().map(|command| connection.query(command))).await;
    let is_absent = |answer: &RedisResult<Value>| answer.as_ref().is_err_and(functions::is_absent);
    if answers.iter().any(is_absent) {
        if let Err(error) = functions::load(connection).await {
            return vec![Err(error)];
        }
        for (answer, command) in answers.iter_mut().zip(commands) {
            if is_absent(answer) {
                *answer = connection.query(command).await;
            }
        }
    }
    answers
}

impl Driver {
    fn start() -> Result<Self, RedisFleetError> {
        let failed = RedisFleetError::failed::<std::io::Error>("start the thread of a connection");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(&failed)?;
        let handle = runtime.handle().clone();
        let (alive, until) = oneshot::channel::<()>();
        let run = move || {
            let _ = runtime.block_on(until);
        };
        thread::Builder::new().name("techrevati-redis".to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, _alive: alive })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { place, prefix, .. } = self.config();
        f.debug_struct("Link").field("place", place).field("prefix", prefix).finish_non_exhaustive()
    }
}
