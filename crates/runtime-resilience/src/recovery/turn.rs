//! The recovery of one turn: what to do after each failure of its call.
//!
//! ```text
//!             ┌──────────────── Again: wait, switch, change ───────────────┐
//!             ▼                                                            │
//!   attempt ─────▶ failed ──▶ [`TurnRecovery::after`] ──▶ steps that help ─┘
//!      │                               │
//!      ▼                               └──▶ none, or no attempts left: GiveUp
//!   answered
//! ```
//!
//! This decides; it neither waits nor calls. The orchestrator's `run_turn_recovering` carries out
//! what it says.

use std::fmt;
use std::time::Duration;

use runtime_events::FailureScenario;

use super::recipe::{EscalationPolicy, Recipes, RecoveryStep, SCENARIOS, place};
use crate::backoff::Backoff;
use crate::fallback::{CONTEXT_REDUCTION, smaller_context_budget};
use crate::fault::{Fault, NoRetry, wait};

/// What the attempts of one turn have come to, and what to do next.
///
/// A recipe's attempts are those of one turn: each turn has them anew.
///
/// ```
/// use std::time::Duration;
/// use runtime_resilience::{
///     Backoff, Fault, FaultKind, JitterMode, Recipes, RecoverySituation, RecoveryVerdict,
///     TurnRecovery,
/// };
///
/// let backoff = Backoff::default().jitter(JitterMode::None);
/// let mut turn = TurnRecovery::new(Recipes::default(), backoff);
/// let here = RecoverySituation::default();
///
/// let RecoveryVerdict::Again(next) = turn.after(&Fault::of(FaultKind::Server), here) else { panic!() };
/// assert_eq!((next.wait, next.switch), (Duration::from_secs(1), false));
///
/// let elsewhere = RecoverySituation { elsewhere: true, ..here };
/// let RecoveryVerdict::Again(next) = turn.after(&Fault::of(FaultKind::Auth), elsewhere) else { panic!() };
/// assert_eq!((next.wait, next.switch), (Duration::ZERO, true));
/// ```
#[derive(Clone, Debug)]
pub struct TurnRecovery {
    recipes: Recipes,
    backoff: Backoff,
    used: [u32; SCENARIOS],
    /// How many delays were drawn, and the last of them.
    delays: u32,
    previous: Option<Duration>,
    changes: RecoveryChanges,
    rng: fastrand::Rng,
}

/// What recipes have changed for the attempts to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryChanges {
    /// How often the context was to be made smaller.
    pub context_reductions: u32,
    /// Offer fewer tools.
    pub tools_reduced: bool,
    /// Begin again with a fresh agent.
    pub restarted: bool,
    /// Nothing that was cached may be used.
    pub memory_cleared: bool,
}

/// How things stand after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "built by those who drive the loop, with `..`")]
pub struct RecoverySituation {
    /// What is left until the deadline, if there is one.
    pub left: Option<Duration>,
    /// Whether a call may be made at another place now.
    pub elsewhere: bool,
}

/// What to do after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is another attempt or there is none")]
#[must_use = "carry it out, or say that it was given up"]
pub enum RecoveryVerdict {
    /// Make another attempt.
    Again(NextAttempt),
    /// Make none.
    GiveUp(GaveUp),
}

/// What comes before another attempt, and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextAttempt {
    /// How long to wait.
    pub wait: Duration,
    /// Whether to go to another place.
    pub switch: bool,
    /// The steps of the recipe that are taken.
    pub steps: Vec<RecoveryStep>,
    /// The steps that cannot be taken, or would not help.
    pub skipped: Vec<RecoveryStep>,
}

/// Why there is no other attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// The recipe's attempts are used up.
    AttemptsUsedUp {
        /// How many there were.
        max_attempts: u32,
        /// Against what.
        scenario: FailureScenario,
    },
    /// No step of the recipe can be taken, or would help; and why not wait and try again.
    NothingHelps(NoRetry),
    /// The recipe says to ask a person.
    Human,
    /// The retry budget, shared by all sessions, has no more for now.
    RetryBudget,
    /// A step could not be carried out: what its handler said.
    StepFailed {
        /// The step.
        step: RecoveryStep,
        /// What kept it from being carried out.
        reason: String,
    },
    /// The next attempt was refused before its call, for a reason that recovery cannot change.
    Refused,
    /// What failed was retried inside the call already: one loop for the whole stack.
    RetriedBelow,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttemptsUsedUp { max_attempts, scenario } => {
                write!(f, "max attempts ({max_attempts}) exhausted for {scenario}")
            }
            Self::NothingHelps(why) => why.fmt(f),
            Self::Human => f.write_str("the recipe asks for a person"),
            Self::RetryBudget => f.write_str("the retry budget is used up"),
            Self::StepFailed { step, reason } => write!(f, "{step}: {reason}"),
            Self::Refused => f.write_str("another attempt was refused"),
            Self::RetriedBelow => f.write_str("it was retried inside the call already"),
        }
    }
}

impl TurnRecovery {
    /// That of a turn whose call has not failed yet.
    pub fn new(recipes: Recipes, backoff: Backoff) -> Self {
        Self {
            recipes,
            backoff,
            used: [0; SCENARIOS],
            delays: 0,
            previous: None,
            changes: RecoveryChanges::default(),
            rng: fastrand::Rng::new(),
        }
    }

    /// Draws its delays from `rng`: the same seed gives the same delays.
    #[must_use]
    pub fn with_rng(mut self, rng: fastrand::Rng) -> Self {
        self.rng = rng;
        self
    }

