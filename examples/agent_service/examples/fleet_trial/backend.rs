//! The database that the processes share, which can be killed.

use std::process::Command;
use std::time::Duration;
use std::{env, thread};

use techrevati_runtime::fleet::{AccountPath, AccountState, Accounts};
use techrevati_runtime::postgres::{PgFleet, PgStore};
use techrevati_runtime::prelude::*;
use techrevati_runtime::redis::RedisFleet;
use test_way::Way;

use crate::block_on;
use crate::provider::Provider;

/// A server of this program's own.
pub(crate) struct Backend {
    server: Server,
    push: bool,
}

enum Server {
    Postgres(test_postgres::Server),
    Redis(test_redis::Server),
}

impl Backend {
    pub(crate) fn start(kind: &str, push: bool) -> Result<Self, BoxError> {
        let server = if kind == "redis" {
            let durable = ["--appendonly", "yes", "--appendfsync", "always"];
            Server::Redis(test_redis::Server::start(&durable).ok_or("there is no redis here")?)
        } else {
            let server = test_postgres::Server::start().ok_or("there is no postgres here")?;
            block_on(PgStore::migrate(&server.url("postgres")))?;
            Server::Postgres(server)
        };
        Ok(Self { server, push })
    }

    /// A server that other hosts can reach.
    pub(crate) fn start_for_all(kind: &str) -> Result<Self, BoxError> {
        let backend = Self::start(kind, true)?;
        match &backend.server {
            Server::Postgres(server) => {
                server.configure("listen_addresses = '*'");
                server.stop();
                server.begin();
            }
            Server::Redis(server) => {
                server.cli(&["CONFIG", "SET", "protected-mode", "no", "bind", "*"]);
            }
        }
        Ok(backend)
    }

    /// A replica, once it has all that there is, which it hears over this way. A grant waits for a synchronous one.
    pub(crate) fn replica(&self, way: &Way, synchronous: bool) -> Result<Self, BoxError> {
        let server = match &self.server {
            Server::Postgres(primary) => {
                let standby = primary.standby(way.port());
                if synchronous {
                    primary.configure("synchronous_standby_names = '*'");
                    primary.reload();
                }
                Server::Postgres(standby)
            }
            Server::Redis(_) => {
                let port = way.port().to_string();
                let options = ["--appendonly", "yes", "--replicaof", "127.0.0.1", &port];
                let replica =
                    test_redis::Server::start(&options).ok_or("there is no redis here")?;
                while !replica.cli(&["INFO", "replication"]).contains("master_link_status:up") {
                    thread::sleep(Duration::from_millis(50));
                }
                Server::Redis(replica)
            }
        };
        Ok(Self { server, push: self.push })
    }

    pub(crate) fn promote(&self) {
        match &self.server {
            Server::Postgres(server) => server.promote(),
            Server::Redis(server) => drop(server.cli(&["REPLICAOF", "NO", "ONE"])),
        }
    }

    /// Stops the processes of the server, which close nothing, or lets them go on.
    pub(crate) fn stall(&self, stalls: bool) -> Result<(), BoxError> {
        let signal = if stalls { "-STOP" } else { "-CONT" };
        let pid = match &self.server {
            Server::Postgres(server) => server.pid(),
            Server::Redis(server) => server.pid(),
        };
        let pid = pid.ok_or("the server does not run")?;
        // The children of Postgres have the connections.
        let _ = Command::new("pkill").args([signal, "-P", &pid]).status()?;
        let stopped = Command::new("kill").args([signal, &pid]).status()?;
        if stopped.success() { Ok(()) } else { Err("the server cannot be stopped".into()) }
    }

    pub(crate) const fn port(&self) -> u16 {
        match &self.server {
            Server::Postgres(server) => server.port(),
            Server::Redis(server) => server.port(),
        }
    }

    pub(crate) fn url(&self, port: u16) -> String {
        self.url_at("127.0.0.1", port)
    }

    pub(crate) fn url_at(&self, host: &str, port: u16) -> String {
        let push = if self.push { "yes" } else { "no" };
        match self.server {
            Server::Postgres(_) => {
                format!("postgres://postgres@{host}:{port}/postgres?push={push}")
            }
            Server::Redis(_) => format!("redis://{host}:{port}/?push={push}"),
        }
    }

    pub(crate) fn member(
        &self,
        job: &str,
        way: &Way,
        provider: &Provider,
    ) -> Result<Command, BoxError> {
        let mut command = Command::new(env::current_exe()?);
        command.args([job, &self.url(way.port()), &provider.address]);
        Ok(command)
    }

    pub(crate) fn kill(&self) {
        match &self.server {
            Server::Postgres(server) => server.kill(),
            Server::Redis(server) => server.kill(),
        }
    }

    pub(crate) fn begin(&self) {
        match &self.server {
            Server::Postgres(server) => server.begin(),
            Server::Redis(server) => server.begin(),
        }
    }

    pub(crate) fn account(&self, path: &str) -> Result<AccountState, BoxError> {
        let url = self.url(self.port());
        block_on(async {
            let accounts: Box<dyn Accounts> = match self.server {
                Server::Postgres(_) => Box::new(PgFleet::connect(&url).await?),
                Server::Redis(_) => Box::new(RedisFleet::connect(&*url).await?),
            };
            let state = accounts.account(&AccountPath::new(path)?).await?;
            state.ok_or_else(|| BoxError::from("there is no account"))
        })
    }

    /// An account, once nobody holds anything of it.
    pub(crate) fn settled(&self, path: &str) -> Result<AccountState, BoxError> {
        for _ in 0..300 {
            if let Ok(state) = self.account(path)
                && state.granted.is_zero()
            {
                return Ok(state);
            }
            thread::sleep(Duration::from_millis(100));
        }
        self.account(path)
    }
}
