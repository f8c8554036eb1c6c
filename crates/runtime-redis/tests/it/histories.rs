//! Histories of members whose lines or server fail.

use std::time::Duration;

use futures_util::future::join_all;
use runtime_fleet::SharedState as _;
use runtime_fleet::conformance::{self, Outage};
use runtime_redis::{RedisConfig, RedisFleet};
use test_redis::Server;
use test_way::Way;

use crate::common::{HOUR, prefix, several};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_over_lines_that_fail_break_no_promise() {
    let Some(server) = Server::start(&[]) else { return };
    for seed in 0..3 {
        let way = Way::to(server.port());
        let config = RedisConfig::new(format!("redis://127.0.0.1:{}", way.port())).prefix(prefix());
        let config = config.timeout(Duration::from_millis(200));
        let states = join_all((0..3).map(|_| RedisFleet::connect(config.clone()))).await;
        let states: Vec<_> = states.into_iter().map(Result::unwrap).collect();
        let lose = async |number: u64| {
            way.lose(number, async || states[0].pause("lost", HOUR).await.is_ok()).await;
        };
        conformance::a_troubled_history(&states, seed, Outage::Lines, (15, lose)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_a_server_that_is_killed_break_no_promise_of_money() {
    let Some(server) = Server::start(&["--appendonly", "yes", "--appendfsync", "always"]) else {
        return;
    };
    let states = several(&server.url(), 3).await;
    let kill = async |_: u64| {
        server.kill();
        tokio::task::block_in_place(|| server.begin());
    };
    conformance::a_troubled_history(&states, 7, Outage::Server, (20, kill)).await;
}
