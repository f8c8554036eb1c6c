//! Offered workers: the receiving end of a handoff.

use std::sync::Arc;

use super::entry::{Claim, Core, Entry};
use super::error::{ClaimError, CreateWorkerError};
use super::offer::{Attachment, Offer};
use super::{AgentRegistry, copies};
use crate::status::AgentStatus;
use crate::worker::AgentWorker;

impl AgentRegistry {
    /// Registers a worker for a later session: it is `INITIALIZING` and waits for a
    /// [`claim`](Self::claim). A text is an offer with this text as the first line of the worker's log.
    ///
    /// Beyond [`unclaimed_capacity`](super::RegistryConfig::unclaimed_capacity), the oldest unclaimed worker
    /// ends `CANCELLED`.
    ///
    /// # Errors
    ///
    /// As for [`create`](Self::create).
    #[expect(single_use_lifetimes, reason = "`impl Trait` takes no elided lifetime")]
    pub fn offer<'o>(
        &self,
        role: impl Into<Arc<str>>,
        phase: impl Into<Arc<str>>,
        project_id: Option<i64>,
        offer: impl Into<Offer<'o>>,
    ) -> Result<AgentWorker, CreateWorkerError> {
        let offered =
            self.register(&role.into(), &phase.into(), project_id, Some(&offer.into()))?;
        self.cancel_surplus_offers();
        Ok(offered)
    }

    /// The [value](Offer::attach) that was offered with an unclaimed worker.
    pub fn attachment(&self, id: &str) -> Option<Attachment> {
        self.with(id, |_, core| {
            core.attachment.as_deref().filter(|_| core.claim == Claim::Open).cloned()
        })
        .ok()?
    }

    /// Moves an offered worker to `RUNNING`, for the first caller only, and returns a copy of it.
    ///
    /// # Errors
    ///
    /// [`ClaimError`] if there is no such worker, or if it was never offered, was claimed before or has
    /// ended. Nothing changes then.
    ///
    /// ```
    /// use runtime_lifecycle::{AgentRegistry, AgentStatus, ClaimError};
    ///
    /// let registry = AgentRegistry::new();
    /// let offered = registry.offer("editor", "draft", None, "handoff from writer: polish")?;
    /// let claimed = registry.claim(offered.id())?;
    /// assert_eq!(claimed.status(), AgentStatus::Running);
    ///
    /// let second = registry.claim(offered.id()).unwrap_err();
    /// assert!(matches!(second, ClaimError::AlreadyClaimed { .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claim(&self, id: &str) -> Result<AgentWorker, ClaimError> {
        let at = self.now();
        let claimed = self.with(id, |entry, core| {
            if core.claim != Claim::Open {
                return Err(unclaimable(core));
            }
            let claimed = self.advance(entry, core, AgentStatus::Running, Some("claimed"), at);
            let claimed = claimed.map_err(|_| unclaimable(core))?;
            Ok((claimed, core.attachment.take()))
        })?;
        // The attachment is dropped here, without the lock.
        claimed.map(|(worker, _)| worker)
    }

    /// The offered workers that are not claimed yet, oldest first.
    pub fn list_unclaimed(&self) -> Vec<AgentWorker> {
        let mut unclaimed = copies(&self.shared.index.unclaimed());
        // Leave out workers that were claimed since the look at the index.
        unclaimed.retain(|worker| worker.status() == AgentStatus::Initializing);
        unclaimed
    }

    /// The most handoffs in a row, for those who offer workers.
    pub fn max_handoffs(&self) -> u32 {
        self.shared.config.max_handoffs
    }

    /// Ends every unclaimed worker as `CANCELLED` and returns them, for a shutdown.
    pub fn cancel_unclaimed(&self, detail: &str) -> Vec<AgentWorker> {
        let unclaimed = self.shared.index.unclaimed();
        unclaimed.iter().filter_map(|entry| self.cancel_offer(entry, detail)).collect()
    }

    fn cancel_surplus_offers(&self) {
        let capacity = self.shared.config.unclaimed_capacity.get();
        while let Some(entry) = self.shared.index.surplus_offer(capacity) {
            let detail = format!("never claimed: more than {capacity} workers were waiting");
            self.cancel_offer(&entry, &detail);
        }
    }

    /// Ends an offered worker, unless it was claimed, moved or removed meanwhile.
    fn cancel_offer(&self, entry: &Arc<Entry>, detail: &str) -> Option<AgentWorker> {
        let at = self.now();
        let mut core = entry.lock();
        if core.removed || core.claim != Claim::Open {
            return None;
        }
        let cancelled =
            self.advance(entry, &mut core, AgentStatus::Cancelled, Some(detail), at).ok();
        let attachment = core.attachment.take();
        drop(core);
        drop(attachment);
        self.drop_oldest_finished();
        cancelled
    }
}

fn unclaimable(core: &Core) -> ClaimError {
    let (worker_id, status) = (core.worker.id().clone(), core.worker.status());
    match core.claim {
        _ if status.is_terminal() => ClaimError::Ended { worker_id, status },
        Claim::Never => ClaimError::NeverOffered { worker_id, status },
        Claim::Open | Claim::Taken => ClaimError::AlreadyClaimed { worker_id, status },
    }
}
