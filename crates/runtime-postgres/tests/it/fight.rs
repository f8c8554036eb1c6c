//! Sixteen writers fight for eight threads, whose leases are stolen, with approvals that are used once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use runtime_postgres::PgStore;
use runtime_store::{
    Append, Approval, ApprovalUse, Approvals, Entry, EntryKind, Lease, Step, StepKind, StepName,
    Store, StoreError, Subject,
};
use serde_json::json;

use crate::common::{admin, claim, note, patient, schema, thread};

const THREADS: usize = 8;
const APPROVALS: usize = 160;

fn step(number: usize) -> Step {
    let name = StepName { kind: StepKind::Tool, name: "pay".into(), scope: "".into(), keyed: true };
    Step::keyed(name, &json!(number), (0, &number.to_string()))
}

async fn approved(store: &PgStore, number: usize) -> Approval {
    let thread = thread(&format!("t{}", number % THREADS));
    let args = json!(number);
    let subject = Subject {
        thread: &thread,
        step: step(number).key,
        tool: "pay",
        args: Some(&args),
        policy: "p",
    };
    let asked = store.ask(&subject.request(Duration::from_secs(600))).await.unwrap();
    store.decide(&asked.approve("ann")).await.unwrap()
}

/// What a writer got, by a word.
fn word(result: &Result<(), StoreError>) -> &'static str {
    match result {
        Ok(()) => "written",
        Err(StoreError::Fenced { .. }) => "fenced",
        Err(StoreError::HeadMoved { .. }) => "moved",
        Err(StoreError::NotApproved { .. }) => "not approved",
        Err(error) => panic!("{error:?}"),
    }
}

async fn writer(
    store: PgStore,
    approvals: &[Approval],
    number: u64,
) -> BTreeMap<&'static str, u32> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut got = BTreeMap::new();
    for _ in 0..100 {
        let number = random.usize(..APPROVALS);
        let id = thread(&format!("t{}", number % THREADS));
        if random.u8(..100) < 15 {
            store.acquire(&id, &claim(Duration::ZERO)).await.unwrap();
            *got.entry("stolen").or_default() += 1;
            continue;
        }
        let seen = store.thread(&id).await.unwrap().unwrap();
        let lease = Lease { thread: id, fence: seen.fence, claim: claim(Duration::ZERO) };
        let (entry, approval) = if random.u8(..100) < 30 {
            (note("plain"), None)
        } else {
            let Step { key, print, .. } = step(number);
            let entry = Entry {
                kind: EntryKind::INTENT,
                version: 1,
                step: Some(key),
                print: Some(print),
                body: Vec::new(),
            };
            let approval = &approvals[number];
            (entry, Some(ApprovalUse { id: approval.id.clone(), digest: approval.digest }))
        };
        let entries = [entry];
        let append = Append {
            head: seen.head,
            entries: &entries,
            approval: approval.as_ref(),
            relaxed: random.bool(),
            role: None,
        };
        let result = store.append(&lease, append).await;
        *got.entry(word(&result)).or_default() += 1;
    }
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_written_twice_out_of_order_or_without_its_approval() {
    let Some(url) = test_postgres::url() else { return };
    let schema = schema();
    let config = patient(url).schema(&schema);
    PgStore::migrate(config.clone()).await.unwrap();
    let first = PgStore::connect(config.clone()).await.unwrap();
    for number in 0..THREADS {
        first.acquire(&thread(&format!("t{number}")), &claim(Duration::ZERO)).await.unwrap();
    }
    let approvals = join_all((0..APPROVALS).map(|number| approved(&first, number))).await;

    // Four connections with four writers each.
    let mut stores = vec![first];
    while stores.len() < 4 {
        stores.push(PgStore::connect(config.clone()).await.unwrap());
    }
    let writers = (0..16).map(|seed| writer(stores[seed % 4].clone(), &approvals, seed as u64));
    let mut sum = BTreeMap::<_, u32>::new();
    for got in join_all(writers).await {
        for (word, count) in got {
            *sum.entry(word).or_default() += count;
        }
    }
    for word in ["stolen", "written", "fenced", "moved", "not approved"] {
        assert!(sum.contains_key(word), "no writer was {word}: {sum:?}");
    }

    let admin = admin(url).await;
    let none = async |what: &str, sql: &str| {
        let sql = sql.replace("@.", &format!("{schema}."));
        let row = admin.query_one(&format!("select count(*) from ({sql}) x"), &[]).await.unwrap();
        assert_eq!(row.get::<_, i64>(0), 0, "{what}");
    };
    none(
        "a head that is not the number of entries",
        "select t.id from @.thread t left join @.entry e on e.thread = t.no
         group by t.id, t.head having t.head <> count(e.seq)",
    )
    .await;
    none(
        "a gap",
        "select thread from @.entry group by thread having max(seq) <> count(*) or min(seq) <> 1",
    )
    .await;
    none(
        "an earlier life that writes after a later one",
        "select 1 from (select fence, lag(fence) over (partition by thread order by seq) before
         from @.entry) e where before > fence",
    )
    .await;
    none(
        "a step that began twice",
        "select 1 from @.entry where kind = 2 group by step having count(*) > 1",
    )
    .await;
    none(
        "an approval that was used without its intent",
        "select 1 from @.approval a join @.thread t on t.id = a.thread where a.state = 3 and not exists
         (select 1 from @.entry e where e.thread = t.no and e.seq = a.used and e.step = a.step and e.kind = 2)",
    )
    .await;
    none(
        "an intent without an approval that was used for it",
        "select 1 from @.entry e where kind = 2 and not exists
         (select 1 from @.approval a where a.step = e.step and a.state = 3 and a.used = e.seq)",
    )
    .await;
}
