//! [`PgFleet`]: what the processes of a fleet share, in a database.

mod accounts;
mod answer;
mod ask;
mod push;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, MemberId, MemberReport, Probe,
    ProbeLease, Probed, Rules, SharedState, StateError, StateFuture, View, Watcher, Watchers,
};
use serde::de::DeserializeOwned;
use tokio_postgres::types::{Json, Type};

use crate::config::PgConfig;
use crate::error::PgError;
use crate::link::{Function, Link, NoAnswer, Param, Purpose};
use crate::schema;
use crate::store::number;

/// The time that a call may take, unless it is set.
const USUAL: Duration = Duration::from_secs(2);

/// The backend of a fleet in a Postgres database. Clones share a connection.
///
/// It needs no runtime: a thread of its own drives the connection. A lost connection is made again by the next
/// call, and one that says nothing any more is noticed after the [timeout](PgConfig::timeout) of a call, 2 s.
///
/// ```no_run
/// use runtime_postgres::{PgConfig, PgFleet};
///
/// # async fn run() -> Result<(), runtime_postgres::PgError> {
/// let backend = PgFleet::connect("postgres://agents@localhost/agents").await?;
/// // Through PgBouncer in transaction mode nothing can be pushed.
/// let pooled = PgFleet::connect("postgres://agents@pool.example.org/agents?push=no").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PgFleet {
    link: Arc<Link>,
    watchers: Arc<Watchers>,
}

impl PgFleet {
    /// Connects to a database whose schema is [there](crate::PgStore::migrate).
    ///
    /// A server that is away is no error: calls fail with [`StateError::Unavailable`] until it is back.
    ///
    /// # Errors
    ///
    /// [`PgError`], if the configuration is wrong, or if the server is there and refuses it.
    pub async fn connect(config: impl Into<PgConfig>) -> Result<Self, PgError> {
        let config = config.into().check(USUAL)?;
        let watchers = Arc::new(Watchers::default());
        let listener = Some(Arc::clone(&watchers) as Arc<_>);
        let link = Link::start(config, Purpose { version: schema::FLEET, listener })?;
        match link.connect().await {
            Err(error) if !error.is_away() => Err(error),
            _ => Ok(Self { link: Arc::new(link), watchers }),
        }
    }

    /// Calls a function of the schema, and reads what it returns as JSON.
    async fn ask<T: DeserializeOwned>(
        &self,
        function: &'static str,
        attempted: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<T>, StateError> {
        let called = if function == "fleet_sync" { Function::Often } else { Function::Value };
        let rows = self.link.call(called(function), params).await.map_err(|error| match error {
            NoAnswer::Refused(error) => {
                let known = refused(&error).or_else(|| damaged(function, &error));
                known.unwrap_or_else(|| StateError::unavailable(attempted, error))
            }
            NoAnswer::Lost(source) => StateError::Unavailable { attempted, source },
        })?;
        let read = |row: &tokio_postgres::Row| {
            let value = row.try_get::<_, Option<Json<T>>>(0).map_err(|error| {
                let why = std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string);
                StateError::Corrupt { of: format!("the answer of `{function}`"), why }
            });
            value.map(|value| value.map(|Json(value)| value)).transpose()
        };
        rows.iter().filter_map(read).collect()
    }

