//! The link to the server: what is called over its one connection, and how that is made.

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;
use redis::{Cmd, RedisError, RedisResult, Value, cmd};
use runtime_fleet::link::{Link as Line, Server};
use runtime_fleet::{Change, Watchers};

use crate::config::Checked;
use crate::connection::Connection;
use crate::error::{RedisFleetError, is_away};
use crate::functions;

pub(crate) struct Link(Line<Redis>);

struct Redis {
    config: Checked,
    watchers: Arc<Watchers>,
}

impl Link {
    /// Starts the thread. The first call connects.
    pub(crate) fn start(config: Checked, watchers: Arc<Watchers>) -> Result<Self, RedisFleetError> {
        let timeout = config.timeout;
        Ok(Self(Line::start("techrevati-redis", Redis { config, watchers }, timeout)?))
    }

    pub(crate) fn config(&self) -> &Checked {
        &self.0.server().config
    }

    /// Connects once.
    pub(crate) async fn connect(&self) -> Result<(), RedisFleetError> {
        self.0.connect().await
    }

    /// Makes calls, all at once. They wait for a connection if there is none. In the order of the calls, what the
    /// server says to each.
    pub(crate) async fn calls(
        &self,
        commands: &[Cmd],
    ) -> Result<Vec<RedisResult<Value>>, Arc<RedisFleetError>> {
        let call = async |connection: Arc<Connection>| call_all(&connection, commands).await;
        let (answers, connection) = self.0.call(call).await?;
        let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
        if let Some(error) = errors.find(|error| is_away(error)) {
            self.0.retire(&connection);
            let failed = RedisFleetError::failed::<RedisError>("have the answer to a call");
            return Err(Arc::new(failed(error.clone())));
        }
        Ok(answers)
    }
}

impl Server for Redis {
    type Connection = Connection;
    type Error = RedisFleetError;

    /// Connects, and sees that functions can be called.
    async fn connect(&self) -> Result<Connection, RedisFleetError> {
        let connected = async {
            let connection = Connection::open(&self.config, &self.watchers).await?;
            let key = format!("{}:limit:", self.config.prefix);
            let mut answers = call_all(&connection, &[functions::call("paused", &[key])]).await;
            // That something of somebody else is there says that functions can be called.
            answers.retain(|answer| !answer.as_ref().is_err_and(functions::is_of_its_key));
            answers.into_iter().collect::<RedisResult<Vec<_>>>()?;
            Ok(connection)
        };
        connected.await.map_err(RedisFleetError::failed::<RedisError>("connect to the server"))
    }

    fn connected(&self) {
        self.watchers.tell(&Change::Connected);
    }

    fn is_closed(&self, connection: &Connection) -> bool {
        connection.is_closed()
    }

    async fn answers(&self, connection: &Connection) -> bool {
        connection.query(&cmd("PING")).await.is_ok()
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Checked { place, prefix, .. } = self.config();
        f.debug_struct("Link").field("place", place).field("prefix", prefix).finish_non_exhaustive()
    }
}
