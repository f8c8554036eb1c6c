//! Calls of several processes at one moment: the same on every store.

use std::sync::Arc;
use std::time::Duration;

use runtime_durable::{DurableSession, DurableTool, Run, RunError};
use runtime_orchestrator::{BoxError, ToolCall};
use runtime_store::{Append, Claim, Entry, EntryKind, Leave, StoreError, Subject};
use serde_json::json;

use crate::case::wait;
use crate::everywhere::{durable, everywhere, thread};

async fn asks(session: &DurableSession) -> Result<u32, BoxError> {
    let pay = ToolCall::new("pay").call_id("1").args(json!({ "amount": 12 }));
    let approved = session.approval(&pay, "payments", Duration::from_secs(60)).await?;
    let pay = DurableTool::from(pay).approved(approved);
    Ok(session.run_tool(pay, async |_| Ok::<_, BoxError>(12)).await?)
}

#[test]
fn of_two_verdicts_at_once_one_counts() {
    everywhere("verdicts", |open| {
        let stores: Vec<_> = (0..4).map(|_| open()).collect();
        let durable = durable(Arc::clone(&stores[0]));
        for round in 0..10 {
            let id = format!("t{round}");
            assert!(matches!(wait(durable.run(&id, asks)), Ok(Run::Parked(_))));
            let asked = wait(stores[0].pending(Some(&thread(&id)), 9)).unwrap().remove(0);
            let decided: Vec<_> = std::thread::scope(|scope| {
                let verdicts = [
                    asked.approve("ann"),
                    asked.deny("bob"),
                    asked.approve("eve"),
                    asked.deny("joe"),
                ];
                let decide = stores
                    .iter()
                    .zip(verdicts)
                    .map(|(store, verdict)| scope.spawn(move || wait(store.decide(&verdict))));
                let all: Vec<_> = decide.collect();
                all.into_iter().map(|decided| decided.join().unwrap()).collect()
            });
            let one = decided.iter().flatten().map(|one| one.who.clone()).collect::<Vec<_>>();
            assert_eq!(one.len(), 1, "{decided:?}");
            let lost = |error: &StoreError| matches!(error, StoreError::Decided { .. });
            assert!(decided.iter().filter_map(|it| it.as_ref().err()).all(lost), "{decided:?}");
            let kept = wait(stores[1].approval(&asked.id)).unwrap().unwrap();
            assert_eq!(kept.who, one[0]);
            let approved = matches!(one[0].as_deref(), Some("ann" | "eve"));
            let ended = wait(durable.run(&id, asks));
            assert_eq!(ended.is_ok(), approved, "{ended:?}");
        }
    });
}

/// Whether the thread parks before the message comes, or after.
#[test]
fn a_message_at_the_moment_of_parking_wakes_the_thread() {
    everywhere("parking", |open| {
        let (one, other) = (open(), open());
        let durable = durable(Arc::clone(&one));
        let body = async |session: &DurableSession| Ok(session.wait_for::<u32>("go").await?);
        for round in 0..20 {
            let id = thread(&format!("t{round}"));
            let holds =
                Claim { holder: "x".into(), code: "1".into(), role: None, ttl: Duration::ZERO };
            wait(one.acquire(&id, &holds)).unwrap();
            let lived = std::thread::scope(|scope| {
                scope.spawn(|| assert!(wait(other.deliver(&id, "go", &json!(round))).unwrap()));
                wait(durable.run(&id, body)).unwrap()
            });
            if matches!(lived, Run::Parked(_)) {
                let woken = wait(durable.resume_runnable(1, body)).unwrap();
                let (woken, run) = woken.into_iter().next().expect("it is awake");
                assert_eq!((woken, run.unwrap().done()), (id, Some(round)));
            }
        }
    });
}

/// Messages and checkpoints of one thread, at once.
#[test]
fn a_message_beside_a_checkpoint_is_kept() {
    everywhere("beside", |open| {
        let (one, other) = (open(), open());
        let durable = durable(Arc::clone(&one));
        let id = thread("t");
        let body = async |session: &DurableSession| {
            let mut page: u32 = session.resume_point().await?.unwrap_or_default();
            while page < 30 {
                session.value("page", || page).await?;
                page += 1;
                session.checkpoint(&page).await?;
            }
            let mut sum = 0;
            for number in 0..30 {
                sum += session.wait_for::<u32>(&number.to_string()).await?;
            }
            Ok(sum)
        };
        let holds = Claim { holder: "x".into(), code: "1".into(), role: None, ttl: Duration::ZERO };
        wait(one.acquire(&id, &holds)).unwrap();
        let mut run = std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..30_u32 {
                    wait(other.deliver(&id, &number.to_string(), &json!(number))).unwrap();
                    wait(other.prune(&id)).unwrap();
                }
            });
            wait(durable.run(&id, body)).unwrap()
        });
        if matches!(run, Run::Parked(_)) {
            run = wait(durable.run(&id, body)).unwrap();
        }
        assert_eq!(run.done(), Some(435));
    });
}

/// A life that has not heard that it was replaced adds nothing to a thread that was forgotten, or is over.
#[test]
fn a_thread_that_was_forgotten_is_told_nothing_more() {
    everywhere("forgotten", |open| {
        let store = open();
        let brief = Claim { holder: "x".into(), code: "1".into(), role: None, ttl: Duration::ZERO };
        for (name, ends) in [("forgotten", true), ("cancelled", false)] {
            let id = thread(name);
            let (lease, begun) = wait(store.acquire(&id, &brief)).unwrap();
            if ends {
                wait(store.forget(&id)).unwrap();
            } else {
                wait(store.cancel(&id)).unwrap();
            }
            let entries = [Entry {
                kind: EntryKind::LIFE,
                version: 1,
                step: None,
                print: None,
                body: Vec::new(),
            }];
            let append = Append {
                head: begun.head,
                entries: &entries,
                approval: None,
                relaxed: false,
                role: None,
            };
            assert!(wait(store.append(&lease, append)).unwrap_err().is_fenced());
            assert!(wait(store.release(&lease, Leave::Parked(None))).unwrap_err().is_fenced());
            let args = json!({ "amount": 12 });
            let subject = Subject {
                thread: &id,
                step: [7; 16].into(),
                tool: "pay",
                args: Some(&args),
                policy: "p",
            };
            let asked = wait(store.ask(&subject.request(Duration::from_secs(60))));
            assert!(matches!(asked, Err(StoreError::Ended { .. })), "{name}: {asked:?}");
            assert_eq!(wait(store.pending(None, 9)).unwrap(), []);
            let ended = wait(durable(Arc::clone(&store)).run(name, asks));
            assert!(matches!(ended, Err(RunError::Ended { .. })), "{ended:?}");
        }
        let held = Claim { ttl: Duration::from_secs(60), ..brief };
        wait(store.acquire(&thread("held"), &held)).unwrap();
        let refused = wait(store.forget(&thread("held"))).unwrap_err();
        assert!(matches!(refused, StoreError::Held { .. }), "{refused}");
    });
}
