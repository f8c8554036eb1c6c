//! What is measured, part by part, and the ratios that are promised.

mod backoff;
mod breaker;
mod fault;
mod floor;
mod rate;
mod retry_budget;
mod tower;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::suite::Suite;

/// All of it, the floor last: what the machine itself takes.
pub(crate) fn add_all(suite: &mut Suite) {
    breaker::add(suite);
    tower::add(suite);
    backoff::add(suite);
    rate::add(suite);
    retry_budget::add(suite);
    fault::add(suite);
    floor::add(suite);
}

/// What a future that need not wait says at once.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it had nothing to wait for"),
    }
}