    /// What recipes have changed so far.
    pub const fn changes(&self) -> RecoveryChanges {
        self.changes
    }

    /// Whether the recipe would go elsewhere after such a failure. Where not, nobody need be asked
    /// whether there is another place.
    pub fn may_switch(&self, fault: &Fault) -> bool {
        let scenario = fault.scenario();
        let recipe = self.recipes.get(scenario);
        let any_left = self.used[place(scenario)] < recipe.max_attempts;
        fault.elsewhere && any_left && recipe.steps.contains(&RecoveryStep::SwitchProvider)
    }

    /// What the recipe says is to be done once it does not help.
    pub fn policy(&self, scenario: FailureScenario) -> EscalationPolicy {
        self.recipes.get(scenario).escalation_policy
    }

    /// What to do after an attempt that failed so.
    ///
    /// The steps of the recipe are taken in their order:
    ///
    /// | step | is taken where |
    /// |---|---|
    /// | `retry_with_backoff` | waiting here can help, and the wait ends within cap and deadline |
    /// | `switch_provider` | the fault may end otherwise elsewhere, and there is an elsewhere |
    /// | `escalate_to_human` | always: it ends the recovery |
    /// | any other | always |
    ///
    /// An attempt that goes elsewhere does not wait: the wait is for the place that failed. One that
    /// stays waits at least what the provider asked for, or is not made.
    pub fn after(&mut self, fault: &Fault, situation: RecoverySituation) -> RecoveryVerdict {
        let scenario = fault.scenario();
        let recipe = self.recipes.get(scenario).clone();
        let used = &mut self.used[place(scenario)];
        if *used >= recipe.max_attempts {
            let max_attempts = recipe.max_attempts;
            return RecoveryVerdict::GiveUp(GaveUp::AttemptsUsedUp { max_attempts, scenario });
        }
        *used += 1;
        if recipe.steps.contains(&RecoveryStep::EscalateToHuman) {
            return RecoveryVerdict::GiveUp(GaveUp::Human);
        }
        let has = |step| recipe.steps.contains(&step);
        let switch = has(RecoveryStep::SwitchProvider) && fault.elsewhere && situation.elsewhere;
        let changes = recipe.steps.iter().any(|step| step.changes_the_request());
        let waits = has(RecoveryStep::RetryWithBackoff);
        let wait = if switch {
            not_over(situation.left).map(|()| None)
        } else {
            self.wait_here(fault, waits, changes, situation)
        };
        match wait {
            Err(why) => RecoveryVerdict::GiveUp(GaveUp::NothingHelps(why)),
            Ok(wait) => {
                let taken = |step: &RecoveryStep| match step {
                    RecoveryStep::SwitchProvider => switch,
                    RecoveryStep::RetryWithBackoff => wait.is_some(),
                    _ => true,
                };
                let (steps, skipped): (Vec<_>, Vec<_>) =
                    recipe.steps.iter().partition(|s| taken(s));
                self.changes.note(&steps);
                RecoveryVerdict::Again(NextAttempt {
                    wait: wait.unwrap_or_default(),
                    switch,
                    steps,
                    skipped,
                })
            }
        }
    }

    /// How long to wait at the same place; `None` where the changed request can go at once.
    fn wait_here(
        &mut self,
        fault: &Fault,
        waits: bool,
        changes: bool,
        situation: RecoverySituation,
    ) -> Result<Option<Duration>, NoRetry> {
        // A request that is changed is another one: it need not end as this one did.
        let may_pass = waits && fault.retry;
        if !(changes || may_pass) {
            return Err(NoRetry::Pointless);
        }
        let delay = if waits { self.draw() } else { Duration::ZERO };
        let waited = wait(fault.asked, delay, self.backoff.longest(), situation.left)?;
        Ok((waits || !waited.is_zero()).then_some(waited))
    }

    fn draw(&mut self) -> Duration {
        let delay = self.backoff.delay_with(self.delays, self.previous, &mut self.rng);
        self.delays = self.delays.saturating_add(1);
        self.previous = Some(delay);
        delay
    }
}

impl RecoveryChanges {
    /// How much of a context of so many characters, or tokens, is left after the reductions: three
    /// quarters after each.
    pub fn context_budget(&self, full: u64) -> u64 {
        let mut budget = full;
        for _ in 0..self.context_reductions {
            if budget == 0 {
                break;
            }
            budget = smaller_context_budget(budget, CONTEXT_REDUCTION);
        }
        budget
    }

    fn note(&mut self, steps: &[RecoveryStep]) {
        for step in steps {
            match step {
                RecoveryStep::RetryWithSmallerContext => {
                    self.context_reductions = self.context_reductions.saturating_add(1);
                }
                RecoveryStep::ReduceToolSet => self.tools_reduced = true,
                RecoveryStep::RestartAgent => self.restarted = true,
                RecoveryStep::ClearMemoryCache => self.memory_cleared = true,
                _ => {}
            }
        }
    }
}

impl RecoveryStep {
    /// Whether the next request is another one for it, so that it need not fail as the last did.
    pub const fn changes_the_request(self) -> bool {
        matches!(
            self,
            Self::RetryWithSmallerContext
                | Self::ReduceToolSet
                | Self::RestartAgent
                | Self::ClearMemoryCache
        )
    }
}

fn not_over(left: Option<Duration>) -> Result<(), NoRetry> {
    match left {
        Some(left) if left.is_zero() => Err(NoRetry::Deadline { wait: Duration::ZERO, left }),
        _ => Ok(()),
    }
}
