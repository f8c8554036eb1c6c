//! The rules of a session's life, without a lock, a clock or an event.
//!
//! ```text
//!            enter / leave (turns, tools)        pause / resume
//!                 ┌──────┐                        ┌──────────┐
//!                 ▼      │                        ▼          │
//!   open ───────▶ Running ────────────────────▶ Waiting for input
//!                 │                               │
//!   complete, hand over (idle only)               │ fail, cancel
//!   fail, cancel (any time)                       │
//!                 ▼                               ▼
//!               Ended: nothing enters; the farewell is due once the last one has left
//! ```
//!
//! A session that drains still runs or waits. It begins no turn, tool or pause, unless the drain lets
//! it go on for a while.
//!
//! A waker may own its task, whose drop comes straight back here. So wakers are cloned before the
//! lock is taken, and a method that no longer needs one returns it, to be dropped after the lock is
//! released.

use std::mem;
use std::task::{Poll, Waker};

use runtime_events::AgentEvent;

use crate::error::{
    MaxIterationsExceededError, SessionBusyError, SessionError, ShuttingDownError, TurnError,
};
use crate::parts::watchers::Watchers;

/// The current state of a session.
#[derive(Debug, Default)]
pub(crate) struct State {
    stage: Stage,
    turns: Turns,
    /// The number of running turns and tools.
    working: u32,
    /// The number of emitters: turns, tools, refusals, checks. At least `working`.
    inside: u32,
    /// The number of emitters that keep the session alive after its value is dropped.
    outliving: u32,
    /// Whether the session's value is dropped.
    abandoned: bool,
    draining: Draining,
    panicked: bool,
    /// Made for the first call that waits.
    watchers: Option<Box<Watchers>>,
}

#[derive(Debug, Default)]
enum Stage {
    #[default]
    Running,
    Waiting(Box<Input>),
    /// With the session's last event, while an emitter is inside.
    Ended(Option<Box<AgentEvent>>),
}

/// A pause, and its input.
#[derive(Debug, Default)]
struct Input {
    /// Whether the pause accepts no more input: it has one, or was given up.
    over: bool,
    value: Option<String>,
    waker: Option<Waker>,
}

/// The number of requested turns.
#[derive(Debug, Default)]
struct Turns {
    begun: u32,
    /// Turns beyond the maximum.
    refused: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Draining {
    #[default]
    No,
    /// A drain has begun, and lets the session go on.
    Begun,
    /// New work is refused.
    Yes,
    /// New work is refused, and some has been.
    TurnedAway,
}

/// The running work at the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Underway {
    pub(crate) working: u32,
    pub(crate) waiting_for_input: bool,
}

impl State {
    /// The state of a session before its first event, whose emitter is inside.
    pub(crate) fn opening(iterations: u32) -> Self {
        let turns = Turns { begun: iterations, refused: 0 };
        Self { inside: 1, turns, ..Self::default() }
    }

    /// Admits an emitter to an open session. `working` for a turn or a tool, `outlives` if it keeps
    /// the session alive.
    pub(crate) fn enter(&mut self, working: bool, outlives: bool) {
        debug_assert!(!matches!(self.stage, Stage::Ended(_)), "an ended session admits nothing");
        // New work means that the caller has caught an earlier panic.
        self.panicked &= !working;
        self.inside += 1;
        self.working += u32::from(working);
        self.outliving += u32::from(outlives);
    }

    /// Counts a requested turn, and checks whether it may begin.
    pub(crate) fn ask(&mut self, cap: u32) -> Result<(), TurnError> {
        self.iterate(cap)?;
        Ok(self.accepting()?)
    }

    const fn iterate(&mut self, cap: u32) -> Result<(), MaxIterationsExceededError> {
        if self.turns.begun >= cap {
            self.turns.refused = self.turns.refused.saturating_add(1);
            return Err(MaxIterationsExceededError { max_iterations: cap });
        }
        self.turns.begun += 1;
        Ok(())
    }

    /// The number of requested turns, including refused ones.
    pub(crate) const fn iterations(&self) -> u32 {
        self.turns.begun.saturating_add(self.turns.refused)
    }

    /// A drain has begun. Refuses new work from here on, unless the session may go on.
    pub(crate) fn drain(&mut self, may_go_on: bool) {
        self.draining = match self.draining {
            Draining::No if may_go_on => Draining::Begun,
            Draining::No | Draining::Begun if !may_go_on => Draining::Yes,
            told => told,
        };
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining != Draining::No
    }

    /// Whether the drain has refused work of this session.
    pub(crate) fn turned_away(&self) -> bool {
        self.draining == Draining::TurnedAway
    }

    /// Checks whether new work may begin.
    pub(crate) fn accepting(&mut self) -> Result<(), ShuttingDownError> {
        if matches!(self.draining, Draining::No | Draining::Begun) {
            return Ok(());
        }
        self.draining = Draining::TurnedAway;
        Err(ShuttingDownError)
    }

