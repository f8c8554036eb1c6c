//! The naive model: plain fields, and the order of admission.

use runtime_lifecycle::AgentStatus;
use runtime_resilience::CircuitState;

use super::ops::{Ending, Setting, Tool};

/// The seconds for which the breaker stays open.
pub(super) const WAIT: u64 = 30;

pub(super) type Outcome = Result<(), &'static str>;

pub(super) struct Model {
    setting: Setting,
    pub(super) now: u64,
    ended: Option<AgentStatus>,
    ended_in_registry: Option<AgentStatus>,
    removed: bool,
    /// Whether the last turn or tool panicked and nothing began since: a drop of the session then
    /// comes from that panic.
    panicked: bool,
    pub(super) iterations: u32,
    pub(super) turns: u64,
    pub(super) unpriced: u64,
    pub(super) tokens: u64,
    /// In thousands of nano-dollars, one per token of `m`.
    pub(super) cost: u64,
    pub(super) over_budget: u64,
    pub(super) refusals: u64,
    pub(super) handed_over: u64,
    breaker: Breaker,
    pub(super) held: Vec<Held>,
}

pub(super) struct Held {
    model: &'static str,
    observed: Option<u64>,
    permit: u64,
}

#[derive(Default)]
struct Breaker {
    failures: u32,
    open_since: Option<u64>,
    probes: u32,
    generation: u64,
}

#[derive(Clone, Copy)]
pub(super) enum Call {
    Success,
    Failure,
    Cancelled,
}

impl Model {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            setting,
            now: 0,
            ended: None,
            ended_in_registry: None,
            removed: false,
            panicked: false,
            iterations: 0,
            turns: 0,
            unpriced: 0,
            tokens: 0,
            cost: 0,
            over_budget: 0,
            refusals: 0,
            handed_over: 0,
            breaker: Breaker::default(),
            held: Vec::new(),
        }
    }

    pub(super) fn status(&self) -> AgentStatus {
        self.ended.or(self.ended_in_registry).unwrap_or(AgentStatus::Running)
    }

    pub(super) fn is_over(&self) -> bool {
        self.status().is_terminal()
    }

    /// Whether the session has emitted its last event.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_some() && self.held.is_empty()
    }

    fn admit(&mut self, model: &str) -> Result<u64, &'static str> {
        if self.is_over() {
            return Err("closed");
        }
        self.panicked = false;
        let admitted = self.check(model);
        self.refusals += u64::from(admitted.is_err());
        admitted
    }

    fn check(&mut self, model: &str) -> Result<u64, &'static str> {
        self.iterations += 1;
        if self.iterations > self.setting.cap {
            return Err("max iterations");
        }
        if self.deadline_left() == Some(0) {
            return Err("deadline");
        }
        if self.setting.threshold.is_some() && !self.breaker.free(self.now) {
            return Err("circuit open");
        }
        if let Some((limit, true)) = self.setting.budget {
            if self.cost > limit {
                return Err("budget");
            }
            if model == "dear" {
                return Err("unpriced");
            }
        }
        Ok(if self.setting.threshold.is_some() { self.breaker.take() } else { 0 })
    }

    fn deadline_left(&self) -> Option<u64> {
        self.setting.deadline.map(|deadline| deadline.saturating_sub(self.now))
    }

    fn settle(&mut self, permit: u64, call: Call) {
        if let Some(threshold) = self.setting.threshold {
            self.breaker.settle(permit, call, threshold, self.now);
        }
    }

    fn bill(&mut self, model: &str, tokens: u64) {
        if model.is_empty() {
            return;
        }
        self.turns += 1;
        self.tokens += tokens;
        if model == "m" {
            self.cost += tokens;
        } else {
            self.unpriced += 1;
        }
    }

    fn over_budget(&mut self) -> bool {
        let exceeded = self.setting.budget.filter(|(limit, _)| self.cost > *limit);
        self.over_budget += u64::from(exceeded.is_some());
        exceeded.is_some_and(|(_, enforced)| enforced)
    }
}

/// Turns.
impl Model {
    /// Whether the answer is marked.
    pub(super) fn answered(&mut self, model: &str, tokens: u64) -> Result<bool, &'static str> {
        let permit = self.admit(model)?;
        self.settle(permit, Call::Success);
        self.bill(model, tokens);
        Ok(self.over_budget())
    }

    pub(super) fn failed(&mut self, model: &str) -> Outcome {
        let permit = self.admit(model)?;
        self.settle(permit, Call::Failure);
        Err("failed")
    }

    pub(super) fn timed_out(&mut self, model: &str, timeout: u64) -> Outcome {
        let permit = self.admit(model)?;
        let left = self.deadline_left();
        self.now += timeout;
        if left.is_some_and(|left| left < timeout) {
            self.settle(permit, Call::Cancelled);
            return Err("deadline");
        }
        self.settle(permit, Call::Failure);
        Err("timed out")
    }

    pub(super) fn stopped(&mut self, model: &str, call: Call, why: &'static str) -> Outcome {
        let permit = self.admit(model)?;
        self.settle(permit, call);
        self.panicked |= why == "panicked";
        Err(why)
    }

    pub(super) fn bad_prompt(&mut self, model: &str) -> Outcome {
        if !self.setting.guarded {
            return self.answered(model, 0).map(|_| ());
        }
        self.stopped(model, Call::Cancelled, "guardrail")
    }

    pub(super) fn bad_answer(&mut self, model: &str, tokens: u64) -> Outcome {
        self.answered(model, tokens)?;
        if self.setting.guarded { Err("guardrail") } else { Ok(()) }
    }

    pub(super) fn hold(&mut self, model: &'static str, observed: Option<u64>) -> Outcome {
        let permit = self.admit(model)?;
        self.held.push(Held { model, observed, permit });
        Ok(())
    }

    pub(super) fn settle_held(&mut self, at: usize, tokens: u64) -> bool {
        let held = self.held.remove(at);
        self.settle(held.permit, Call::Success);
        self.bill(held.model, tokens);
        self.over_budget()
    }

    pub(super) fn fail_held(&mut self, at: usize) {
        self.leave_held(at, Call::Failure);
    }

    pub(super) fn release_held(&mut self, at: usize) {
        self.leave_held(at, Call::Cancelled);
    }

    fn leave_held(&mut self, at: usize, call: Call) {
        let held = self.held.remove(at);
        self.settle(held.permit, call);
        if let Some(tokens) = held.observed {
            self.bill(held.model, tokens);
        }
    }
}

