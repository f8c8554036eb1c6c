//! Executors whose wakers own tasks: dropping a waker may drop a future that comes straight back.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use runtime_events::{Sleep, Sleeper};
use runtime_orchestrator::{BoxError, OrchestrationSession, Timeout, Turn};

use crate::support::{Fixture, returns};

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A task that only its wakers own.
struct Task(#[expect(dead_code, reason = "it is only dropped")] Mutex<Work>);

impl Wake for Task {
    fn wake(self: Arc<Self>) {}
}

/// A waker that owns a task, which has been polled once.
fn owning(work: impl Future<Output = ()> + Send + 'static) -> Waker {
    let mut work: Work = Box::pin(work);
    assert!(work.as_mut().now_or_never().is_none(), "it waits");
    Waker::from(Arc::new(Task(Mutex::new(work))))
}

/// A waker that owns a running turn of the session, which leaves the session when it is dropped.
fn owning_a_turn(session: &Arc<OrchestrationSession>) -> Waker {
    let session = Arc::clone(session);
    owning(async move {
        let hangs = || pending::<Result<(), BoxError>>();
        let _ = session.run_turn(Turn::model("m"), hangs).await;
    })
}

fn hangs() -> impl Future<Output = Result<(), BoxError>> {
    pending()
}

/// Polls `future` with one waker, then with another.
fn poll_twice(future: Pin<&mut impl Future>, first: Waker) {
    let mut future = future;
    assert!(future.as_mut().poll(&mut Context::from_waker(&first)).is_pending());
    drop(first);
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// Polls `future` and drops it, and with it the last copy of the waker.
fn poll_and_drop(future: impl Future, last: Waker) {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(&last)).is_pending());
    drop(last);
    drop(future);
}

#[test]
fn waker_of_a_call_may_own_another_call() {
    let session = Arc::new(Fixture::new().orchestrator.session().unwrap());
    let inside = Arc::clone(&session);
    returns(move || {
        let turn = || inside.run_turn(Turn::model("m"), hangs);
        poll_twice(pin!(turn()), owning_a_turn(&inside));
        poll_and_drop(turn(), owning_a_turn(&inside));
    });
    session.complete().unwrap();
}

#[test]
fn waker_of_a_pause_may_own_a_call() {
    let session = Arc::new(Fixture::new().orchestrator.session().unwrap());
    let inside = Arc::clone(&session);
    returns(move || {
        poll_twice(pin!(inside.pause_for_input("publish?")), owning_a_turn(&inside));
        poll_and_drop(inside.pause_for_input("publish?"), owning_a_turn(&inside));
    });
    session.complete().unwrap();
}

/// A timer that keeps no waker.
#[derive(Debug)]
struct Never;

impl Sleeper for Never {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(pending())
    }
}

#[test]
fn waker_of_a_drain_may_own_a_session() {
    let fixture = Fixture::new();
    let owning_a_session = || {
        let session = fixture.orchestrator.session().unwrap();
        owning(async move {
            let _session = session;
            pending::<()>().await;
        })
    };
    let open = fixture.orchestrator.session().unwrap();
    let (first, last) = (owning_a_session(), owning_a_session());
    let orchestrator = fixture.orchestrator.clone();
    returns(move || {
        let drain = || orchestrator.drain(Timeout::on(Duration::from_secs(10), Arc::new(Never)));
        poll_twice(pin!(drain()), first);
        poll_and_drop(drain(), last);
    });
    open.complete().unwrap();
}
