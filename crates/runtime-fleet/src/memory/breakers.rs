//! One breaker of a [`MemoryState`](super::MemoryState).

use std::time::Duration;

use crate::member::MemberId;
use crate::probe::{BreakerView, ProbeLease, Probed};

/// A breaker. Times are counted from the backend's beginning.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    generation: u64,
    /// The end of the wait. `None` if it is closed.
    until: Option<Duration>,
    probe: Option<Probing>,
}

#[derive(Debug)]
struct Probing {
    member: MemberId,
    until: Duration,
    /// The wait that follows if nothing is heard of it.
    wait: Duration,
}

impl Breaker {
    pub(super) fn view(&self, now: Duration) -> BreakerView {
        let open = self.open_until().map(|until| until.saturating_sub(now));
        let probing = self.probe.as_ref().is_some_and(|probe| probe.until > now);
        BreakerView { generation: self.generation, open, probing }
    }

    pub(super) fn open(&mut self, seen: u64, wait: Duration, now: Duration) -> BreakerView {
        let until = now.saturating_add(wait);
        match self.until {
            Some(before) => self.until = Some(before.max(until)),
            None if seen >= self.generation => {
                self.generation = seen + 1;
                self.until = Some(until);
            }
            None => {}
        }
        self.view(now)
    }

    /// The generation of the lease, and its time.
    pub(super) fn probe(
        &mut self,
        member: &MemberId,
        ttl: Duration,
        wait: Duration,
        now: Duration,
    ) -> Option<(u64, Duration)> {
        if let Some(probe) = &self.probe
            && probe.until > now
        {
            return (probe.member == *member)
                .then(|| (self.generation, probe.until.saturating_sub(now)));
        }
        if self.open_until()? > now {
            return None;
        }
        self.generation += 1;
        self.until = Some(now);
        let until = now.saturating_add(ttl);
        self.probe = Some(Probing { member: member.clone(), until, wait });
        Some((self.generation, ttl))
    }

    pub(super) fn probed(
        &mut self,
        lease: &ProbeLease,
        ended: Probed,
        now: Duration,
    ) -> BreakerView {
        let own = |probe: &Probing| probe.member == lease.member && probe.until > now;
        if self.generation == lease.generation && self.probe.as_ref().is_some_and(own) {
            self.generation += 1;
            self.probe = None;
            match ended {
                // Somebody asked for a longer wait while it probed.
                Probed::Closed if self.until > Some(now) => {}
                Probed::Closed => self.until = None,
                Probed::Failed { wait } => {
                    self.until = self.until.max(Some(now.saturating_add(wait)));
                }
                Probed::Unused => {}
            }
        }
        self.view(now)
    }

    /// When the wait is over, that of a probe of which nothing is heard included.
    fn open_until(&self) -> Option<Duration> {
        let lost = self.probe.as_ref().map(|probe| probe.until.saturating_add(probe.wait));
        self.until.max(lost)
    }
}
