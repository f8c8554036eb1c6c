//! The ends of parallel calls: each that has begun is settled once, whichever way it ends.

use std::future::pending;

use futures_util::FutureExt;
use runtime_events::{AgentEventName, SpanOutcome};
use runtime_orchestrator::{BoxError, OrchestrationSession, Orchestrator};
use runtime_sinks::testing::RecordingEventSink;
use runtime_tools::{Tool, ToolOutcome, ToolRunner, ToolRunnerError, ToolUse, Toolbox};
use serde_json::json;

use crate::run;

fn started() -> (OrchestrationSession, RecordingEventSink) {
    let events = RecordingEventSink::new();
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(events.clone());
    (orchestrator.session().unwrap(), events)
}

/// Tools that answer, panic in each of the places that they can, or never end.
fn toolbox() -> Toolbox {
    let key = format!("sk-proj-{}", "a1B2c3D4e5F6g7H8".repeat(3));
    let tools = [
        Tool::new("fine", "", async |()| Ok::<_, BoxError>("fine")),
        Tool::new("late", "", async |()| {
            tokio::task::yield_now().await;
            Ok::<_, BoxError>("late")
        }),
        Tool::new("at_once", "", |()| -> std::future::Ready<Result<(), BoxError>> {
            panic!("at once")
        }),
        Tool::new("within", "", move |()| {
            let key = key.clone();
            async move {
                tokio::task::yield_now().await;
                std::panic::panic_any::<String>(format!("within, with key {key}"));
                #[expect(unreachable_code, reason = "the type of the future")]
                Ok::<(), BoxError>(())
            }
        }),
        Tool::new("wordless", "", async |()| {
            std::panic::panic_any(7_u8);
            #[expect(unreachable_code, reason = "the type of the future")]
            Ok::<(), BoxError>(())
        }),
        Tool::new("endless", "", async |()| pending::<Result<(), BoxError>>().await),
    ];
    Toolbox::new().with_all(tools).unwrap()
}

fn uses<const N: usize>(names: [&str; N]) -> Vec<ToolUse> {
    names.map(|name| ToolUse::new(name, name, json!({}))).to_vec()
}

/// How each tool that was called ended, by its span.
fn ended(events: &RecordingEventSink) -> Vec<SpanOutcome> {
    let completed = events.all(AgentEventName::ToolCompleted);
    let called = events.all(AgentEventName::ToolCalled);
    let once = |span| completed.iter().filter(|event| event.span == span).count();
    assert!(called.iter().all(|event| once(event.span) == 1), "each is settled once");
    assert_eq!(called.len(), completed.len());
    let of = |span| completed.iter().find(|event| event.span == span);
    called.iter().filter_map(|event| of(event.span)?.outcome).collect()
}

#[test]
fn panic_is_the_result_of_its_call_and_its_neighbours_go_on() {
    let (session, events) = started();
    let toolbox = toolbox();
    let calls = uses(["fine", "at_once", "within", "wordless", "late"]);
    let results = run(ToolRunner::new(&session, &toolbox).run(calls)).unwrap();
    let said: Vec<_> = results.iter().map(|r| (&*r.id, &*r.name, r.outcome)).collect();
    let [ok, panicked] = [ToolOutcome::Ok, ToolOutcome::Panicked];
    assert_eq!(
        said,
        [
            ("fine", "fine", ok),
            ("at_once", "at_once", panicked),
            ("within", "within", panicked),
            ("wordless", "wordless", panicked),
            ("late", "late", ok),
        ]
    );
    assert!(panicked.is_error());
    assert_eq!(results[1].content, "the tool panicked: at once");
    assert_eq!(results[3].content, "the tool panicked: without a text");
    let within = &results[2].content;
    assert!(within.starts_with("the tool panicked: within, with key "), "{within}");
    assert!(!within.contains("a1B2c3D4"), "{within}");
    let [ok, panicked] = [SpanOutcome::Ok, SpanOutcome::Panicked];
    assert_eq!(ended(&events), [ok, panicked, panicked, panicked, ok]);
    // The session goes on.
    let again = run(ToolRunner::new(&session, &toolbox).run(uses(["fine"]))).unwrap();
    assert_eq!(again[0].content, "fine");
    session.complete().unwrap();
}

#[test]
fn panic_does_not_stop_what_waits_for_a_place() {
    let (session, events) = started();
    let toolbox = toolbox();
    let calls = uses(["at_once", "within", "fine"]);
    let results = run(ToolRunner::new(&session, &toolbox).parallel(1).run(calls)).unwrap();
    assert_eq!(results[2].content, "fine");
    assert_eq!(ended(&events).len(), 3);
}

