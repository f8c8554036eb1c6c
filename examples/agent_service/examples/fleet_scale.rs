//! What a backend has to do for fleets of 10, 100 and 1,000 processes:
//! `cargo run --release -p agent_service --example fleet_scale [postgres|redis]`.
//!
//! Members report as they would, two heartbeats a second each, but one after the other as fast as the backend
//! answers. What it could answer beside what the fleet asks is how busy it would be.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]
#![expect(clippy::disallowed_methods, reason = "real processes, in real time")]

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use techrevati_runtime::fleet::{
    AccountPath, Accounts, Booking, MemberId, MemberReport, Rules, SharedState, Want,
};
use techrevati_runtime::postgres::{PgFleet, PgStore};
use techrevati_runtime::prelude::*;
use techrevati_runtime::redis::RedisFleet;

/// Calls that are under way at a time.
const AT_ONCE: usize = 16;
/// Reports that are timed.
const REPORTS: usize = 2_000;
const TTL: Duration = Duration::from_secs(600);

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    match env::args().nth(1).as_deref() {
        Some("redis") => {
            let server = test_redis::Server::start(&[]).ok_or("there is no redis here")?;
            measure(&RedisFleet::connect(&*server.url()).await?).await
        }
        Some("postgres") | None => {
            let server = test_postgres::Server::start().ok_or("there is no postgres here")?;
            let url = server.url("postgres");
            PgStore::migrate(&url).await?;
            measure(&PgFleet::connect(&url).await?).await
        }
        Some(other) => Err(format!("`{other}` is no backend: `postgres` or `redis`").into()),
    }
}

async fn measure(backend: &(impl Accounts + 'static)) -> Result<(), BoxError> {
    let account = AccountPath::new("company")?;
    let rich = Rules::of(&Limit::enforced(Usd::from_dollars(1_000_000)));
    backend.set(&account, &rich).await?;
    println!("members  reports with        us each   a second   asked for   busy");
    for members in [10, 100, 1_000] {
        for kind in [Kind::Nothing, Kind::Money, Kind::Limit] {
            let fleet = Fleet { size: members, kind, account: account.clone() };
            fleet.report(backend, 1, members).await?;
            let start = Instant::now();
            fleet.report(backend, 2, REPORTS).await?;
            let took = start.elapsed();
            let each = took / u32::try_from(REPORTS)?;
            let capacity = Duration::from_secs(1).as_nanos() / each.as_nanos().max(1);
            let asked = 2 * members as u128;
            println!(
                "{members:>7}  {:<18} {:>8}   {capacity:>8}   {asked:>9}   {:>3} %",
                kind.name(),
                each.as_micros(),
                100 * asked / capacity.max(1)
            );
        }
    }
    Ok(())
}

/// What members report.
#[derive(Clone, Copy)]
enum Kind {
    Nothing,
    /// What was spent of one account.
    Money,
    /// What is wanted of one limit.
    Limit,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "a breaker",
            Self::Money => "spent money",
            Self::Limit => "a share of a limit",
        }
    }
}

struct Fleet {
    size: usize,
    kind: Kind,
    account: AccountPath,
}

impl Fleet {
    async fn report(
        &self,
        backend: &impl SharedState,
        round: u64,
        count: usize,
    ) -> Result<(), BoxError> {
        let reports = (0..count).map(|number| {
            let report = self.of(number % self.size, round * 100_000 + number as u64);
            async move { backend.sync(&report).await.map(drop) }
        });
        let mut answers = stream::iter(reports).buffer_unordered(AT_ONCE);
        while let Some(answer) = answers.next().await {
            answer?;
        }
        Ok(())
    }

    fn of(&self, number: usize, seq: u64) -> MemberReport {
        let member = MemberId::new(format!("{}-{}-{number}", self.kind.name(), self.size));
        let mut report = MemberReport {
            member: member.clone(),
            seq,
            ttl: TTL,
            breakers: vec![Arc::from("openai")],
            wants: Vec::new(),
            pauses: Vec::new(),
            bookings: Vec::new(),
        };
        let requests = |count| [Some(count), None, None, None];
        match self.kind {
            Kind::Nothing => {}
            Kind::Money => report.bookings.push(Booking {
                account: self.account.clone(),
                member,
                seq,
                heard: 0,
                granted: Usd::ZERO,
                spent: Usd::from_nanos(seq),
                estimated: Usd::ZERO,
                returned: Usd::ZERO,
                least: Usd::ZERO,
                most: Usd::from_cents(1),
                ttl: TTL,
            }),
            Kind::Limit => report.wants.push(Want {
                limit: format!("gpt-5 of {}", self.size).into(),
                limits: requests(1_000_000),
                applied: requests(1),
                // Another one in each report.
                demand: requests(seq * 7 % 64 * 100),
            }),
        }
        report
    }
}
