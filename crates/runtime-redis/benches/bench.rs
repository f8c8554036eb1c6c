//! The backend of a fleet, beside what the server alone takes.
#![expect(clippy::unwrap_used, reason = "a benchmark panics if it fails")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use redis::{Client, Connection};
use runtime_fleet::{
    AccountPath, Accounts as _, Booking, MemberId, OnLoss, Report, Rules, SharedState as _, Want,
};
use runtime_redis::{RedisConfig, RedisFleet};
use runtime_usage::Usd;
use test_redis::Server;

const HOUR: Duration = Duration::from_secs(3_600);

/// A member that has a breaker, a limit, and an account below two others.
struct Member {
    fleet: RedisFleet,
    report: Report,
    next: Booking,
}

impl Member {
    fn new(fleet: RedisFleet) -> Self {
        let (amount, marks) = (Usd::from_dollars(1_000_000), vec![80]);
        let rules = Rules { amount, enforced: true, strict: false, marks, on_loss: OnLoss::Spend };
        for account in ["company", "company/team", "company/team/tenant"] {
            block_on(fleet.set(&AccountPath::new(account).unwrap(), &rules)).unwrap();
        }
        let member = MemberId::new("bench");
        let zero = Usd::ZERO;
        let next = Booking {
            account: AccountPath::new("company/team/tenant").unwrap(),
            member: member.clone(),
            seq: 0,
            heard: 0,
            granted: zero,
            spent: zero,
            estimated: zero,
            returned: zero,
            least: zero,
            most: zero,
            ttl: HOUR,
        };
        let requests = [Some(600), None, None, None];
        let limit: Arc<str> = "gpt-5".into();
        let want = Want { limit, limits: requests, applied: requests, demand: requests };
        let report = Report {
            member,
            seq: 0,
            ttl: HOUR,
            breakers: vec!["openai".into()],
            wants: vec![want],
            pauses: Vec::new(),
            bookings: Vec::new(),
        };
        Self { fleet, report, next }
    }

    /// A heartbeat, with something spent.
    fn sync(&mut self) {
        self.next.spent = self.next.spent.saturating_add(Usd::from_cents(1));
        self.next.seq += 1;
        self.report.seq += 1;
        self.report.bookings = vec![self.next.clone()];
        let view = block_on(self.fleet.sync(&self.report)).unwrap();
        let booked = view.booked[0].as_ref().unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
    }

    /// Takes an exact sum, as each turn of a strict account does.
    fn take(&mut self) {
        self.next.seq += 1;
        (self.next.least, self.next.most) = (Usd::from_cents(1), Usd::from_cents(1));
        let booked = block_on(self.fleet.book(&self.next)).unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
        (self.next.least, self.next.most) = (Usd::ZERO, Usd::ZERO);
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn timed(call: impl FnOnce()) -> Duration {
    let start = Instant::now();
    call();
    start.elapsed()
}

fn raw(connection: &mut Connection, command: &str, arguments: &[&str]) {
    redis::cmd(command).arg(arguments).exec(connection).unwrap();
}

/// All in turns, so that each meets the same disk and the same neighbours; prints medians and ratios.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
fn compare(kind: &str, server: &Server) {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 3 } else { 1_000 };
    let mut connection = Client::open(server.url()).unwrap().get_connection().unwrap();
    let library = "#!lua name=bench\nredis.register_function('bench_set', function(keys) \
                   return redis.call('SET', keys[1], 'x') end)";
    raw(&mut connection, "FUNCTION", &["LOAD", library]);
    let fleet = block_on(RedisFleet::connect(RedisConfig::new(server.url()))).unwrap();
    let mut member = Member::new(fleet);
    let names = ["PING", "raw FCALL that sets", "heartbeat", "take"];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        times[0].push(timed(|| raw(&mut connection, "PING", &[])));
        times[1].push(timed(|| raw(&mut connection, "FCALL", &["bench_set", "1", "k"])));
        times[2].push(timed(|| member.sync()));
        times[3].push(timed(|| member.take()));
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    for (name, median) in names.into_iter().zip(medians) {
        let (ping, call) = (median / medians[0], median / medians[1]);
        println!("redis {kind}/{name}: {median:.0} µs, {ping:.2} x PING, {call:.2} x raw FCALL");
    }
}

fn main() {
    for (kind, options) in [
        ("without a disk", &[][..]),
        ("everysec", &["--appendonly", "yes", "--appendfsync", "everysec"]),
        ("always", &["--appendonly", "yes", "--appendfsync", "always"]),
    ] {
        let Some(server) = Server::start(options) else { return };
        compare(kind, &server);
    }
}
