//! Turns of a durable session over a store that takes next to nothing.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use runtime_durable::{Durable, DurableSession};
use runtime_orchestrator::{BoxError, Orchestrator, Turn};
use runtime_store::{Fold, MemoryStore, Store as _, ThreadId};
use runtime_usage::UsageSnapshot;

use crate::Work;
use crate::turns::ready;

/// The text of an answer, in bytes.
const CONTENT: usize = 600;
/// More than are counted.
const RECORDED: u32 = 2_000;
const THREAD: &str = "talk";

fn durable(store: &Arc<MemoryStore>) -> Durable {
    let orchestrator = Orchestrator::new("bench", "turns").max_iterations(u32::MAX);
    Durable::shared(orchestrator, Arc::<MemoryStore>::clone(store))
}

async fn turn(session: &DurableSession) -> Result<(), BoxError> {
    let turn = Turn::model("gpt-5").usage(UsageSnapshot::new(100, 10));
    let answer = session.run_turn(turn, async || Ok::<_, BoxError>("x".repeat(CONTENT)));
    black_box(answer.await?);
    Ok(())
}

/// A store with a thread that has made its turns and goes on.
fn recorded() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let first = durable(&store);
    let run = first.run(THREAD, async |session| {
        for _ in 0..RECORDED {
            turn(session).await?;
        }
        Err::<(), BoxError>("it goes on".into())
    });
    drop(ready(run));
    store
}

/// A life that makes a turn each time that it is polled.
fn step_by_step(store: &Arc<MemoryStore>) -> Work {
    let durable = durable(store);
    let mut life: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async move {
        let run = durable.run(THREAD, async |session| {
            loop {
                turn(session).await?;
                let mut yielded = false;
                poll_fn(|_| {
                    let before = std::mem::replace(&mut yielded, true);
                    if before { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
            }
        });
        let ended: Result<_, _> = run.await;
        let _ = ended.map(|_: runtime_durable::Run<()>| ());
    });
    let mut work = move || {
        let polled = life.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "the life goes on");
    };
    // The life begins.
    work();
    Box::new(work)
}

pub(crate) fn made() -> Work {
    step_by_step(&Arc::new(MemoryStore::new()))
}

pub(crate) fn answered_again() -> Work {
    step_by_step(&recorded())
}

/// The two entries of a turn.
pub(crate) fn folded() -> Work {
    let thread = ThreadId::new(THREAD).unwrap();
    let entries = ready(recorded().read(&thread, 0, usize::MAX)).unwrap();
    let (mut fold, mut entries) = (Fold::new(), entries.into_iter());
    fold.apply(entries.next().unwrap()).unwrap();
    Box::new(move || {
        for _ in 0..2 {
            fold.apply(black_box(entries.next().unwrap())).unwrap();
        }
    })
}
