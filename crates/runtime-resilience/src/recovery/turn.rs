//! The recovery of one turn: what to do after each failure of its call.

use std::fmt;
use std::time::Duration;

use runtime_events::FailureScenario;

use super::recipe::{EscalationPolicy, Recipes, RecoveryStep, SCENARIOS, place};
use crate::backoff::Backoff;
use crate::fallback::{CONTEXT_REDUCTION, smaller_context_budget};
use crate::fault::{Fault, NoRetry, wait};

/// Recovers one turn: decides after each failure of its call what to do next.
///
/// Each turn has all the attempts of a recipe anew. Use one value for each turn.
///
/// ```text
///             ┌──────────────── Again: wait, switch, change ───────────────┐
///             ▼                                                            │
///   attempt ─────▶ failed ──▶ after(fault) ──▶ steps that help ────────────┘
///      │                            │
///      ▼                            └──▶ none, or no attempts left: GiveUp
///   answered
/// ```
///
/// It neither waits nor calls. The orchestrator's `run_turn_recovering` carries out its decisions.
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
    /// The number of delays that were drawn, and the last of them.
    delays: u32,
    previous: Option<Duration>,
    changes: RecoveryChanges,
    same_request: bool,
    rng: fastrand::Rng,
}

/// The changes by the steps so far, for the next attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryChanges {
    /// How many times to make the context smaller.
    pub context_reductions: u32,
    /// Offer fewer tools.
    pub tools_reduced: bool,
    /// Begin again with a fresh agent.
    pub restarted: bool,
    /// Use no cached data.
    pub memory_cleared: bool,
}

/// The situation after a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "drivers of the loop build it, with `..`")]
pub struct RecoverySituation {
    /// The time left until the deadline, if there is one.
    pub left: Option<Duration>,
    /// Whether there is another place to make the call at, now.
    pub elsewhere: bool,
}

/// What to do after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is another attempt or there is none")]
#[must_use = "carry it out, or say that it was given up"]
pub enum RecoveryVerdict {
    /// Make another attempt.
    Again(NextAttempt),
    /// Make no other attempt.
    GiveUp(GaveUp),
}

/// How to make another attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NextAttempt {
    /// The wait before it.
    pub wait: Duration,
    /// Whether it goes to another place.
    pub switch: bool,
    /// The steps of the recipe to take.
    pub steps: Vec<RecoveryStep>,
    /// The steps of the recipe that are not possible or would not help.
    pub skipped: Vec<RecoveryStep>,
}

/// Why there is no other attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GaveUp {
    /// The recipe's attempts are used up.
    AttemptsUsedUp {
        /// The number of attempts of the recipe.
        max_attempts: u32,
        /// The scenario of the recipe.
        scenario: FailureScenario,
    },
    /// No step of the recipe is possible or would help. The reason says why waiting would not.
    NothingHelps(NoRetry),
    /// The recipe asks for a person.
    Human,
    /// The retry budget, shared by all sessions, is used up for now.
    RetryBudget,
    /// The handler failed to carry out a step.
    StepFailed {
        /// The step.
        step: RecoveryStep,
        /// The text of the handler's error.
        reason: String,
    },
    /// The next attempt was refused before its call, and recovery cannot change why.
    Refused,
    /// A turn inside the call retried already. Only one loop of a stack retries.
    RetriedBelow,
    /// A part of the answer was handed on, so that another attempt cannot take its place.
    HandedOn,
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
            Self::StepFailed { step, reason } => write!(f, "step `{step}` failed: {reason}"),
            Self::Refused => f.write_str("another attempt was refused"),
            Self::RetriedBelow => f.write_str("a turn inside the call retried already"),
            Self::HandedOn => f.write_str("a part of the answer was handed on already"),
        }
    }
}

impl TurnRecovery {
    /// The recovery of a turn whose call has not failed yet.
    pub fn new(recipes: Recipes, backoff: Backoff) -> Self {
        Self {
            recipes,
            backoff,
            used: [0; SCENARIOS],
            delays: 0,
            previous: None,
            changes: RecoveryChanges::default(),
            same_request: false,
            rng: fastrand::Rng::new(),
        }
    }

    /// Draws delays from `rng`: the same seed gives the same delays.
    #[must_use]
    pub fn with_rng(mut self, rng: fastrand::Rng) -> Self {
        self.rng = rng;
        self
    }

    /// Says that each attempt sends the same request. Steps that would change it are skipped, and help only a call
    /// that may end otherwise the next time.
    #[must_use]
    pub const fn same_request(mut self) -> Self {
        self.same_request = true;
        self
    }

    /// The changes by the steps so far.
    pub const fn changes(&self) -> RecoveryChanges {
        self.changes
    }

    /// Whether the recipe would go to another place after this fault. If not, there is no need to look
    /// for one.
    pub fn may_switch(&self, fault: &Fault) -> bool {
        let scenario = fault.scenario();
        let recipe = self.recipes.get(scenario);
        let any_left = self.used[place(scenario)] < recipe.max_attempts;
        fault.elsewhere && any_left && recipe.steps.contains(&RecoveryStep::SwitchProvider)
    }

    /// The policy of a scenario's recipe once its attempts are used up.
    pub fn policy(&self, scenario: FailureScenario) -> EscalationPolicy {
        self.recipes.get(scenario).escalation_policy
    }

    /// What to do after an attempt failed with this fault.
    ///
    /// The steps of the recipe are taken in their order:
    ///
    /// | step | is taken if |
    /// |---|---|
    /// | `retry_with_backoff` | waiting can help, and the wait ends within cap and deadline |
    /// | `switch_provider` | the call may succeed at another place, and there is one |
    /// | `escalate_to_human` | always: it ends the recovery |
    /// | one that changes the request | unless it is [the same](Self::same_request) in each attempt |
    /// | any other | always |
    ///
    /// An attempt at another place does not wait: the wait is for the place that failed. An attempt at
    /// the same place waits at least as long as the provider asked, or is not made.
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
        // A changed request need not end like this one.
        let changes = recipe.steps.iter().any(|step| step.changes_the_request())
            && (!self.same_request || fault.retry);
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
                    step if step.changes_the_request() => !self.same_request,
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

    /// The wait at the same place; `None` if the changed request can go at once.
    fn wait_here(
        &mut self,
        fault: &Fault,
        waits: bool,
        changes: bool,
        situation: RecoverySituation,
    ) -> Result<Option<Duration>, NoRetry> {
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
    /// The size to reduce a context to, in the unit of `full`: three quarters after each reduction.
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
    /// Whether the step changes the request, so that it need not fail like the last one.
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
