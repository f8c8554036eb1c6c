//! A session's core, borrowed or kept alive.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

use runtime_resilience::CircuitBreaker;

use super::Core;
use crate::error::TurnError;
use crate::parts::money::{Ask, Funds};

/// The core of a session for a turn: borrowed from the session's value, or kept alive by the turn.
#[derive(Clone)]
pub(crate) enum Hold<'s> {
    Borrowed(&'s Core),
    Owned(Arc<Core>),
}

impl<'s> Hold<'s> {
    /// Whether the turn may outlive the session's value.
    pub(crate) const fn is_owned(&self) -> bool {
        matches!(self, Self::Owned(_))
    }

    /// The breaker of turns without a route, for as long as the turn lives.
    pub(crate) fn breaker(&self) -> Option<Cow<'s, CircuitBreaker>> {
        match self {
            Self::Borrowed(core) => core.setup.breaker.as_ref().map(Cow::Borrowed),
            Self::Owned(core) => core.setup.breaker.clone().map(Cow::Owned),
        }
    }

    /// Reserves the expected cost of a turn, for as long as the turn lives.
    #[inline]
    pub(crate) fn fund(&self, model: &str, ask: &Ask) -> Result<Funds<'s>, TurnError> {
        match self {
            Self::Borrowed(core) => core.money.fund(model, ask),
            Self::Owned(core) => Ok(core.money.fund(model, ask)?.into_owned()),
        }
    }
}

impl Deref for Hold<'_> {
    type Target = Core;

    #[inline]
    fn deref(&self) -> &Core {
        match self {
            Self::Borrowed(core) => core,
            Self::Owned(core) => core,
        }
    }
}
