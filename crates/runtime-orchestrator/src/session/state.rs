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
//! One that drains still runs or waits, but begins no turn, no tool and no pause.

use std::task::Waker;

use runtime_events::AgentEvent;
use runtime_lifecycle::AgentStatus;

use crate::error::{
    MaxIterationsExceededError, SessionBusyError, SessionClosedError, SettleError,
    ShuttingDownError, TurnError,
};
use crate::session::end::End;

/// What is true of a session now.
#[derive(Debug, Default)]
pub(crate) struct State {
    iterations: u32,
    /// Turns that were asked for beyond the cap.
    refused_iterations: u32,
    /// Turns and tools under way.
    working: u32,
    /// Whoever may still emit an event: turns, tools, refusals, checks. At least `working`.
    inside: u32,
    /// Whether nothing new begins.
    draining: bool,
    /// Whether something was refused for that.
    turned_away: bool,
    ended: Option<End>,
    /// The session's last event, while somebody is inside.
    farewell: Option<Box<AgentEvent>>,
    input: Option<Input>,
    panicked: bool,
    watchers: Vec<(u64, Waker)>,
    next_key: u64,
}

/// A pause, and its answer once there is one.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// It has its answer, or gave up: nobody can answer it any more.
    pub(crate) over: bool,
    pub(crate) value: Option<String>,
    pub(crate) waker: Option<Waker>,
}

impl State {
    /// That of a session whose first event is still to be said: somebody is inside.
    pub(crate) fn opening() -> Self {
        Self { inside: 1, ..Self::default() }
    }

    /// Lets an emitter in; `working` if it is a turn or a tool.
    pub(crate) fn enter(&mut self, working: bool) -> Result<(), SessionClosedError> {
        self.open()?;
        // Who goes on working has caught the panic of before.
        self.panicked &= !working;
        self.inside += 1;
        self.working += u32::from(working);
        Ok(())
    }

    fn iterate(&mut self, cap: u32) -> Result<(), MaxIterationsExceededError> {
        if self.iterations >= cap {
            self.refused_iterations = self.refused_iterations.saturating_add(1);
            return Err(MaxIterationsExceededError { max_iterations: cap });
        }
        self.iterations += 1;
        Ok(())
    }

    /// Counts a turn that is asked for, and says whether it may begin.
    pub(crate) fn ask(&mut self, cap: u32) -> Result<(), TurnError> {
        self.iterate(cap)?;
        Ok(self.accepting()?)
    }

    /// From here on nothing new begins.
    pub(crate) const fn drain(&mut self) {
        self.draining = true;
    }

    pub(crate) const fn is_draining(&self) -> bool {
        self.draining
    }

    /// Whether somebody was told that nothing new begins.
    pub(crate) const fn turned_away(&self) -> bool {
        self.turned_away
    }

    /// Whether something new may begin.
    pub(crate) const fn accepting(&mut self) -> Result<(), ShuttingDownError> {
        self.turned_away |= self.draining;
        if self.draining { Err(ShuttingDownError) } else { Ok(()) }
    }

    /// A refused turn or tool no longer works, but still has to say so.
    pub(crate) fn stop_working(&mut self) {
        self.working -= 1;
    }

    /// Lets an emitter out. Returns the farewell if this was the last one of an ended session.
    pub(crate) fn leave(&mut self, working: bool) -> Option<Box<AgentEvent>> {
        self.inside -= 1;
        self.working -= u32::from(working);
        if self.inside == 0 { self.farewell.take() } else { None }
    }

    /// Whether the session may be completed or handed over.
    pub(crate) fn idle(&self) -> Result<(), SettleError> {
        self.open()?;
        if self.working > 0 || self.input.is_some() {
            let waiting_for_input = self.input.is_some();
            return Err(SessionBusyError { in_flight: self.working, waiting_for_input }.into());
        }
        Ok(())
    }

    pub(crate) fn open(&self) -> Result<(), SessionClosedError> {
        self.ended.map_or(Ok(()), |end| Err(end.closed(false)))
    }

    /// How it would end now.
    pub(crate) const fn ending(&self, status: AgentStatus, shutdown: bool) -> End {
        let waiting_for_input = self.input.is_some();
        End { status, shutdown, in_flight: self.working, waiting_for_input }
    }

    /// Ends the session. Returns the farewell if nobody is inside, and whom to wake.
    pub(crate) fn end(
        &mut self,
        end: End,
        farewell: AgentEvent,
    ) -> (Option<Box<AgentEvent>>, Vec<Waker>) {
        self.ended = Some(end);
        let mut wake: Vec<Waker> = self.watchers.drain(..).map(|(_, waker)| waker).collect();
        wake.extend(self.input.as_mut().and_then(|input| input.waker.take()));
        let farewell = Box::new(farewell);
        if self.inside == 0 {
            return (Some(farewell), wake);
        }
        self.farewell = Some(farewell);
        (None, wake)
    }

    /// Takes the farewell although somebody is still inside: the session value is gone, and
    /// whoever leaked a turn will not end it.
    pub(crate) fn force_farewell(&mut self) -> Option<Box<AgentEvent>> {
        self.farewell.take()
    }

    /// Whom to wake when the session ends; `None` once it has.
    pub(crate) fn watch(&mut self, key: &mut Option<u64>, waker: &Waker) -> Option<End> {
        if self.ended.is_some() {
            return self.ended;
        }
        let known = key.and_then(|key| self.watchers.iter_mut().find(|(held, _)| *held == key));
        if let Some((_, held)) = known {
            held.clone_from(waker);
        } else {
            *key = Some(self.next_key);
            self.watchers.push((self.next_key, waker.clone()));
            self.next_key += 1;
        }
        None
    }

    pub(crate) fn unwatch(&mut self, key: u64) {
        self.watchers.retain(|(held, _)| *held != key);
    }

    pub(crate) const fn input(&mut self) -> &mut Option<Input> {
        &mut self.input
    }

    pub(crate) const fn note_panic(&mut self) {
        self.panicked = true;
    }

    pub(crate) const fn panicked(&self) -> bool {
        self.panicked
    }

    pub(crate) const fn ended(&self) -> Option<End> {
        self.ended
    }

    pub(crate) const fn iterations(&self) -> u32 {
        self.iterations.saturating_add(self.refused_iterations)
    }
}
