//! Recovery by recipe: which steps to take after a failure, how often, and what then.
//!
//! A [`RecoveryContext`] keeps the books of one session. Each attempt on a scenario is begun and
//! finished there; in between, a [`RecoveryHandler`] carries the steps of the recipe out, one after
//! the other, until one fails.
//!
//! ```text
//!                     all steps taken      ┌▶ recovered            event `succeeded`
//!   begin ──▶ Attempt ─────────────────────┤
//!     │               a step failed        └▶ partial_recovery     event `failed`
//!     │
//!     └─ attempts == max_attempts ──────────▶ escalation_required  event `escalated`
//! ```
//!
//! [`attempt_recovery`] and its siblings are short drivers over [`RecoveryContext::begin`],
//! [`Attempt::carry_out`] and [`RecoveryContext::finish`]. Who keeps the context behind a lock
//! calls those three, and holds the lock for the first and the last only.
//!
//! They keep books about steps. [`TurnRecovery`] is for who makes the call again: it says after each
//! failure what to change, how long to wait and where to go, or that nothing helps.

mod attempt;
mod context;
mod drive;
mod handler;
mod recipe;
mod result;
mod turn;

pub use self::attempt::{Attempt, Progress};
pub use self::context::{Config, DEFAULT_MAX_EVENTS, RecoveryContext};
pub use self::drive::{attempt_recovery, attempt_recovery_async, attempt_recovery_with};
pub use self::handler::{RecoveryHandler, StepContext, StepFuture};
pub use self::recipe::{EscalationPolicy, Recipes, RecoveryRecipe, RecoveryStep, recipe_for};
pub use self::result::{RecoveryEvent, RecoveryEventType, RecoveryOutcome, RecoveryResult};
pub use self::turn::{Changes, GaveUp, Next, Situation, TurnRecovery, Verdict};
