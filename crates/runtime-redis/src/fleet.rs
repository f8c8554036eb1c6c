//! [`RedisFleet`]: what the processes of a fleet share, in Redis.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::{Cmd, RedisError, RedisResult, Value};
use runtime_fleet::{
    AccountPath, AccountState, Booked, Booking, BreakerView, MemberId, MemberReport, PerMinute,
    Probe, ProbeLease, Probed, Rules, SharedState, StateError, StateFuture, View, Want, Watcher,
    Watchers,
};

use crate::config::RedisConfig;
use crate::error::RedisFleetError;
use crate::functions::{self, call};
use crate::link::Link;
use crate::reply;

/// The backend of a fleet in Redis. Clones share a connection.
///
/// It needs no runtime: a thread of its own drives the connection. A lost connection is made again by the next
/// call, and one that says nothing any more is noticed after the [timeout](RedisConfig::timeout) of a call, 2 s.
///
/// A call of [`sync`](SharedState::sync) is a command for each breaker, limit, pause and account, sent at once: in
/// a cluster, each has a place of its own. Accounts are together with their tree.
///
/// ```no_run
/// use runtime_redis::{RedisConfig, RedisFleet};
///
/// # async fn run() -> Result<(), runtime_redis::RedisFleetError> {
/// let backend = RedisFleet::connect("redis://localhost").await?;
/// let tests = RedisFleet::connect(RedisConfig::new("redis://localhost").prefix("tests")).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RedisFleet {
    link: Arc<Link>,
    watchers: Arc<Watchers>,
}

impl RedisFleet {
    /// Connects to a server, and loads the functions that it needs.
    ///
    /// A server that is away is no error: calls fail with [`StateError::Unavailable`] until it is back.
    ///
    /// With `rediss://`, rustls gets a provider of its cryptography for the process if it has none: `ring`.
    ///
    /// # Errors
    ///
    /// [`RedisFleetError`], if the configuration is wrong, or if the server is there and refuses it.
    pub async fn connect(config: impl Into<RedisConfig>) -> Result<Self, RedisFleetError> {
        let config = config.into().check()?;
        #[cfg(feature = "tls")]
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may be faster, and its choice is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let watchers = Arc::new(Watchers::default());
        let link = Link::start(config, Arc::clone(&watchers))?;
        match link.connect().await {
            Err(error) if !error.is_away() => Err(error),
            _ => Ok(Self { link: Arc::new(link), watchers }),
        }
    }

    fn prefix(&self) -> &str {
        &self.link.config().prefix
    }

    pub(crate) fn channel(&self) -> &str {
        &self.link.config().channel
    }

    pub(crate) fn key(&self, kind: &str, name: &str) -> [String; 1] {
        [format!("{}:{kind}:{name}", self.prefix())]
    }

    /// The keys of a tree, which a cluster keeps in one place.
    pub(crate) fn tree(&self, root: &str) -> [String; 3] {
        let key = |part: &str| format!("{}:{part}:{{{root}}}", self.prefix());
        [key("accounts"), key("grants"), key("ends")]
    }

    /// Calls functions, all at once.
    pub(crate) async fn ask(
        &self,
        attempted: &'static str,
        calls: &[Cmd],
    ) -> Result<Vec<RedisResult<Value>>, StateError> {
        let answers = self.link.calls(calls).await;
        answers.map_err(|source| StateError::Unavailable { attempted, source })
    }

    pub(crate) async fn ask_one(
        &self,
        attempted: &'static str,
        call: Cmd,
    ) -> Result<Value, StateError> {
        let answer = self.ask(attempted, &[call]).await?.into_iter().next();
        answer.unwrap_or(Ok(Value::Nil)).map_err(refused(attempted))
    }

