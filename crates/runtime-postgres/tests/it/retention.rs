//! What is forgotten, beside processes that run it.

use std::time::Duration;

use runtime_postgres::PgStore;
use runtime_store::{Leave, Retention, Store, ThreadState, sweep};

use crate::common::{admin, hold, patient, schema, thread};

#[tokio::test]
async fn a_thread_that_comes_alive_beside_a_sweep_is_not_forgotten() {
    let Some(url) = test_postgres::url() else { return };
    let name = schema();
    let config = patient(url).schema(&name);
    PgStore::migrate(config.clone()).await.unwrap();
    let store = PgStore::connect(config).await.unwrap();
    for id in ["alive", "old"] {
        let lease = hold(&store, id).await;
        store.release(&lease, Leave::Failed).await.unwrap();
    }
    // Another process has run it again, and its commit is under way.
    let admin = admin(url).await;
    let lived = format!(
        "begin; select {name}.acquire('alive', 'other', '1', 60000000); \
         select {name}.release('alive', 2, 2::smallint, null)"
    );
    admin.batch_execute(&lived).await.unwrap();
    let now = Retention::default().ended_after(Some(Duration::ZERO));
    assert_eq!(sweep(&store, now, 9).await.unwrap(), 1);
    admin.batch_execute("commit").await.unwrap();
    let alive = store.thread(&thread("alive")).await.unwrap().unwrap();
    assert_eq!((alive.state, alive.fence), (ThreadState::Parked, 2));
    let old = store.thread(&thread("old")).await.unwrap().unwrap();
    assert_eq!(old.state, ThreadState::Forgotten);
}
