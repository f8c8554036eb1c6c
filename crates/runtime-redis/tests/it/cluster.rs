//! Redis Cluster: three nodes that share the keys.

use runtime_fleet::{SharedState as _, conformance};
use runtime_redis::RedisFleet;
use test_redis::Cluster;

use crate::common::{HOUR, fresh, several};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_passes_the_suite_on_a_cluster() {
    let Some(cluster) = Cluster::start() else { return };
    let url = format!("redis://{}?cluster=yes", cluster.hosts());
    conformance::run(|| fresh(&url)).await;
    let fleets = several(&url, 10).await;
    conformance::one_probe_each_time(&fleets).await;
    conformance::parts_of_a_whole(&fleets).await;
    conformance::one_dollar(&fleets[..3], || {}).await;

    conformance::pushes(&fleets).await;

    // A node that is killed and comes back without its functions and keys.
    cluster.nodes()[1].kill();
    tokio::task::block_in_place(|| cluster.nodes()[1].begin());
    // Names that are on all nodes.
    for name in ["a", "b", "c", "d", "e", "f"] {
        while fleets[0].pause(name, HOUR * 2).await.is_err() {}
    }
}

#[tokio::test]
async fn several_hosts_are_a_cluster() {
    let error = RedisFleet::connect("redis://x:hunter2@one,two").await.unwrap_err();
    assert!(error.to_string().contains("cluster=yes"), "{error}");
}
