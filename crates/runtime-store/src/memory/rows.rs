//! A thread's row with all that belongs to it, and the rules of each call.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::decided;
use crate::approval::{Approval, ApprovalRequest, ApprovalState, ApprovalUse, Decision, Verdict};
use crate::digest::StepKey;
use crate::entry::{Entry, EntryKind, Stored};
use crate::error::{NotApproved, StoreError};
use crate::store::Append;
use crate::stuck::Stuck;
use crate::thread::{Claim, Lease, Leave, Thread, ThreadId, ThreadState, after};

pub(super) struct Row {
    pub(super) thread: Thread,
    /// Whom it was handed over to.
    role: Option<Arc<str>>,
    pub(super) entries: Vec<Stored>,
    /// The steps whose outcome is among them.
    outcomes: HashSet<StepKey>,
    approvals: Vec<Approval>,
    pub(super) inbox: BTreeMap<String, Value>,
}

impl Row {
    pub(super) fn new(id: &ThreadId, now: DateTime<Utc>) -> Self {
        let thread = Thread {
            id: id.clone(),
            state: ThreadState::Runnable,
            fence: 0,
            head: 0,
            base: 0,
            holder: None,
            held_until: None,
            wake_at: None,
            stuck: None,
            code: "".into(),
            created: now,
            touched: now,
        };
        Self {
            thread,
            role: None,
            entries: Vec::new(),
            outcomes: HashSet::new(),
            approvals: Vec::new(),
            inbox: BTreeMap::new(),
        }
    }

    pub(super) fn seen_at(&self, now: DateTime<Utc>) -> Thread {
        self.thread.clone().seen_at(now)
    }

