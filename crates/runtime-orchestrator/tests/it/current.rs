//! The current session, for code below a shared client.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

use futures_util::join;
use runtime_orchestrator::{BoxError, SessionHandle};

use crate::support::{Fixture, now, yields};

fn current() -> Option<String> {
    SessionHandle::current().map(|session| session.id().to_owned())
}

#[test]
fn interleaved_futures_have_their_own_session() {
    let fixture = Fixture::new();
    let sessions = [(); 2].map(|()| fixture.orchestrator.session().unwrap());
    let [one, other] = &sessions;
    let asks = async |times: usize| {
        let mut seen = Vec::new();
        for _ in 0..times {
            yields(1).await;
            seen.push(current());
        }
        seen.dedup();
        seen
    };
    let nested = async {
        let inner = other.scope(asks(2)).await;
        (inner, asks(1).await)
    };
    let all = async { join!(one.scope(nested), other.scope(asks(3)), asks(3)) };
    let [a, b] = [Some(one.id().to_owned()), Some(other.id().to_owned())];
    assert_eq!(now(all), ((vec![b.clone()], vec![a]), vec![b], vec![None]));
    assert_eq!(current(), None);
}

#[test]
fn panic_leaves_the_scope() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let mut scoped = pin!(session.scope(async { panic!("a defect") }));
    let mut cx = Context::from_waker(Waker::noop());
    catch_unwind(AssertUnwindSafe(|| scoped.as_mut().poll(&mut cx))).unwrap_err();
    assert_eq!(current(), None);
}

#[test]
fn body_of_a_run_is_in_the_scope_of_its_session() {
    let fixture = Fixture::new();
    let body = async |session: &runtime_orchestrator::OrchestrationSession| {
        yields(1).await;
        Ok::<_, BoxError>(current().as_deref() == Some(session.id()))
    };
    assert!(now(fixture.orchestrator.run(body)).result.unwrap());
    let run =
        fixture.orchestrator.run_blocking(|session| Ok(current().as_deref() == Some(session.id())));
    assert!(run.result.unwrap());
    assert_eq!(current(), None);
}