    fn booking(&self, booking: &Booking) -> Cmd {
        let mut call = call("book", &self.tree(booking.account.root()));
        call.arg(self.channel()).arg(booking.account.as_str()).arg(booking.member.as_str());
        call.arg(number(booking.seq)).arg(number(booking.heard)).arg(micros(booking.ttl));
        let Booking { granted, spent, estimated, returned, .. } = *booking;
        let (least, most) = booking.asks();
        for sum in [granted, spent, estimated, returned, least, most] {
            call.arg(sum.nanos());
        }
        call
    }

    fn share(&self, want: &Want, report: &MemberReport) -> Cmd {
        let mut call = call("share", &self.key("limit", &want.limit));
        call.arg(report.member.as_str()).arg(number(report.seq)).arg(micros(report.ttl));
        call.arg(&per_minute(want.limits)).arg(&per_minute(want.applied));
        call.arg(&per_minute(want.demand));
        call
    }

    fn of_breaker(&self, function: &str, breaker: &str) -> Cmd {
        let mut call = call(function, &self.key("breaker", breaker));
        call.arg(breaker).arg(self.channel());
        call
    }
}

/// The largest number that the server counts exactly.
const LARGEST: u64 = (1 << 53) - 1;

/// A number as the server has it. A larger one is nowhere, so its largest stands for it.
fn number(count: u64) -> u64 {
    count.min(LARGEST)
}

/// A time in microseconds, at most a hundred years. One that is not zero is not zero here.
fn micros(time: Duration) -> u64 {
    const LONGEST: u128 = 100 * 365 * 24 * 3_600 * 1_000_000;
    let micros = time.as_nanos().div_ceil(1_000).min(LONGEST);
    u64::try_from(micros).unwrap_or(u64::MAX)
}

fn per_minute(numbers: PerMinute) -> [i64; 4] {
    numbers.map(|units| units.map_or(-1, |units| number(units).cast_signed()))
}

/// What an error of the functions says.
pub(crate) fn refused(attempted: &'static str) -> impl Fn(RedisError) -> StateError {
    move |error| {
        let known = no_account(&error).or_else(|| damaged(&error));
        known.unwrap_or_else(|| StateError::unavailable(attempted, error))
    }
}

/// Somebody else has put something at this key. That is a matter of this key alone.
fn damaged(error: &RedisError) -> Option<StateError> {
    let corrupt = || StateError::Corrupt { of: "a key".to_owned(), why: error.to_string() };
    functions::is_of_its_key(error).then(corrupt)
}

fn no_account(error: &RedisError) -> Option<StateError> {
    if error.code() != Some("NOACCOUNT") {
        return None;
    }
    let (account, absent) = error.detail()?.split_once('\t')?;
    let (account, above) = (AccountPath::new(account).ok()?, AccountPath::new(absent).ok()?);
    let own = account == above;
    Some(if own {
        StateError::NoAccount { account }
    } else {
        StateError::NoAccountAbove { account, above }
    })
}

/// One answer of several. If the server is away, none of them counts.
fn alone<T>(answer: Result<T, StateError>) -> Result<Result<T, StateError>, StateError> {
    match answer {
        Err(error) if error.is_unavailable() => Err(error),
        own => Ok(own),
    }
}

/// The answer to a booking.
fn booked(account: &AccountPath, answer: Result<Value, StateError>) -> Result<Booked, StateError> {
    let answer =
        answer.and_then(reply::booked).map_err(|error| error.named("account", account.as_str()));
    answer.map_err(|error| match error {
        // An account above is there for as long as the one below it.
        StateError::NoAccountAbove { account, .. } => StateError::NoAccount { account },
        error => error,
    })
}