    /// A refused turn or tool no longer works, but has yet to emit its refusal.
    pub(crate) const fn stop_working(&mut self) {
        self.working -= 1;
    }

    /// Removes an emitter. Returns the farewell after the last one of an ended session.
    pub(crate) fn leave(&mut self, working: bool, outlives: bool) -> Option<Box<AgentEvent>> {
        self.inside -= 1;
        self.working -= u32::from(working);
        self.outliving -= u32::from(outlives);
        if self.is_due() { self.take_farewell() } else { None }
    }

    /// Notes that the session's value is dropped. A turn that borrowed it and is still inside has
    /// leaked and would never leave; one that keeps the session alive is waited for.
    pub(crate) fn abandon(&mut self) -> Option<Box<AgentEvent>> {
        self.abandoned = true;
        if self.is_due() { self.take_farewell() } else { None }
    }

    /// Whether nobody is left to emit before the farewell.
    const fn is_due(&self) -> bool {
        self.inside == 0 || (self.abandoned && self.outliving == 0)
    }

    pub(crate) const fn underway(&self) -> Underway {
        let waiting_for_input = matches!(self.stage, Stage::Waiting(_));
        Underway { working: self.working, waiting_for_input }
    }

    /// Checks that nothing is running, as completing and handing over require.
    pub(crate) const fn idle(&self) -> Result<(), SessionBusyError> {
        match self.underway() {
            Underway { working: 0, waiting_for_input: false } => Ok(()),
            Underway { working: in_flight, waiting_for_input } => {
                Err(SessionBusyError { in_flight, waiting_for_input })
            }
        }
    }

    /// Ends the session. Returns the farewell if no emitter is inside, and the wakers.
    pub(crate) fn end(&mut self, farewell: AgentEvent) -> (Option<Box<AgentEvent>>, Vec<Waker>) {
        let farewell = Some(Box::new(farewell));
        let mut wake = self.watchers.as_mut().map(|watchers| watchers.take()).unwrap_or_default();
        let (due, kept) = if self.is_due() { (farewell, None) } else { (None, farewell) };
        if let Stage::Waiting(input) = mem::replace(&mut self.stage, Stage::Ended(kept)) {
            wake.extend(input.waker);
        }
        (due, wake)
    }

    /// The farewell of an ended session.
    fn take_farewell(&mut self) -> Option<Box<AgentEvent>> {
        if let Stage::Ended(farewell) = &mut self.stage { farewell.take() } else { None }
    }

    /// Registers a waker for the end of the session. Returns the one that it replaces.
    pub(crate) fn watch(&mut self, key: &mut Option<u64>, waker: Waker) -> Option<Waker> {
        self.watchers.get_or_insert_default().watch(key, waker)
    }

    pub(crate) fn unwatch(&mut self, key: u64) -> Option<Waker> {
        self.watchers.as_mut()?.remove(key)
    }

    pub(crate) const fn note_panic(&mut self) {
        self.panicked = true;
    }

    pub(crate) const fn panicked(&self) -> bool {
        self.panicked
    }
}

/// # Waiting for input
impl State {
    pub(crate) const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_))
    }

    pub(crate) fn pause(&mut self) {
        debug_assert!(matches!(self.stage, Stage::Running), "only a running session pauses");
        self.stage = Stage::Waiting(Box::default());
    }

    /// The input, if it has been provided. If not, `waker` is woken for it. Also returns the waker
    /// that is no longer needed.
    pub(crate) fn poll_input(&mut self, waker: Waker) -> (Poll<String>, Option<Waker>) {
        let Stage::Waiting(input) = &mut self.stage else { return (Poll::Pending, Some(waker)) };
        match input.value.take() {
            Some(value) => {
                input.over = true;
                (Poll::Ready(value), Some(waker))
            }
            None => (Poll::Pending, input.waker.replace(waker)),
        }
    }

    /// Provides the input, of which a pause takes one. Returns the waker.
    pub(crate) fn answer(&mut self, value: String) -> Result<Option<Waker>, SessionError> {
        match &mut self.stage {
            Stage::Waiting(input) if !input.over => {
                if input.value.is_some() {
                    return Err(SessionError::AlreadyAnswered);
                }
                input.value = Some(value);
                Ok(input.waker.take())
            }
            _ => Err(SessionError::NobodyWaiting),
        }
    }

    /// Accepts no more input. No other pause begins until this one is resumed.
    pub(crate) const fn close_input(&mut self) {
        if let Stage::Waiting(input) = &mut self.stage {
            input.over = true;
        }
    }

    /// Ends the pause. Returns its waker.
    pub(crate) fn resume(&mut self) -> Option<Waker> {
        if !self.is_waiting() {
            return None;
        }
        match mem::replace(&mut self.stage, Stage::Running) {
            Stage::Waiting(input) => input.waker,
            _ => None,
        }
    }
}
