//! Through `PgBouncer` in transaction mode, where each call may have another session of the server.

use futures_util::future::join_all;
use runtime_store::conformance;
use test_postgres::{Bouncer, Server};

use crate::common::{append, fresh, hold};

#[tokio::test]
async fn it_passes_the_suite_through_pgbouncer() {
    let Some(server) = Server::start() else { return };
    let Some(bouncer) = Bouncer::start(&server) else { return };
    let url = bouncer.url();
    conformance::run(|| fresh(&url)).await;

    // More connections than the server has sessions for.
    let stores = join_all((0..8).map(|_| fresh(&url))).await;
    let writers = stores.iter().map(|store| async {
        let lease = hold(store, "t").await;
        for head in 0..20 {
            append(store, &lease, head, "x").await.unwrap();
        }
    });
    join_all(writers).await;
}
