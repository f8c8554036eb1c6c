//! The suite that every store runs, on a plain thread and in runtimes.

use runtime_store::{Store, conformance};

use crate::common::{append, block_on, fresh, hold};

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
    while store.runnable(1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
