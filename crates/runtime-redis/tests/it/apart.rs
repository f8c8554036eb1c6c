//! Two fleets on one server.

use runtime_fleet::conformance;
use runtime_redis::{RedisConfig, RedisFleet};
use test_redis::Server;

use crate::common::{patient, prefix};

#[tokio::test]
async fn two_fleets_on_one_server_do_not_see_each_other() {
    let Some(server) = Server::start(&[]) else { return };
    let own = prefix();
    let at = |database: u8, prefix: &str| {
        RedisFleet::connect(patient(format!("{}/{database}", server.url())).prefix(prefix))
    };
    let others =
        [(1, own.clone()), (0, format!("{own}:b")), (0, format!("{own}:")), (0, "t".into())];
    let one = at(0, &own).await.unwrap();
    let names = ["api", "b:breaker:api", ":breaker:api", "breaker:api", "limit:api", "b:limit:api"];
    for (database, prefix) in others {
        let other = at(database, &prefix).await.unwrap();
        conformance::apart(&one, &other, &names).await;
        conformance::apart(&at(2, &prefix).await.unwrap(), &at(3, &own).await.unwrap(), &names)
            .await;
        server.cli(&["FLUSHALL"]);
    }
}

/// With such a prefix, its keys could be those of a fleet `agents`.
#[tokio::test]
async fn a_prefix_whose_keys_could_be_anothers_is_refused() {
    for prefix in ["agents:breaker", "agents:accounts:x", "a:b:members", "", "{a}", "a\nb"] {
        let config = RedisConfig::new("redis://127.0.0.1:1").prefix(prefix);
        let error = RedisFleet::connect(config).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{prefix:?}")), "{error}");
    }
    for prefix in ["breaker", "agents:breakers", "agents:x:", "a:b"] {
        let config = RedisConfig::new("redis://127.0.0.1:1").prefix(prefix);
        RedisFleet::connect(config).await.unwrap();
    }
}
