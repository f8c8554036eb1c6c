//! The backend of a fleet, beside what the server alone takes.
#![expect(clippy::unwrap_used, reason = "a benchmark panics if it fails")]

use std::time::{Duration, Instant};

use futures_executor::block_on;
use redis::{Client, Connection};
use runtime_fleet::conformance::Busy;
use runtime_redis::{RedisConfig, RedisFleet};
use runtime_usage::Usd;
use test_redis::Server;

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
    let mut member = block_on(Busy::new(fleet));
    let names = ["PING", "raw FCALL that sets", "heartbeat", "take"];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        times[0].push(timed(|| raw(&mut connection, "PING", &[])));
        times[1].push(timed(|| raw(&mut connection, "FCALL", &["bench_set", "1", "k"])));
        times[2].push(timed(|| block_on(member.sync(Usd::from_cents(1)))));
        times[3].push(timed(|| block_on(member.take())));
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
