//! What calls of the local account may commit, and until when.

use std::time::Duration;

use runtime_usage::Usd;

use super::{Cap, Till};
use crate::config::{Moment, Policy};
use crate::money::OnLoss;

impl Till {
    /// The backend is away: what may be spent beyond all grants.
    pub(crate) fn cut_off(&mut self, policy: Policy, expected: u32) {
        let members = if self.heard > 0 { self.path.members } else { expected };
        self.extra = match policy {
            Policy::LocalShare if self.path.enforced => self.path.part(members),
            _ => Usd::ZERO,
        };
    }

    /// What calls may commit now. `away` is the policy that holds if the backend is away.
    pub(crate) fn cap(
        &self,
        away: Option<Policy>,
        ttl: Duration,
        tick: Duration,
        now: Moment,
    ) -> Cap {
        let granted = self.granted.saturating_sub(self.lost);
        if !self.path.enforced || away == Some(Policy::FailOpen) {
            return Cap::Lifted(granted);
        }
        let over = self.booked_at.saturating_add(ttl).saturating_sub(tick);
        if self.rules.on_loss == OnLoss::Return && now >= over && away != Some(Policy::LocalShare) {
            // It is about to be given to others.
            return Cap::Granted(Usd::ZERO);
        }
        Cap::Granted(granted.saturating_add(self.beyond(away)))
    }

    /// What may be spent beyond all grants now.
    pub(crate) fn beyond(&self, away: Option<Policy>) -> Usd {
        if away == Some(Policy::LocalShare) { self.extra } else { Usd::ZERO }
    }

    /// When the time of a grant is over that others may get then.
    pub(crate) fn fence(&self, ttl: Duration, tick: Duration) -> Option<Moment> {
        let over = self.booked_at.saturating_add(ttl).saturating_sub(tick);
        (self.rules.on_loss == OnLoss::Return && self.heard > 0).then_some(over)
    }

    /// What may still be granted, as far as is known.
    pub(crate) const fn elsewhere(&self) -> Usd {
        self.path.left
    }
}