#[test]
fn run_that_is_dropped_settles_each_call_that_has_begun() {
    let (session, events) = started();
    let toolbox = toolbox();
    run(async {
        let mut runner = ToolRunner::new(&session, &toolbox).parallel(3);
        let calls = uses(["fine", "endless", "endless", "within", "late"]);
        let mut running = Box::pin(runner.run(calls));
        // The first ends, two hang, and one after the other has the third place.
        for _ in 0..100 {
            assert!(running.as_mut().now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    });
    let [ok, cancelled] = [SpanOutcome::Ok, SpanOutcome::Cancelled];
    assert_eq!(ended(&events), [ok, cancelled, cancelled, SpanOutcome::Panicked, ok]);
    session.complete().unwrap();
}

#[test]
fn session_that_is_cancelled_settles_each_call_that_has_begun() {
    let (session, events) = started();
    let toolbox = toolbox();
    let error = run(async {
        let mut runner = ToolRunner::new(&session, &toolbox).parallel(2);
        // The last is never begun.
        let mut running = Box::pin(runner.run(uses(["endless", "endless", "fine"])));
        assert!(running.as_mut().now_or_never().is_none());
        session.cancel("enough").unwrap();
        running.await.unwrap_err()
    });
    assert!(matches!(error, ToolRunnerError::Session(_)), "{error:?}");
    assert_eq!(ended(&events), [SpanOutcome::Cancelled, SpanOutcome::Cancelled]);
}

#[cfg(feature = "durable")]
mod durable {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use runtime_durable::{DurableSession, Run};
    use runtime_orchestrator::Effect;
    use runtime_store::{EntryKind, Store, ThreadState};
    use runtime_tools::{Tool, ToolRunner, Toolbox};

    use super::uses;
    use crate::durable::clerk;
    use crate::run;
    use crate::world::{World, thread};

    /// Is ready at its poll of this number.
    async fn poll(number: u32) {
        let mut left = number;
        poll_fn(|context| {
            left = left.saturating_sub(1);
            if left == 0 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// A tool that pays at its poll of this number, or panics there if it `panics`.
    fn pay(
        world: &World,
        (name, effect): (&str, Effect),
        number: u32,
        panics: &Arc<AtomicBool>,
    ) -> Tool {
        let (world, panics) = (world.clone(), Arc::clone(panics));
        let pays = Tool::keyed(name, "Pays.", move |(), key: String| {
            let (world, panics) = (world.clone(), Arc::clone(&panics));
            async move {
                poll(number).await;
                assert!(!panics.load(Ordering::Relaxed), "the bank is on fire");
                world.pay(&key, effect == Effect::Keyed).await
            }
        });
        pays.effect(effect)
    }

    /// The number of outcomes in the journal.
    fn recorded(world: &World) -> usize {
        let stored = run(world.store.read(&thread(), 0, 100)).unwrap();
        stored.iter().filter(|it| it.entry.kind == EntryKind::OUTCOME).count()
    }

    #[test]
    fn panic_ends_the_life_once_its_neighbours_are_recorded() {
        for parallel in [3, 2, 1] {
            let world = World::new();
            let durable = world.durable(clerk());
            let (never, on_fire) = (Arc::default(), Arc::new(AtomicBool::new(true)));
            // An irreversible call without an outcome would wait for a person.
            let toolbox = Toolbox::new().with_all([
                pay(&world, ("early", Effect::Irreversible), 1, &never),
                pay(&world, ("panics", Effect::Keyed), 2, &on_fire),
                pay(&world, ("late", Effect::Irreversible), 9, &never),
            ]);
            let toolbox = toolbox.unwrap();
            let body = async |session: &DurableSession| {
                let mut runner = ToolRunner::new(session, &toolbox).parallel(parallel);
                let results = runner.run(uses(["early", "panics", "late"])).await?;
                Ok(results.into_iter().map(|made| made.content).collect::<Vec<_>>())
            };
            let life = || run(durable.run("order-4711", body));

            let panic = catch_unwind(AssertUnwindSafe(life)).err().unwrap();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"the bank is on fire"));
            let state = run(world.store.thread(&thread())).unwrap().unwrap().state;
            assert_eq!(state, ThreadState::Failed);
            assert_eq!((recorded(&world), world.payments()), (2, 2), "{parallel} at once");

            // Whoever runs it again has what the neighbours did, and makes the call that panicked.
            on_fire.store(false, Ordering::Relaxed);
            let Run::Done(done) = life().unwrap() else { panic!("it waits for nobody") };
            assert_eq!(done.value, ["12"; 3]);
            assert_eq!(world.payments(), 3, "{parallel} at once");
        }
    }
}
