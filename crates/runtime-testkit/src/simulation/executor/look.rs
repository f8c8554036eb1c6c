//! Looks for tasks that could go on, and that nobody has woken.

use super::{Executor, Task};
use crate::simulation::sim::HEARTBEAT;

/// How often tasks are looked at: once in so many times that nobody can go on.
const SELDOM: u64 = 3;
/// The most tasks that are looked at together, so that many of them do not make a simulation slow.
const FEW: usize = 8;

impl Executor<'_> {
    /// Polls a few tasks that wait, now and then. None of them may go on: who waits for something has to be woken by it.
    ///
    /// A task has gone on if it ends, emits an event, or begins another wait or call of its own.
    pub(super) fn look(&mut self) -> Result<(), String> {
        let Some(looks) = &mut self.looks else { return Ok(()) };
        if looks.u64(..SELDOM) > 0 {
            return Ok(());
        }
        let (processes, from) = (&self.processes, looks.u64(..self.next));
        for (_, task) in self.tasks.range_mut(from..).take(FEW) {
            let stalled = processes.get(&task.life.process).is_some_and(|it| it.stalled.is_some());
            // What drives a member of a fleet looks for itself, and is woken by nobody.
            if stalled || *task.name == *HEARTBEAT {
                continue;
            }
            let shared = &self.sim.shared;
            let gone_on = || shared.time.begun() + shared.ledger.len() as u64;
            let before = gone_on();
            if task.poll()?.is_ready() || gone_on() != before {
                let Task { name, .. } = task;
                return Err(format!("task `{name}` could go on, and nobody woke it"));
            }
        }
        Ok(())
    }
}
