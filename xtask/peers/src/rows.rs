//! The measured cases, and the promised ratios.

mod backoff;
mod breaker;
mod fault;
mod floor;
mod otel;
mod rate;
mod retry_budget;
mod tower;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::suite::Suite;

/// Adds all cases. The floor, which measures the machine, is last.
pub(crate) fn add_all(suite: &mut Suite) {
    breaker::add(suite);
    tower::add(suite);
    backoff::add(suite);
    rate::add(suite);
    retry_budget::add(suite);
    fault::add(suite);
    otel::add(suite);
    floor::add(suite);
}

/// The output of a future that is ready at once.
pub(crate) fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("it had nothing to wait for"),
    }
}