/// Everything else.
impl Model {
    pub(super) fn tool(&mut self, tool: Tool) -> Outcome {
        if self.is_over() {
            return Err("closed");
        }
        self.panicked = false;
        if self.deadline_left() == Some(0) {
            self.refusals += 1;
            return Err("deadline");
        }
        match tool {
            Tool::Denied if self.setting.permissions => {
                self.refusals += 1;
                Err("permission")
            }
            Tool::BadArgs if self.setting.guarded => {
                self.refusals += 1;
                Err("guardrail")
            }
            Tool::BadResult if self.setting.guarded => Err("guardrail"),
            Tool::Ok | Tool::Denied | Tool::BadArgs | Tool::BadResult => Ok(()),
            Tool::Failed => Err("failed"),
            Tool::Dropped => Err("dropped"),
            Tool::Panicked => {
                self.panicked = true;
                Err("panicked")
            }
            Tool::TimedOut(timeout) => {
                let left = self.deadline_left();
                self.now += timeout;
                Err(if left.is_some_and(|left| left < timeout) { "deadline" } else { "timed out" })
            }
        }
    }

    pub(super) fn pause(&self) -> Outcome {
        if self.is_over() { Err("closed") } else { Ok(()) }
    }

    pub(super) fn handoff(&mut self, blank: bool) -> Outcome {
        self.idle()?;
        if blank {
            return Err("target");
        }
        self.handed_over += 1;
        self.end(AgentStatus::Completed)
    }

    pub(super) fn ended(&mut self, ending: Ending) -> Outcome {
        match ending {
            Ending::Complete => {
                self.idle()?;
                self.end(AgentStatus::Completed)
            }
            Ending::Fail => self.end(AgentStatus::Failed),
            Ending::Cancel | Ending::CancelByHandle => self.end(AgentStatus::Cancelled),
            Ending::Drop => Ok(()),
        }
    }

    /// Drops the session's value, with nothing running.
    pub(super) fn gone(&mut self, ending: Ending) {
        let status = match ending {
            Ending::Complete => AgentStatus::Completed,
            Ending::Fail => AgentStatus::Failed,
            _ if self.panicked => AgentStatus::Failed,
            _ => AgentStatus::Cancelled,
        };
        let _ = self.end(status);
    }

    pub(super) fn ended_in_registry(&mut self, status: AgentStatus) {
        if !self.removed && !self.is_over() {
            self.ended_in_registry = Some(status);
        }
    }

    pub(super) fn removed(&mut self) {
        self.removed = true;
    }

    fn idle(&mut self) -> Outcome {
        if self.is_over() {
            return self.end(AgentStatus::Completed);
        }
        if self.held.is_empty() { Ok(()) } else { Err("busy") }
    }

    fn end(&mut self, status: AgentStatus) -> Outcome {
        // Ending notices the worker's end in the registry.
        let over = self.is_over();
        let status = self.ended_in_registry.unwrap_or(status);
        self.ended.get_or_insert(status);
        if over { Err("closed") } else { Ok(()) }
    }

    pub(super) fn breaker_state(&self) -> CircuitState {
        self.breaker.state(self.now)
    }
}

impl Breaker {
    fn state(&self, now: u64) -> CircuitState {
        match self.open_since {
            None => CircuitState::Closed,
            Some(since) if now - since < WAIT => CircuitState::Open,
            Some(_) => CircuitState::HalfOpen,
        }
    }

    fn free(&self, now: u64) -> bool {
        match self.state(now) {
            CircuitState::Closed => true,
            CircuitState::Open => false,
            _ => self.probes == 0,
        }
    }

    fn take(&mut self) -> u64 {
        if self.open_since.is_some() {
            self.probes += 1;
            if self.generation.is_multiple_of(2) {
                self.generation += 1;
            }
        }
        self.generation
    }

    /// Generations are even while closed or open, and odd from the first probe on.
    fn settle(&mut self, permit: u64, call: Call, threshold: u32, now: u64) {
        if permit != self.generation {
            return;
        }
        let probing = self.open_since.is_some();
        if probing {
            self.probes -= 1;
        }
        match call {
            Call::Success => {
                self.failures = 0;
                if probing {
                    self.change(None);
                }
            }
            Call::Failure => {
                self.failures += 1;
                if probing || self.failures == threshold {
                    self.change(Some(now));
                }
            }
            Call::Cancelled => {}
        }
    }

    fn change(&mut self, open_since: Option<u64>) {
        self.open_since = open_since;
        self.failures = 0;
        self.probes = 0;
        self.generation = (self.generation / 2 + 1) * 2;
    }
}