    pub(super) fn not_forgotten(&self) -> Result<(), StoreError> {
        match self.thread.state {
            state @ ThreadState::Forgotten => {
                Err(StoreError::Ended { thread: self.thread.id.clone(), state })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn not_final(&self) -> Result<(), StoreError> {
        let Thread { id, state, .. } = &self.thread;
        if state.is_final() {
            return Err(StoreError::Ended { thread: id.clone(), state: *state });
        }
        Ok(())
    }

    pub(super) fn not_held(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        let Thread { id, holder, held_until, .. } = &self.thread;
        match (holder, held_until) {
            (Some(holder), Some(until)) if *until > now => {
                let (thread, holder) = (id.clone(), Arc::clone(holder));
                Err(StoreError::Held { thread, holder, until: *until })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn is_runnable(
        &self,
        (role, code): (Option<&str>, Option<&str>),
        now: DateTime<Utc>,
    ) -> bool {
        let Thread { state, wake_at, stuck, .. } = self.seen_at(now);
        let woken = wake_at.map(|wake_at| wake_at <= now);
        let is_other =
            |stuck: Stuck| code.is_some_and(|code| stuck.codes.iter().all(|it| **it != *code));
        let ready = match state {
            ThreadState::Runnable => woken.unwrap_or(true) || stuck.is_some_and(is_other),
            ThreadState::Parked => woken.unwrap_or(false),
            _ => false,
        };
        let is_for = |asks| self.role.as_deref().is_none_or(|role| role == asks);
        ready && role.is_none_or(is_for) && self.not_held(now).is_ok()
    }

    pub(super) fn acquire(
        &mut self,
        claim: &Claim,
        now: DateTime<Utc>,
    ) -> Result<(Lease, Thread), StoreError> {
        self.not_final()?;
        self.not_held(now)?;
        let other =
            self.role.as_ref().filter(|role| claim.role.as_ref().is_some_and(|own| own != *role));
        if let Some(role) = other {
            let (thread, role) = (self.thread.id.clone(), Arc::clone(role));
            return Err(StoreError::OtherRole { thread, role });
        }
        let thread = &mut self.thread;
        thread.stuck = thread.stuck_when_taken();
        thread.fence += 1;
        thread.state = ThreadState::Runnable;
        (thread.holder, thread.code) = (Some(Arc::clone(&claim.holder)), Arc::clone(&claim.code));
        thread.held_until = Some(after(now, claim.ttl));
        (thread.wake_at, thread.touched) = (None, now);
        let lease = Lease { thread: thread.id.clone(), fence: thread.fence, claim: claim.clone() };
        Ok((lease, thread.clone()))
    }

    fn not_fenced(&self, lease: &Lease) -> Result<(), StoreError> {
        // A thread that was given back or has ended is not written under its old lease either.
        if self.thread.fence == lease.fence && self.thread.holder.is_some() {
            return Ok(());
        }
        Err(StoreError::Fenced { thread: lease.thread.clone(), fence: lease.fence })
    }

    pub(super) fn renew(&mut self, lease: &Lease, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.not_fenced(lease)?;
        self.thread.held_until = Some(after(now, lease.claim.ttl));
        Ok(())
    }

    pub(super) fn release(
        &mut self,
        lease: &Lease,
        left: Leave,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.not_fenced(lease)?;
        // What woke the thread since it was acquired counts.
        let woken = self.thread.wake_at;
        self.become_state(left.state(), now);
        if let Leave::Stuck(stuck) = left {
            self.thread.wake_at = Some(woken.unwrap_or_else(|| after(now, stuck.wait())));
            self.thread.stuck = Some(stuck);
            return Ok(());
        }
        if let Leave::Parked(wake_at) = left {
            self.thread.wake_at = [woken, wake_at].into_iter().flatten().min();
        }
        Ok(())
    }

    pub(super) fn become_state(&mut self, state: ThreadState, now: DateTime<Utc>) {
        let thread = &mut self.thread;
        (thread.state, thread.touched) = (state, now);
        (thread.holder, thread.held_until) = (None, None);
        (thread.wake_at, thread.stuck) = (None, None);
    }

    pub(super) fn offer(&mut self, now: DateTime<Utc>) -> Result<Thread, StoreError> {
        self.not_held(now)?;
        self.not_final()?;
        if self.thread.state != ThreadState::Parked {
            self.become_state(ThreadState::Runnable, now);
        }
        Ok(self.seen_at(now))
    }

    pub(super) fn append(
        &mut self,
        lease: &Lease,
        append: Append<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        self.not_fenced(lease)?;
        let Append { head, entries, approval, role, .. } = append;
        if self.thread.head != head {
            return Err(StoreError::HeadMoved { thread: lease.thread.clone(), head });
        }
        self.no_second_outcome(entries)?;
        let step = entries.first().and_then(|entry| entry.step);
        if let Some(used) = approval {
            let not = |reason| StoreError::NotApproved { id: Arc::clone(&used.id), reason };
            self.usable(used, step, now).map_err(not)?.used = Some(head + 1);
        }
        for entry in entries {
            let thread = &mut self.thread;
            thread.head += 1;
            if entry.kind == EntryKind::CHECKPOINT {
                thread.base = thread.head;
                self.role = role.map(Into::into);
            }
            let (seq, fence) = (thread.head, lease.fence);
            self.outcomes.extend(outcome_of(entry));
            self.entries.push(Stored { seq, fence, at: now, entry: entry.clone() });
        }
        if entries.iter().any(|entry| entry.kind.goes_on()) {
            self.thread.stuck = None;
        }
        self.thread.touched = now;
        self.thread.held_until = Some(after(now, lease.claim.ttl));
        Ok(())
    }

    fn no_second_outcome(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut added = HashSet::new();
        let mut is_second = |step: &StepKey| self.outcomes.contains(step) || !added.insert(*step);
        match entries.iter().filter_map(outcome_of).find(|step| is_second(step)) {
            Some(step) => Err(StoreError::Corrupt { what: format!("a second outcome of {step}") }),
            None => Ok(()),
        }
    }

    /// The approval that allows this step, which is used from now on.
    fn usable(
        &mut self,
        used: &ApprovalUse,
        step: Option<StepKey>,
        now: DateTime<Utc>,
    ) -> Result<&mut Approval, NotApproved> {
        let approval = self.approvals.iter_mut().find(|approval| approval.id == used.id);
        let approval = approval.ok_or(NotApproved::Unknown)?;
        if Some(approval.step) != step {
            return Err(NotApproved::OtherStep);
        }
        if approval.digest != used.digest {
            return Err(NotApproved::OtherArguments);
        }
        match Approval::state_at(approval.state, approval.expires, now) {
            ApprovalState::Approved => {
                approval.state = ApprovalState::Used;
                Ok(approval)
            }
            ApprovalState::Pending => Err(NotApproved::Pending),
            ApprovalState::Denied => Err(NotApproved::Denied),
            ApprovalState::Used => Err(NotApproved::Used),
            ApprovalState::Expired => Err(NotApproved::Expired),
        }
    }

    /// Deletes the entries before the last checkpoint.
    pub(super) fn prune(&mut self) {
        self.entries.retain(|stored| stored.seq >= self.thread.base);
        self.outcomes =
            self.entries.iter().filter_map(|stored| outcome_of(&stored.entry)).collect();
    }

    pub(super) fn forget(&mut self, now: DateTime<Utc>) {
        self.entries.clear();
        self.outcomes.clear();
        self.approvals.clear();
        self.inbox.clear();
        self.become_state(ThreadState::Forgotten, now);
    }

    pub(super) fn ask(&mut self, request: &ApprovalRequest, now: DateTime<Utc>) -> Approval {
        if let Some(asked) = self.approval(&request.id, now) {
            return asked;
        }
        self.approvals.push(asked(request, now));
        asked(request, now)
    }

    pub(super) fn approval(&self, id: &str, now: DateTime<Utc>) -> Option<Approval> {
        self.approvals_at(now).find(|approval| *approval.id == *id)
    }

    pub(super) fn approvals_at(
        &self,
        now: DateTime<Utc>,
    ) -> impl DoubleEndedIterator<Item = Approval> {
        self.approvals.iter().map(move |approval| {
            let state = Approval::state_at(approval.state, approval.expires, now);
            Approval { state, ..approval.clone() }
        })
    }

    pub(super) fn decide(
        &mut self,
        verdict: &Verdict,
        now: DateTime<Utc>,
    ) -> Result<Approval, StoreError> {
        let id = || Arc::clone(&verdict.id);
        let amended = match &verdict.decision {
            Decision::Amend(request, _) => self.approval(&request.id, now),
            _ => None,
        };
        let found = self.approvals.iter_mut().find(|approval| approval.id == verdict.id);
        let approval = found.ok_or_else(|| StoreError::NoApproval { id: id() })?;
        if approval.digest != verdict.digest {
            return Err(StoreError::OtherDigest { id: id() });
        }
        match Approval::state_at(approval.state, approval.expires, now) {
            ApprovalState::Pending => {}
            state => return Err(StoreError::Decided { id: id(), state }),
        }
        if let Some(Approval { id, state, .. }) = amended {
            return Err(StoreError::Decided { id, state });
        }
        decided(approval, verdict, now);
        let mut result = approval.clone();
        if let Decision::Amend(request, args) = &verdict.decision {
            let mut amended = asked(request, now);
            (amended.state, amended.amended) = (ApprovalState::Approved, Some(args.clone()));
            (amended.who, amended.note) = (result.who, result.note);
            (amended.decided, amended.expires) = (result.decided, result.expires);
            self.approvals.push(amended.clone());
            result = amended;
        }
        self.wake(now);
        Ok(result)
    }

    pub(super) fn deliver(
        &mut self,
        key: &str,
        message: &Value,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.not_final()?;
        if self.inbox.contains_key(key) && self.thread.state != ThreadState::Failed {
            return Ok(false);
        }
        self.inbox.insert(key.to_owned(), message.clone());
        self.wake(now);
        Ok(true)
    }

    fn wake(&mut self, now: DateTime<Utc>) {
        let wakes = matches!(self.thread.state, ThreadState::Runnable | ThreadState::Parked);
        self.thread.wake_at = Some(now).filter(|_| wakes);
    }
}

fn asked(request: &ApprovalRequest, now: DateTime<Utc>) -> Approval {
    Approval {
        id: Arc::clone(&request.id),
        thread: request.thread.clone(),
        step: request.step,
        tool: Arc::clone(&request.tool),
        digest: request.digest,
        shown: request.shown.clone(),
        policy: Arc::clone(&request.policy),
        asked: now,
        expires: after(now, request.expires_in),
        state: ApprovalState::Pending,
        amended: None,
        who: None,
        note: None,
        decided: None,
        used: None,
    }
}

/// The step of an outcome.
fn outcome_of(entry: &Entry) -> Option<StepKey> {
    entry.step.filter(|_| entry.kind == EntryKind::OUTCOME)
}
