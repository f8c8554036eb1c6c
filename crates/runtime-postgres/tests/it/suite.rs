//! The suite that every store runs, on a plain thread and in runtimes.

use runtime_postgres::PgStore;
use runtime_store::{Inbox, Store, conformance};

use crate::common::{admin, append, block_on, fresh, hold, patient, schema};

#[test]
fn it_passes_the_suite_on_a_plain_thread() {
    let Some(url) = test_postgres::url() else { return };
    block_on(conformance::run(|| fresh(url)));
}

#[tokio::test]
async fn it_passes_the_suite_in_a_runtime_of_one_thread() {
    let Some(url) = test_postgres::url() else { return };
    conformance::run(|| fresh(url)).await;
}

#[tokio::test]
async fn it_passes_the_suite_with_a_prepared_append() {
    let Some(url) = test_postgres::url() else { return };
    conformance::run(|| async {
        let config = patient(url).schema(schema()).prepared(true);
        PgStore::migrate(config.clone()).await.unwrap();
        PgStore::connect(config).await.unwrap()
    })
    .await;
}

#[test]
fn calls_of_many_threads_share_a_connection() {
    let Some(url) = test_postgres::url() else { return };
    let store = block_on(fresh(url));
    std::thread::scope(|scope| {
        for name in ["a", "b", "c", "d"] {
            let store = store.clone();
            scope.spawn(move || {
                block_on(async {
                    let lease = hold(&store, name).await;
                    for head in 0..20 {
                        append(&store, &lease, head, name).await.unwrap();
                    }
                });
            });
        }
    });
    let threads = block_on(store.threads(&[], None, 9)).unwrap();
    assert_eq!(threads.iter().map(|thread| thread.head).collect::<Vec<_>>(), [20; 4]);
}

#[tokio::test]
async fn an_abandoned_thread_can_run_at_once() {
    let Some(url) = test_postgres::url() else { return };
    let store = fresh(url).await;
    let lease = hold(&store, "t").await;
    store.abandon(&lease);
    // Calls of one connection are made in order, once they are sent.
    while store.runnable(None, None, 1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_relaxed_append_alone_does_not_wait_for_the_disk() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = patient(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let store = PgStore::connect(config).await.unwrap();
    hold(&store, "t").await;
    let admin = admin(url).await;
    for (relaxed, setting) in [(true, "off"), (false, "on")] {
        // The setting is seen from within the transaction alone.
        let call = format!(
            "begin; select {schema}.append('t', 1, 1000000, 0, '{{1}}', '{{1}}', '{{null}}', '{{null}}', '{{a}}', null, \
             null, {relaxed}, null)"
        );
        admin.batch_execute(&call).await.unwrap();
        let row = admin.query_one("show synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), setting);
        admin.batch_execute("rollback").await.unwrap();
        let row = admin.query_one("show synchronous_commit", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "on");
    }
}

/// A role whose transactions see the database as it was at their beginning: the server rolls back who comes second.
#[tokio::test]
async fn calls_give_way_to_each_other_where_transactions_are_isolated() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    PgStore::migrate(patient(url).schema(&name)).await.unwrap();
    for isolation in ["repeatable%20read", "serializable"] {
        let url = format!(
            "{url}?options=-c%20default_transaction_isolation%3D{}",
            isolation.replace("%20", "%5C%20")
        );
        let store = async || PgStore::connect(patient(&url).schema(&name)).await.unwrap();
        let (one, other) = (store().await, store().await);
        let lease = hold(&one, isolation).await;
        let writes = async {
            for head in 0..100 {
                append(&one, &lease, head, "x").await.unwrap();
            }
        };
        let tells = async {
            for key in 0..100 {
                let told = other.deliver(&lease.thread, &key.to_string(), &key.into()).await;
                assert!(told.unwrap());
            }
        };
        futures_util::future::join(writes, tells).await;
        assert_eq!(one.thread(&lease.thread).await.unwrap().unwrap().head, 100);
    }
}