impl SharedState for RedisFleet {
    fn sync<'a>(&'a self, report: &'a MemberReport) -> StateFuture<'a, View> {
        Box::pin(async move {
            let attempted = "tell the fleet";
            let mut member = call("member", &self.key("members", ""));
            member.arg(report.member.as_str()).arg(micros(report.ttl));
            let mut calls = vec![member];
            calls.extend(
                report.breakers.iter().map(|name| call("breaker", &self.key("breaker", name))),
            );
            calls.extend(report.wants.iter().map(|want| self.share(want, report)));
            calls.extend(report.pauses.iter().map(|name| call("paused", &self.key("limit", name))));
            let counted = report.bookings.iter().filter(|booking| booking.check().is_ok());
            calls.extend(counted.map(|booking| self.booking(booking)));
            let mut answers = self.ask(attempted, &calls).await?.into_iter();
            let mut next = || answers.next().unwrap_or(Ok(Value::Nil)).map_err(refused(attempted));

            let (members, at) = reply::members(next()?)?;
            let breakers = report.breakers.iter().map(|name| {
                alone(next().and_then(reply::view).map_err(|error| error.named("breaker", name)))
            });
            let breakers = breakers.collect::<Result<_, _>>()?;
            let shares = report.wants.iter().map(|want| {
                alone(
                    next()
                        .and_then(reply::share)
                        .map_err(|error| error.named("limit", &want.limit)),
                )
            });
            let shares = shares.collect::<Result<_, _>>()?;
            let pauses = report.pauses.iter().map(|name| {
                alone(next().and_then(reply::pause).map_err(|error| error.named("pause", name)))
            });
            let pauses = pauses.collect::<Result<_, _>>()?;
            let booked = report.bookings.iter().map(|booking| {
                alone(booking.check().and_then(|()| booked(&booking.account, next())))
            });
            let booked = booked.collect::<Result<_, _>>()?;
            Ok(View { at, members, breakers, shares, pauses, booked })
        })
    }

    fn open<'a>(
        &'a self,
        breaker: &'a str,
        seen: u64,
        wait: Duration,
    ) -> StateFuture<'a, BreakerView> {
        Box::pin(async move {
            let mut call = self.of_breaker("open", breaker);
            call.arg(number(seen)).arg(micros(wait));
            let answer = self.ask_one("open a breaker", call).await;
            answer.and_then(reply::view).map_err(|error| error.named("breaker", breaker))
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
            let mut call = self.of_breaker("probe", breaker);
            call.arg(member.as_str()).arg(micros(ttl)).arg(micros(wait));
            let answer = self.ask_one("ask for a probe", call).await;
            let (view, granted) =
                answer.and_then(reply::probe).map_err(|error| error.named("breaker", breaker))?;
            Ok(match granted {
                Some(ttl) => Probe::Granted(ProbeLease {
                    breaker: breaker.into(),
                    member: member.clone(),
                    generation: view.generation,
                    ttl,
                }),
                None => Probe::Refused(view),
            })
        })
    }

    fn probed<'a>(&'a self, lease: &'a ProbeLease, ended: Probed) -> StateFuture<'a, BreakerView> {
        Box::pin(async move {
            let mut call = self.of_breaker("probed", &lease.breaker);
            call.arg(lease.member.as_str()).arg(number(lease.generation));
            match ended {
                Probed::Closed => call.arg(-1),
                Probed::Failed { wait } => call.arg(micros(wait)),
                Probed::Unused => call.arg(0),
            };
            let answer = self.ask_one("tell how a probe ended", call).await;
            answer.and_then(reply::view).map_err(|error| error.named("breaker", &lease.breaker))
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
            booked(&booking.account, self.ask_one("book", self.booking(booking)).await)
        })
    }

    fn pause<'a>(&'a self, name: &'a str, wait: Duration) -> StateFuture<'a, ()> {
        Box::pin(async move {
            let mut call = call("pause", &self.key("limit", name));
            call.arg(name).arg(self.channel()).arg(micros(wait));
            self.ask_one("pause a limit", call)
                .await
                .map(drop)
                .map_err(|error| error.named("limit", name))
        })
    }

    fn watch(&self, watcher: Weak<dyn Watcher>) {
        self.watchers.add(watcher);
    }
}

impl fmt::Debug for RedisFleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisFleet").field("link", &self.link).finish_non_exhaustive()
    }
}
