//! [`Follower`]: a member's side of a breaker.

use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::{CircuitState, Transition, TransitionCause};

use super::money::kept;
use super::refusal::Refusal;
use crate::config::Moment;
use crate::probe::{BreakerView, ProbeLease, Probed};

/// Two ends of a wait that are closer than this are the same: answers take unequal times.
const CLOSE: Duration = Duration::from_millis(50);

/// How long a member keeps a probe for which no call comes, before siblings may have it.
const UNUSED: Duration = Duration::from_secs(2);

/// How long it leaves the probe to siblings then.
const LEFT: Duration = Duration::from_secs(1);

/// What the local breaker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    Open(Duration),
    Closed,
}

/// A member's side of a breaker.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) name: Arc<str>,
    /// How long a probe may take.
    ttl: Duration,
    /// How long the breaker waits after a failed probe.
    wait: Duration,
    /// The state of the fleet's breaker, as last heard. `None` before anything was.
    heard: Option<Heard>,
    /// A call was refused for want of a probe.
    wanted: bool,
    asking: bool,
    /// Until then, siblings go first.
    asks_from: Moment,
    lease: Option<Held>,
    /// What is to be told: until it is, nothing is asked.
    news: Option<News>,
    /// The call under way that tells it.
    telling: Option<u64>,
    /// Calls that told something, so far.
    calls: u64,
    /// When the breaker was of use last.
    used_at: Moment,
    pub(crate) refusal: Refusal,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    generation: u64,
    /// The end of the wait, if it is open. While a sibling probes, that of the wait after a lost probe.
    until: Option<Moment>,
    probing: bool,
}

/// The right to probe.
#[derive(Debug)]
struct Held {
    lease: ProbeLease,
    until: Moment,
    /// If no call comes by then, it is given back.
    unused_until: Moment,
    used: bool,
}

/// What the local breaker did.
#[derive(Clone, Debug)]
enum News {
    Opened { seen: u64, until: Moment },
    Probed { lease: ProbeLease, ended: Ended, by: Moment },
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Closed,
    Failed { until: Moment },
    Unused,
}

/// A call of the backend for a breaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BreakerCall {
    Open { seen: u64, wait: Duration },
    Probe { ttl: Duration, wait: Duration },
    Probed { lease: ProbeLease, ended: Probed },
}

impl Follower {
    pub(crate) fn new(name: Arc<str>, ttl: Duration, wait: Duration) -> Self {
        Self {
            name,
            ttl,
            wait,
            heard: None,
            wanted: false,
            asking: false,
            asks_from: Duration::ZERO,
            lease: None,
            news: None,
            telling: None,
            calls: 0,
            used_at: Duration::ZERO,
            refusal: Refusal::default(),
        }
    }

    /// Somebody asks for the breaker, or has it, or it is not closed.
    pub(crate) const fn asked_for(&mut self, now: Moment) {
        self.used_at = now;
    }

    /// Whether it may be forgotten, if nobody has the breaker.
    pub(super) fn is_over(&self, keep: Duration, now: Moment) -> bool {
        let closed = self.heard.is_none_or(|heard| heard.until.is_none());
        let quiet = self.news.is_none() && self.telling.is_none() && !self.asking;
        let rests = closed && quiet && self.lease.is_none();
        rests && now >= self.used_at.saturating_add(kept(keep))
    }

    pub(crate) fn generation(&self) -> u64 {
        self.heard.map_or(0, |heard| heard.generation)
    }

    /// Whether the local breaker may let a probe through, and if not, whether that is the first refusal. `alone` is
    /// whether each member probes for itself.
    pub(crate) fn may_probe(&mut self, alone: bool, now: Moment) -> Result<(), bool> {
        let closed = self.heard.is_some_and(|heard| heard.until.is_none()) && self.news.is_none();
        if alone || closed || self.lease.as_ref().is_some_and(|held| now < held.until) {
            return Ok(());
        }
        Err(!std::mem::replace(&mut self.wanted, true))
    }

