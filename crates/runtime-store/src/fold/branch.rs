//! Recorded steps that are left behind: by code that differs, and by a thread that failed with them.

use std::sync::Arc;

use super::Fold;
use super::past::Past;
use crate::digest::StepKey;
use crate::error::DivergedError;
use crate::record::BranchRecord;
use crate::step::StepKind;

/// # Branches
impl Fold {
    /// What to write so that the thread goes on without the recorded step that differs, and without those behind
    /// it that this life has not asked for. They stay in the journal, and what they cost stays in the totals.
    ///
    /// `None` if one of them may have done what cannot be done again or forgotten: a tool that was announced by
    /// its intent, a question to a person, a handoff. Also `None` if this life has begun the step itself.
    pub fn branch(&self, diverged: &DivergedError) -> Option<BranchRecord> {
        let from = diverged.seq;
        let is_behind = |past: &Past| past.seq >= from;
        let left = || self.steps.values().filter(|past| !past.begun && is_behind(past));
        if left().any(binds) || !left().any(|past| past.seq == from) {
            return None;
        }
        // A step of this life has a place in the journal that is not known here.
        let kept = |past: &Past| past.begun && (past.seq == 0 || is_behind(past));
        let mut kept: Vec<StepKey> =
            self.steps.iter().filter(|(_, past)| kept(past)).map(|(key, _)| *key).collect();
        kept.sort_unstable();
        let DivergedError { recorded, now, .. } = diverged;
        Some(BranchRecord { from, kept, recorded: recorded.clone(), now: now.clone() })
    }

    /// Leaves the steps of a branch behind.
    pub(super) fn abandon(&mut self, branch: &BranchRecord) {
        let is_left = |(key, past): &(&StepKey, &Past)| {
            past.seq >= branch.from && branch.kept.binary_search(key).is_err()
        };
        let left: Vec<StepKey> = self.steps.iter().filter(is_left).map(|(key, _)| *key).collect();
        for key in left {
            self.withdraw(key);
        }
    }

    /// Forgets the steps that a thread failed with, so that its next life makes them again: of those that
    /// failed since the last success, the one whose failure ended it and what came of that, or all if it ended of
    /// something else. An error that does not tell its step has the text of one: the first with the longest.
    pub(super) fn withdraw_failed(&mut self, step: Option<StepKey>, end: &str) {
        let failed = std::mem::take(&mut self.failed);
        let cause = failed.iter().position(|(key, _)| Some(*key) == step).or_else(|| {
            let told = failed.iter().enumerate().filter(|(_, (_, text))| end.contains(text));
            told.rev().max_by_key(|(_, (_, text))| text.len()).map(|(place, _)| place)
        });
        for (key, _) in failed.into_iter().skip(cause.unwrap_or(0)) {
            self.withdraw(key);
        }
    }

    /// Forgets a recorded step, so that it is made again under another key. What it cost is kept.
    fn withdraw(&mut self, key: StepKey) {
        let Some(past) = self.steps.remove(&key) else { return };
        self.left.entry(Arc::clone(&past.name.scope)).or_default().take(&past);
        past.lose(&mut self.totals);
        self.repeat(key);
        // What was not approved is asked about anew: as another call, which has not been made.
        if let Some(of) = past.of.filter(|of| !self.steps.contains_key(of)) {
            self.repeat(of);
        }
    }

    fn repeat(&mut self, key: StepKey) {
        let times = self.repeats.entry(key).or_default();
        *times += 1;
        self.repeated.insert(key.again(*times), key);
    }
}

/// Whether a step binds the thread to what it has recorded.
fn binds(past: &Past) -> bool {
    match past.name.kind {
        // Only a tool that must not run twice is announced.
        StepKind::Tool => !past.intents.is_empty(),
        StepKind::Approval | StepKind::Handoff => true,
        _ => false,
    }
}
