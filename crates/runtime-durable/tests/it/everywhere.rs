//! Odd values, times and names: the same on every store.

use std::f64::consts::PI;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::{join, join_all};
use runtime_durable::{Durable, DurableSession, Run};
use runtime_events::{Clock, SystemClock};
use runtime_orchestrator::{BoxError, Effect, Orchestrator, ToolCall, Turn};
use runtime_postgres::{PgConfig, PgStore};
use runtime_resilience::chain_text;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{MemoryStore, Store, ThreadId, ThreadState};
use runtime_usage::UsageSnapshot;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::case::wait;

type Open = Box<dyn Fn() -> Arc<dyn Store>>;

/// Runs a test on each store, which it may open more than once.
pub(crate) fn everywhere(name: &str, test: impl Fn(&dyn Fn() -> Arc<dyn Store>)) {
    let memory = MemoryStore::new();
    test(&move || Arc::new(memory.clone()));
    let folder =
        std::env::temp_dir().join(format!("runtime-durable-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("threads.db");
    test(&move || Arc::new(SqliteStore::open(&file).unwrap()));
    fs::remove_dir_all(folder).unwrap();
    let Some(url) = test_postgres::url() else { return };
    let schema = format!("e{}_{name}", std::process::id());
    let config = PgConfig::new(url).schema(schema).timeout(Duration::from_secs(60));
    wait(PgStore::migrate(config.clone())).unwrap();
    let open: Open = Box::new(move || Arc::new(wait(PgStore::connect(config.clone())).unwrap()));
    test(&open);
}

pub(crate) fn durable(store: Arc<dyn Store>) -> Durable {
    Durable::shared(Orchestrator::new("clerk", "orders"), store)
}

pub(crate) fn thread(id: &str) -> ThreadId {
    ThreadId::new(id).unwrap()
}

/// Runs a thread to its value, twice: to the end of one life, which fails, and in another one from the records.
fn lived_twice<T: Serialize + DeserializeOwned>(
    store: &Arc<dyn Store>,
    id: &str,
    body: &impl AsyncFn(&DurableSession) -> Result<T, BoxError>,
) -> [Result<T, String>; 2] {
    let durable = durable(Arc::clone(store));
    let first = std::cell::RefCell::new(None);
    let failing = async |session: &DurableSession| {
        let made = body(session).await.map_err(|error| chain_text(&*error));
        *first.borrow_mut() = Some(made);
        Err::<T, BoxError>("it goes on".into())
    };
    let ended = wait(durable.run(id, failing));
    assert!(ended.is_err(), "it goes on");
    let again = wait(durable.run(id, async |session| body(session).await));
    let again = again.map_err(|error| chain_text(&error)).map(|run| run.done().expect("a value"));
    [first.into_inner().expect("it ran"), again]
}

fn same<T: Serialize + DeserializeOwned + PartialEq + Clone + std::fmt::Debug>(
    store: &Arc<dyn Store>,
    id: &str,
    value: &T,
) {
    let body = async |session: &DurableSession| {
        let call = async || Ok::<_, BoxError>(value.clone());
        let turned = session.run_turn(Turn::model("m"), call).await?.value;
        let tool = ToolCall::new("t").effect(Effect::Keyed).call_id("1");
        let made = session.run_tool(tool, async |_| Ok::<_, BoxError>(value.clone())).await?;
        let read = session.value("v", || value.clone()).await?;
        Ok((turned, made, read))
    };
    let all = (value.clone(), value.clone(), value.clone());
    assert_eq!(lived_twice(store, id, &body), [Ok(all.clone()), Ok(all)], "{id}");
}

#[test]
fn a_value_is_in_the_next_life_what_it_was() {
    everywhere("values", |open| {
        let store = open();
        same(&store, "u64", &u64::MAX);
        same(&store, "i128", &(i128::MIN, u128::MAX));
        same(&store, "floats", &(f64::MIN_POSITIVE, PI, 5e-324, f64::MAX));
        same(&store, "minus zero", &(-0.0_f64).to_string());
        same(&store, "nothing", &());
        same(&store, "none", &(None::<u32>, Some(1)));
        same(&store, "text", &"a\0b \u{202e}𝕏 e\u{301} é \u{feff}\u{fffd} \u{10ffff}".to_owned());
        same(&store, "json", &json!({ "": [null, -0.0, 1e300, u64::MAX, i64::MIN], "\0": {} }));
        same(&store, "large", &"x".repeat(5_000_000));
    });
}

/// A float that is no number is written as `null`, and what is too deep is not read. So they are refused where they are
/// made, not in the life after it.
#[test]
fn a_value_that_could_not_be_read_again_is_refused_at_once() {
    everywhere("unread", |open| {
        let store = open();
        let deep = (0..128).fold(json!(1), |inner, _| json!([inner]));
        refuses(&store, "nan", &f64::NAN, "NaN");
        refuses(&store, "infinite", &(1, [Some(f32::INFINITY)]), "inf");
        refuses(&store, "deep", &deep, "127 levels");
    });
}

fn refuses<T: Serialize + DeserializeOwned + Clone>(
    store: &Arc<dyn Store>,
    id: &str,
    value: &T,
    why: &str,
) {
    let durable = durable(Arc::clone(store));
    for part in 0..6 {
        let id = format!("{id} {part}");
        let made = async |session: &DurableSession| {
            match part {
                0 => {
                    let call = async || Ok::<_, BoxError>(value.clone());
                    session.run_turn(Turn::model("m"), call).await?;
                }
                1 => {
                    let tool = ToolCall::new("t").effect(Effect::Read);
                    session.run_tool(tool, async |_| Ok::<_, BoxError>(value.clone())).await?;
                }
                2 => drop(session.value("v", || value.clone()).await?),
                3 => session.checkpoint(value).await?,
                4 => session.hand_over("editor", value).await?,
                _ => {}
            }
            Ok(value.clone())
        };
        let told = wait(durable.run(&id, made)).map(drop).map_err(|error| chain_text(&error));
        let told = told.expect_err("it cannot be recorded");
        assert!(told.contains(why), "{id}: {told}");
        let entries = wait(store.read(&thread(&id), 0, 99)).unwrap();
        let kept = entries.iter().filter(|it| it.entry.kind.goes_on()).count();
        assert_eq!(kept, 0, "{id}");
    }
}

#[test]
fn arguments_of_any_number_are_the_same_call_in_the_next_life() {
    everywhere("arguments", |open| {
        let store = open();
        let body = async |session: &DurableSession| {
            let args = json!([-0.0, u64::MAX, i64::MIN, 1e300, 5e-324, "e\u{301}", "\0"]);
            let tool = ToolCall::new("t\u{202e}").args(args).effect(Effect::Irreversible);
            let tool = tool.call_id("é");
            Ok(session
                .run_tool(tool, async |attempt| Ok::<_, BoxError>(attempt.args().clone()))
                .await?)
        };
        let [first, again] = lived_twice(&store, "t", &body);
        assert_eq!(first, again);
        assert!(first.is_ok(), "{first:?}");
    });
}

#[test]
fn a_wait_for_any_time_ends_or_parks() {
    everywhere("times", |open| {
        let store = open();
        let durable = durable(Arc::clone(&store));
        let waits = |id: &'static str, until: DateTime<Utc>| {
            let body = async move |session: &DurableSession| Ok(session.sleep_until(until).await?);
            wait(durable.run(id, body))
                .unwrap_or_else(|error| panic!("{id}: {}", chain_text(&error)))
        };
        let year = |year| format!("{year}-01-01T00:00:00Z").parse::<DateTime<Utc>>().unwrap();
        for (id, past) in [
            ("first", DateTime::<Utc>::MIN_UTC),
            ("bc", year("-4800")),
            ("epoch", DateTime::UNIX_EPOCH),
            ("a minute ago", SystemClock.utc_now() - TimeDelta::minutes(1)),
        ] {
            assert!(matches!(waits(id, past), Run::Done(_)), "{id}");
        }
        for (id, future) in [
            ("far", year("9999")),
            ("ten thousand", year("+10000")),
            ("last", DateTime::<Utc>::MAX_UTC),
        ] {
            for _ in 0..2 {
                let Run::Parked(parked) = waits(id, future) else { panic!("{id}") };
                assert_eq!(parked.wake_at, Some(future), "{id}");
                let kept = wait(store.thread(&thread(id))).unwrap().unwrap();
                let off = (kept.wake_at.unwrap() - future).abs();
                assert!(off < TimeDelta::milliseconds(1), "{id}: {kept:?}");
            }
        }
        assert_eq!(wait(store.runnable(None, None, 99)).unwrap(), []);
        assert_eq!(wait(store.threads(&[ThreadState::Parked], None, 99)).unwrap().len(), 3);
    });
}

#[test]
fn names_differ_by_their_bytes_and_are_listed_by_them() {
    everywhere("names", |open| {
        let store = open();
        let durable = durable(Arc::clone(&store));
        let mut ids =
            ["é", "e\u{301}", "E", "e", "ß", "ss", "\u{202e}x", "𝕏", "\u{ffff}", "👩‍👩‍👧", "Z z", " z"];
        for id in ids {
            let body = async |session: &DurableSession| {
                let child = session.child(id)?;
                let waits = session.wait_for::<String>(id);
                let told = child.value(id, || id.to_owned());
                let (waits, told) = join(waits, told).await;
                Ok((waits?, told?))
            };
            assert!(matches!(wait(durable.run(id, body)), Ok(Run::Parked(_))), "{id}");
            assert!(wait(store.deliver(&thread(id), id, &json!(id))).unwrap(), "{id}");
            let done = wait(durable.run(id, body)).unwrap().done();
            assert_eq!(done, Some((id.to_owned(), id.to_owned())));
        }
        ids.sort_unstable();
        let listed = wait(store.threads(&[], None, 99)).unwrap();
        assert_eq!(listed.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ids);
    });
}

#[test]
fn large_values_of_children_are_read_again_page_by_page() {
    everywhere("pages", |open| {
        let store = open();
        let made = AtomicU32::new(0);
        let body = async |session: &DurableSession| {
            let children: Vec<_> = ["a", "b", "c"]
                .map(|role| session.child(role))
                .into_iter()
                .collect::<Result<_, _>>()?;
            let turns = children.iter().map(async |child| {
                let mut length = 0;
                for _ in 0..4 {
                    let turn = child.run_turn(Turn::model("m"), async || {
                        made.fetch_add(1, Ordering::Relaxed);
                        Ok::<_, BoxError>("x".repeat(1_500_000))
                    });
                    length += turn.await?.value.len();
                }
                Ok::<_, BoxError>(length)
            });
            let lengths: Vec<_> = join_all(turns).await.into_iter().collect::<Result<_, _>>()?;
            Ok::<Vec<usize>, BoxError>(lengths)
        };
        let lengths = Ok(vec![6_000_000; 3]);
        assert_eq!(lived_twice(&store, "t", &body), [lengths.clone(), lengths]);
        assert_eq!(made.load(Ordering::Relaxed), 12);
        let page = wait(store.read(&thread("t"), 0, 99)).unwrap();
        let bytes: usize = page.iter().map(|it| it.entry.body.len()).sum();
        assert!(bytes < runtime_store::PAGE_BYTES + 2_000_000, "{bytes}");
    });
}

#[test]
fn any_json_is_delivered_as_it_is() {
    everywhere("messages", |open| {
        let store = open();
        let deep = (0..120).fold(json!("\u{0}"), |inner, _| json!({ "\u{202e}": inner }));
        let messages =
            [json!(null), json!(u64::MAX), json!(-0.0), json!("x".repeat(5_000_000)), deep];
        let body = async |session: &DurableSession| {
            let mut all = Vec::new();
            for number in 0..5 {
                all.push(session.wait_for::<Value>(&number.to_string()).await?);
            }
            Ok(all)
        };
        let durable = durable(Arc::clone(&store));
        assert!(matches!(wait(durable.run("t", body)), Ok(Run::Parked(_))));
        for (number, message) in messages.iter().enumerate() {
            assert!(wait(store.deliver(&thread("t"), &number.to_string(), message)).unwrap());
        }
        assert_eq!(lived_twice(&store, "t", &body), [Ok(messages.to_vec()), Ok(messages.to_vec())]);
    });
}

#[test]
fn a_turn_takes_its_content_and_little_more_in_a_file() {
    const TURNS: u64 = 2_000;
    let name = format!("runtime-durable-growth-{}.db", std::process::id());
    let path = std::env::temp_dir().join(name);
    let config = SqliteConfig::default().durability(SqliteDurability::Os);
    let durable = Durable::new(
        Orchestrator::new("clerk", "orders").max_iterations(10_000),
        SqliteStore::open_with(&path, config).unwrap(),
    );
    let run = wait(durable.run("t", async |session| {
        for _ in 0..TURNS {
            let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(1_200, 340));
            session.run_turn(turn, async || Ok::<_, BoxError>("x".repeat(600))).await?;
        }
        Ok(())
    }));
    assert!(matches!(run, Ok(Run::Done(_))), "{run:?}");
    drop(durable);
    let taken = fs::metadata(&path).unwrap().len() / TURNS;
    fs::remove_file(&path).unwrap();
    println!("{taken} bytes a turn");
    assert!(taken <= 600 * 12 / 10 + 400, "{taken} bytes a turn");
}