    /// The local breaker has changed its state.
    pub(crate) fn changed(&mut self, transition: Transition, now: Moment) {
        let Transition { to, cause, wait, .. } = transition;
        if cause == TransitionCause::Fleet {
            return;
        }
        let ended = match to {
            CircuitState::HalfOpen => {
                if let Some(held) = &mut self.lease {
                    held.used = true;
                }
                return;
            }
            CircuitState::Open => {
                let until = now.saturating_add(wait.unwrap_or(self.wait));
                if self.lease.is_none() {
                    self.news = Some(News::Opened { seen: self.generation(), until });
                    self.telling = None;
                }
                Ended::Failed { until }
            }
            CircuitState::Closed if cause == TransitionCause::ProbesSucceeded => Ended::Closed,
            // An order that counts for this member alone.
            _ => Ended::Unused,
        };
        self.end(ended);
    }

    fn end(&mut self, ended: Ended) {
        if let Some(Held { lease, until, .. }) = self.lease.take() {
            self.news = Some(News::Probed { lease, ended, by: until });
            self.telling = None;
        }
    }

    /// Gives back a probe that no call uses. One that is under way counts as failed, if nothing more is heard.
    pub(crate) fn leave(&mut self) {
        if self.lease.as_ref().is_some_and(|held| !held.used) {
            self.end(Ended::Unused);
        }
    }

    /// The next call of the backend, if one is due.
    pub(crate) fn call(&mut self, now: Moment) -> Option<BreakerCall> {
        if self.lease.as_ref().is_some_and(|held| !held.used && now >= held.unused_until) {
            self.end(Ended::Unused);
            self.asks_from = now.saturating_add(LEFT);
        }
        if self.lease.as_ref().is_some_and(|held| now >= held.until) {
            // The backend counts it as failed.
            self.lease = None;
        }
        if self.refusal.is_there() {
            // The next heartbeat hears whether it is shared again.
            return None;
        }
        let left = |until: Moment| until.saturating_sub(now);
        match self.news.clone() {
            Some(_) if self.telling.is_some() => return None,
            Some(News::Opened { seen, until }) if until > now => {
                self.tell();
                return Some(BreakerCall::Open { seen, wait: left(until) });
            }
            Some(News::Probed { lease, ended, by }) if by > now => {
                self.tell();
                let ended = match ended {
                    Ended::Closed => Probed::Closed,
                    Ended::Failed { until } => Probed::Failed { wait: left(until) },
                    Ended::Unused => Probed::Unused,
                };
                return Some(BreakerCall::Probed { lease, ended });
            }
            // Over before it was told.
            Some(_) => self.news = None,
            None => {}
        }
        let due = self.heard.and_then(|heard| heard.until).is_some_and(|until| until <= now);
        let turn = now >= self.asks_from;
        if self.wanted && due && turn && !self.asking && self.lease.is_none() {
            self.asking = true;
            return Some(BreakerCall::Probe { ttl: self.ttl, wait: self.wait });
        }
        None
    }

    fn tell(&mut self) {
        self.calls += 1;
        self.telling = Some(self.calls);
    }

    /// The call that told something last.
    pub(crate) const fn last_call(&self) -> u64 {
        self.calls
    }

    /// When [`call`](Self::call) may have something to do.
    pub(crate) fn next(&self) -> Option<Moment> {
        let due = self.heard.and_then(|heard| heard.until);
        let due = due.filter(|_| self.wanted && !self.asking && self.lease.is_none());
        let due = due.map(|due| due.max(self.asks_from));
        let lease = self.lease.as_ref();
        let lease = lease.map(|held| if held.used { held.until } else { held.unused_until });
        due.into_iter().chain(lease).min()
    }

