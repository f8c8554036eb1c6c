//! Recovery: the steps that help against each failure, their number, and the policy after them.
//!
//! A [`RecoveryRecipe`] has the steps that help against one scenario. Two systems use recipes:
//!
//! - [`TurnRecovery`] recovers a turn whose call is made again. After each failure it decides on the
//!   changes, the wait and the place of the next attempt, or that nothing helps. Sessions use it for
//!   recovering turns.
//! - [`attempt_recovery`] is the pure function of the Python original, for loops of your own. It
//!   counts attempts and steps in a [`RecoveryContext`], which also keeps the books of a session.
//!
//! ```text
//!                       all steps taken      ┌▶ recovered            event `succeeded`
//!   attempt_recovery ────────────────────────┤
//!     │                 a step failed        └▶ partial_recovery     event `failed`
//!     │
//!     └─ attempts == max_attempts ────────────▶ escalation_required  event `escalated`
//! ```

mod attempt;
mod context;
mod handler;
mod recipe;
mod result;
mod turn;

pub use self::attempt::{attempt_recovery, attempt_recovery_async, attempt_recovery_with};
pub use self::context::{RecoveryContext, RecoveryContextConfig};
pub use self::handler::{RecoveryHandler, StepContext, StepFuture};
pub use self::recipe::{EscalationPolicy, Recipes, RecoveryRecipe, RecoveryStep, recipe_for};
pub use self::result::{RecoveryEvent, RecoveryEventType, RecoveryOutcome, RecoveryResult};
pub use self::turn::{
    GaveUp, NextAttempt, RecoveryChanges, RecoverySituation, RecoveryVerdict, TurnRecovery,
};