    async fn ask_breaker(
        &self,
        function: &'static str,
        attempted: &'static str,
        breaker: &str,
        params: &[Param<'_>],
    ) -> Result<answer::Breaker, StateError> {
        let answer = self.ask_one(function, attempted, params).await;
        let view = answer.map_err(|error| error.named("breaker", breaker))?;
        view.ok_or_else(|| nothing(function))
    }

    async fn sync_once(&self, report: &MemberReport) -> Result<View, StateError> {
        let told = Json(ask::report(report));
        let params: [Param<'_>; 1] = [(&told, Type::JSONB)];
        let view = self.ask_one::<answer::View>("fleet_sync", "tell the fleet", &params).await?;
        Ok(view.ok_or_else(|| nothing("fleet_sync"))?.read(report))
    }

    async fn ask_one<T: DeserializeOwned>(
        &self,
        function: &'static str,
        attempted: &'static str,
        params: &[Param<'_>],
    ) -> Result<Option<T>, StateError> {
        Ok(self.ask(function, attempted, params).await?.into_iter().next())
    }
}

/// What an error of the functions says. `None` of another error.
fn refused(error: &tokio_postgres::Error) -> Option<StateError> {
    let error = error.as_db_error()?;
    let path = |text: &str| AccountPath::new(text).ok();
    match error.code().code() {
        "TR021" => Some(StateError::NoAccount { account: path(error.detail()?)? }),
        "TR022" => {
            let (account, above) = error.detail()?.split_once('\n')?;
            Some(StateError::NoAccountAbove { account: path(account)?, above: path(above)? })
        }
        _ => None,
    }
}

/// What a function found makes no sense, or does not fit: of the data, or of its integrity.
fn damaged(function: &str, error: &tokio_postgres::Error) -> Option<StateError> {
    let error = error.as_db_error()?;
    let of_data =
        ["22", "23", "P0", "XX"].iter().any(|class| error.code().code().starts_with(class));
    let of = format!("the answer of `{function}`");
    of_data.then(|| StateError::Corrupt { of, why: error.message().to_owned() })
}

fn nothing(function: &str) -> StateError {
    let of = format!("the answer of `{function}`");
    StateError::Corrupt { of, why: "it is empty".to_owned() }
}

impl SharedState for PgFleet {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        Box::pin(async move {
            let why = match self.sync_once(report).await {
                Err(StateError::Corrupt { why, .. }) => why,
                answered => return answered,
            };
            // The call was undone. Without what is damaged, the rest can be told.
            if let Some([one, other]) = ask::halves(report) {
                return Ok(answer::joined(self.sync(&one).await?, self.sync(&other).await?));
            }
            let View { at, members, .. } = self.sync_once(&ask::nothing_of(report)).await?;
            Ok(answer::damaged((at, members), report, &why))
        })
    }

    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        Box::pin(async move {
            let params: [Param<'_>; 3] = [
                (&breaker, Type::TEXT),
                (&number(seen), Type::INT8),
                (&ask::micros(wait), Type::INT8),
            ];
            let view = self.ask_breaker("fleet_open", "open a breaker", breaker, &params).await;
            Ok(view?.view())
        })
    }

    fn probe<'a>(
        &'a self,
        breaker: &'a str,
        member: &'a MemberId,
        ttl: Duration,
        wait: Duration,
    ) -> StateFuture<'a, Probe> {
        Box::pin(async move {
            let params: [Param<'_>; 4] = [
                (&breaker, Type::TEXT),
                (&member.as_str(), Type::TEXT),
                (&ask::micros(ttl), Type::INT8),
                (&ask::micros(wait), Type::INT8),
            ];
            let view = self.ask_breaker("fleet_probe", "ask for a probe", breaker, &params).await?;
            Ok(match view.granted {
                Some(ttl) => Probe::Granted(ProbeLease {
                    breaker: breaker.into(),
                    member: member.clone(),
                    generation: view.generation,
                    ttl: Duration::from_micros(ttl),
                }),
                None => Probe::Refused(view.view()),
            })
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        Box::pin(async move {
            let wait = match ended {
                Probed::Closed => -1,
                Probed::Failed { wait } => ask::micros(wait),
                Probed::Unused => 0,
            };
            let params: [Param<'_>; 4] = [
                (&&*lease.breaker, Type::TEXT),
                (&lease.member.as_str(), Type::TEXT),
                (&number(lease.generation), Type::INT8),
                (&wait, Type::INT8),
            ];
            let (attempted, breaker) = ("tell how a probe ended", &lease.breaker);
            let view = self.ask_breaker("fleet_probed", attempted, breaker, &params).await;
            Ok(view?.view())
        })
    }

    fn open_account<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        Box::pin(self.put_account(account, rules, false))
    }

    fn book<'a>(&'a self, booking: &'a Booking) -> StateFuture<'a, Booked> {
        Box::pin(async move {
            booking.check()?;
            let asked = Json(ask::booking(booking));
            let params: [Param<'_>; 1] = [(&asked, Type::JSONB)];
            let booked = self.ask_one::<answer::Booked>("fleet_book", "book", &params).await;
            let account = &booking.account;
            let booked = booked.map_err(|error| error.named("account", account.as_str()))?;
            booked.ok_or_else(|| StateError::NoAccount { account: account.clone() })?.read()
        })
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        Box::pin(async move {
            let params: [Param<'_>; 2] = [(&name, Type::TEXT), (&ask::micros(wait), Type::INT8)];
            let answer =
                self.ask_one::<serde_json::Value>("fleet_pause", "pause a limit", &params).await;
            answer.map(drop).map_err(|error| error.named("limit", name))
        })
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.add(watcher);
    }
}

impl fmt::Debug for PgFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgFleet").field("link", &self.link).finish_non_exhaustive()
    }
}