    /// A call had no answer: what it told is told again.
    pub(crate) fn unanswered(&mut self, call: u64) {
        self.telling = self.telling.filter(|telling| *telling != call);
        self.asking = false;
    }

    /// What was told has been heard.
    pub(crate) fn told(
        &mut self,
        view: BreakerView,
        (known, call): (u64, u64),
        now: Moment,
    ) -> Option<Followed> {
        // Something else may be told by now, which nobody has heard.
        if self.telling == Some(call) {
            self.telling = None;
            if !self.is_told_too_early(view) {
                self.news = None;
            }
        }
        self.view(view, Some(known), now)
    }

    /// Whether an opening was refused as one from before a recovery, since this member had not met the backend when
    /// it told it: it is told again.
    fn is_told_too_early(&self, view: BreakerView) -> bool {
        let Some(News::Opened { seen, .. }) = self.news else { return false };
        view.open.is_none() && (self.heard.is_none() || seen >= view.generation)
    }

    /// The probe is granted. `asked` is when it was asked for: its time counts from there.
    pub(crate) fn granted(&mut self, lease: ProbeLease, asked: Moment) {
        self.asking = false;
        let until = asked.saturating_add(lease.ttl);
        let unused_until = asked.saturating_add(UNUSED.min(lease.ttl / 2));
        self.heard = Some(Heard {
            generation: lease.generation,
            until: Some(until.saturating_add(self.wait)),
            probing: true,
        });
        self.lease = Some(Held { lease, until, unused_until, used: false });
    }

    /// The probe is refused.
    pub(crate) fn refused(
        &mut self,
        view: BreakerView,
        known: u64,
        now: Moment,
    ) -> Option<Followed> {
        self.asking = false;
        self.view(view, Some(known), now)
    }

    /// Takes what the backend says of the breaker. `known` is the generation that was known when it was asked;
    /// `None` for a push.
    pub(crate) fn view(
        &mut self,
        view: BreakerView,
        known: Option<u64>,
        now: Moment,
    ) -> Option<Followed> {
        let before = self.heard;
        let forgotten = view.generation < self.generation();
        if forgotten && known != Some(self.generation()) {
            // It is older than what is known.
            return None;
        }
        if self.lease.as_ref().is_some_and(|held| held.lease.generation == view.generation) {
            return None;
        }
        let until = view.open.map(|left| now.saturating_add(left));
        let news = self.generation() != view.generation;
        let same = |before: Heard| match (before.until, until) {
            _ if before.probing != view.probing => false,
            // One that was due is no more due by being so still.
            (Some(before), Some(until)) => until < before.max(now).saturating_add(CLOSE),
            (before, until) => before.is_some() == until.is_some(),
        };
        let changed = news || !before.is_some_and(same);
        let probing = view.probing;
        self.heard = Some(Heard { generation: view.generation, until, probing });
        if news {
            self.lease = None;
            // A new cool-down begins: a call has to want its probe.
            self.wanted &= view.probing || view.open.is_some_and(|left| left.is_zero());
        }
        match view.open {
            // While a sibling probes, the breaker is due, and this member has no probe.
            Some(left) if changed => {
                Some(Followed::Open(if view.probing { Duration::ZERO } else { left }))
            }
            Some(_) => None,
            None => self.closed(before, forgotten, news),
        }
    }

    fn closed(&mut self, before: Option<Heard>, forgotten: bool, news: bool) -> Option<Followed> {
        self.wanted = false;
        let generation = self.generation();
        if before.is_none() || forgotten {
            // The local breaker knows better than a backend that has just been met, or that has lost its memory.
            if let Some(News::Opened { seen, .. }) = &mut self.news {
                *seen = generation;
            }
            return None;
        }
        let older = |told: &News| matches!(told, News::Opened { seen, .. } if *seen < generation);
        if self.news.as_ref().is_some_and(older) {
            (self.news, self.telling) = (None, None);
        }
        news.then_some(Followed::Closed)
    }
}
