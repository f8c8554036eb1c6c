//! [`FleetDriver`]: makes the calls that the rules ask for, and applies what follows.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use thiserror::Error;

use super::shared::Shared;
use super::{apply, forget};
use crate::BoxFuture;
use crate::config::{FleetClock, Moment};
use crate::core::{Answer, BreakerCall, Call, Due};
use crate::error::StateError;
use crate::member::MemberId;
use crate::state::SharedState;

/// What does a member's work, when it is told to: see [`Fleet::driven`](crate::Fleet::driven).
///
/// It needs no async runtime: each drive polls the calls under way once.
pub struct FleetDriver {
    shared: Arc<Shared>,
    running: Vec<Running>,
}

/// A call under way.
struct Running {
    due: Due,
    future: BoxFuture<'static, Result<Answer, StateError>>,
}

/// The backend is silent.
#[derive(Debug, Error)]
#[error("no answer within {within:?}")]
struct SilentError {
    within: Duration,
}

impl FleetDriver {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared, running: Vec::new() }
    }

    /// Does what is due. Returns how long nothing else is, unless something happens; `None` when the member has
    /// left.
    pub fn drive(&mut self) -> Option<Duration> {
        self.drive_with(&mut Context::from_waker(Waker::noop()))
    }

    /// As [`drive`](Self::drive). The waker of `cx` is woken when there is something to do sooner.
    pub fn drive_with(&mut self, cx: &mut Context<'_>) -> Option<Duration> {
        self.shared.driven_by(cx.waker().clone());
        loop {
            let now = self.shared.now();
            let begun = self.begin(now);
            let ended = self.poll(cx, now);
            apply::all(&self.shared, now);
            if !begun && !ended {
                return self.rest(now);
            }
        }
    }

    pub(super) fn clock(&self) -> Arc<FleetClock> {
        Arc::clone(&self.shared.clock)
    }

    /// Makes the calls that are due. Returns whether there were any.
    fn begin(&mut self, now: Moment) -> bool {
        forget::unused(&self.shared, now);
        let readers = self.shared.seats().readers();
        let readings = readers.read();
        let surplus = self.shared.core().surplus(&readings, now);
        for (account, most) in surplus {
            let Some((purse, _)) = readers.purses.get(&account) else { continue };
            let taken = purse.take_back(most);
            let mut core = self.shared.core();
            core.tills.get_mut(account).into_iter().for_each(|till| till.took(taken));
        }
        // Read again: what was taken out is not idle any more.
        let readings = readers.read();
        let due = self.shared.core().poll(&readings, now);
        let begun = !due.is_empty();
        for due in due {
            let (state, member) = (Arc::clone(&self.shared.state), self.shared.member.clone());
            let future = make(state, member, due.call.clone());
            self.running.push(Running { due, future });
        }
        begun
    }

    /// Polls the calls under way. Returns whether one has ended.
    fn poll(&mut self, cx: &mut Context<'_>, now: Moment) -> bool {
        let within = self.shared.config.timeout;
        let before = self.running.len();
        self.running.retain_mut(|running| {
            let answer = match running.future.as_mut().poll(cx) {
                Poll::Ready(answer) => answer,
                Poll::Pending if now >= running.due.at.saturating_add(within) => Err(
                    StateError::unavailable(running.due.call.attempted(), SilentError { within }),
                ),
                Poll::Pending => return true,
            };
            if let Err(error) = &answer {
                apply::note(&self.shared, &running.due, error);
            }
            self.shared.core().answered(&running.due, answer, now);
            false
        });
        self.running.len() < before
    }

    fn rest(&self, now: Moment) -> Option<Duration> {
        let next = self.shared.core().next(now)?;
        let within = self.shared.config.timeout;
        let deadlines = self.running.iter().map(|running| running.due.at.saturating_add(within));
        Some(deadlines.fold(next, Moment::min).saturating_sub(now))
    }
}

/// Nobody drives the member any more: who waits is told so.
impl Drop for FleetDriver {
    fn drop(&mut self) {
        self.shared.core().end();
        apply::all(&self.shared, self.shared.now());
    }
}

impl Call {
    const fn attempted(&self) -> &'static str {
        match self {
            Self::Sync(_) => "tell and ask what the fleet shares",
            Self::OpenAccount(..) => "open an account of the fleet",
            Self::Book(_) => "book what was spent",
            Self::Breaker(_, BreakerCall::Open { .. }) => "open a breaker of the fleet",
            Self::Breaker(_, BreakerCall::Probe { .. }) => "ask for a probe",
            Self::Breaker(_, BreakerCall::Probed { .. }) => "tell how a probe ended",
            Self::Pause(..) => "pause the fleet",
        }
    }
}

/// The future of a call.
fn make(
    state: Arc<dyn SharedState>,
    member: MemberId,
    call: Call,
) -> BoxFuture<'static, Result<Answer, StateError>> {
    Box::pin(async move {
        Ok(match call {
            Call::Sync(report) => Answer::Sync(state.sync(&report).await?),
            Call::OpenAccount(account, rules) => {
                Answer::Account(state.open_account(&account, &rules).await?)
            }
            Call::Book(booking) => Answer::Booked(state.book(&booking).await?),
            Call::Pause(name, wait) => {
                state.pause(&name, wait).await?;
                Answer::Paused
            }
            Call::Breaker(name, BreakerCall::Open { seen, wait }) => {
                Answer::Breaker(state.open(&name, seen, wait).await?)
            }
            Call::Breaker(name, BreakerCall::Probe { ttl, wait }) => {
                Answer::Probe(state.probe(&name, &member, ttl, wait).await?)
            }
            Call::Breaker(_, BreakerCall::Probed { lease, ended }) => {
                Answer::Breaker(state.probed(&lease, ended).await?)
            }
        })
    })
}

impl fmt::Debug for FleetDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FleetDriver")
            .field("member", &self.shared.member)
            .field("calls", &self.running.len())
            .finish_non_exhaustive()
    }
}
