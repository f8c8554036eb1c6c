//! The scripted model.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use runtime_testkit::{ManualClock, ScriptOverError, ScriptedModel};

const SECOND: Duration = Duration::from_secs(1);

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The result of a call that is ready at once.
fn ready<F: Future>(future: F) -> F::Output {
    match poll(pin!(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the call is pending"),
    }
}

#[test]
fn calls_follow_the_script_in_order() {
    let model = ScriptedModel::new().replies(1).fails("overloaded").replies(2);
    assert_eq!(ready(model.call("a")).unwrap(), 1);
    assert_eq!(ready(model.call("b")).unwrap_err().to_string(), "overloaded");
    assert_eq!(model.remaining(), 1);
    assert_eq!(ready(model.call("c")).unwrap(), 2);
    assert_eq!(model.prompts(), ["a", "b", "c"]);
}

#[test]
fn a_call_after_the_last_step_fails() {
    let model = ScriptedModel::<u8>::new().after(SECOND);
    for _ in 0..2 {
        assert!(ready(model.call("a")).unwrap_err().is::<ScriptOverError>());
    }
    assert_eq!(model.prompts().len(), 2);
}

#[test]
fn delays_add_up_on_the_manual_clock() {
    let clock = ManualClock::new();
    let model = ScriptedModel::new().on(clock.clone()).after(SECOND).after(SECOND).replies(1);
    let mut call = pin!(model.call("a"));
    assert!(poll(call.as_mut()).is_pending());
    clock.advance(SECOND);
    assert!(poll(call.as_mut()).is_pending());
    clock.advance(SECOND);
    assert!(matches!(poll(call), Poll::Ready(Ok(1))));
}

#[test]
fn parallel_calls_keep_their_own_delay_and_reply() {
    let clock = ManualClock::new();
    let model = ScriptedModel::new().on(clock.clone()).after(SECOND).replies(1).replies(2);
    let mut slow = pin!(model.call("slow"));
    assert!(poll(slow.as_mut()).is_pending());
    assert_eq!(ready(model.call("fast")).unwrap(), 2);
    clock.advance(SECOND);
    assert!(matches!(poll(slow), Poll::Ready(Ok(1))));
}

#[test]
fn without_a_timer_there_is_no_delay() {
    assert_eq!(ready(ScriptedModel::new().after(SECOND).replies(1).call("a")).unwrap(), 1);
}

#[test]
fn a_call_that_hangs_stays_pending() {
    let model = ScriptedModel::<u8>::new().hangs();
    assert!(poll(pin!(model.call("a"))).is_pending());
    assert_eq!(model.remaining(), 0);
}

#[test]
fn clones_share_the_script_and_the_prompts() {
    let model = ScriptedModel::new().replies(1).replies(2);
    let clone = model.clone();
    assert_eq!(ready(clone.call("a")).unwrap(), 1);
    assert_eq!(ready(model.call("b")).unwrap(), 2);
    assert_eq!((model.prompts(), clone.remaining()), (clone.prompts(), 0));
}
