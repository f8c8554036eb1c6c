//! A call under way: a turn of its own, or an attempt of a recovering one.

use std::error::Error;
use std::task::{Context, Poll};

use http::HeaderMap;
use runtime_orchestrator::{ActiveAttempt, ActiveTurn, Answer, RecoveringTurn, TurnError};
use runtime_resilience::{FaultError, FaultKind, chain_text};
use runtime_usage::ReportedUsage;

/// A call under way.
pub(crate) enum Running {
    Once(ActiveTurn<'static>),
    Attempt(ActiveAttempt<'static>),
    /// A turn of its own that has failed.
    Failed,
}

impl Running {
    /// Polls one step. If it is interrupted, the call is billed by `usage`, or else by its reservation.
    pub(crate) fn poll_run<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut Context<'_>) -> Poll<T>,
        usage: impl FnOnce() -> Option<ReportedUsage>,
    ) -> Poll<Result<T, TurnError>> {
        match self {
            Self::Once(turn) => turn.poll_run(cx, step, usage),
            Self::Attempt(attempt) => attempt.poll_run(cx, step, usage),
            Self::Failed => step(cx).map(Ok),
        }
    }

    pub(crate) fn token(&self) {
        match self {
            Self::Once(turn) => turn.token(),
            Self::Attempt(attempt) => attempt.attempt().token(),
            Self::Failed => {}
        }
    }

    /// Sets the usage so far, if anything is known of it.
    pub(crate) fn observe(&mut self, usage: Option<ReportedUsage>) {
        let Some(usage) = usage else { return };
        match self {
            Self::Once(turn) => turn.observe(usage),
            Self::Attempt(attempt) => attempt.attempt().observe(usage),
            Self::Failed => {}
        }
    }

    pub(crate) fn observe_headers(&self, headers: &HeaderMap) {
        match self {
            Self::Once(turn) => turn.observe_headers(headers),
            Self::Attempt(attempt) => attempt.attempt().observe_headers(headers),
            Self::Failed => {}
        }
    }

    /// The fault of an error that the client gets.
    pub(crate) fn fault_of(&mut self, error: &(dyn Error + 'static)) -> FaultError {
        match self {
            Self::Once(turn) => turn.fault_of(error),
            Self::Attempt(attempt) => attempt.fault_of(error),
            Self::Failed => FaultError::of(FaultKind::Unknown, chain_text(error)),
        }
    }

    /// Settles the failed call. The turn is to [recover](Self::recover) or to [give
    /// up](Self::give_up).
    pub(crate) fn fail(&mut self, error: FaultError) -> TurnError {
        if let Self::Attempt(attempt) = self {
            return attempt.fail(error);
        }
        match std::mem::replace(self, Self::Failed) {
            Self::Once(turn) => turn.fail(error),
            _ => unreachable!("a call fails once"),
        }
    }

    pub(crate) async fn recover(
        self,
        failed: TurnError,
    ) -> Result<RecoveringTurn<'static>, TurnError> {
        match self {
            Self::Once(_) | Self::Failed => Err(failed),
            Self::Attempt(attempt) => attempt.recover(failed).await,
        }
    }

    pub(crate) fn give_up(self, failed: TurnError) -> TurnError {
        match self {
            Self::Once(_) | Self::Failed => failed,
            Self::Attempt(attempt) => attempt.give_up(failed),
        }
    }

    /// Settles the answered call, by its reservation if its usage is unknown. The bill names no model if it
    /// was a turn of its own.
    pub(crate) fn settle(self, usage: Option<ReportedUsage>) -> Answer<()> {
        match (self, usage) {
            (Self::Once(turn), Some(usage)) => turn.settle(usage).answer((), ""),
            (Self::Once(turn), None) => turn.settle_unread().answer((), ""),
            (Self::Attempt(attempt), Some(usage)) => attempt.settle(usage),
            (Self::Attempt(attempt), None) => attempt.settle_unread(),
            (Self::Failed, _) => Answer::recorded((), ""),
        }
    }

    /// Settles a call that costs nothing.
    pub(crate) fn release(self) -> Answer<()> {
        match self {
            Self::Once(turn) => turn.release(),
            Self::Attempt(attempt) => attempt.release(),
            Self::Failed => {}
        }
        Answer::recorded((), "")
    }
}
