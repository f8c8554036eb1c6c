//! The errors of real clients, which called a server on this machine.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[cfg(feature = "async-openai")]
mod openai;
#[cfg(feature = "rig")]
mod rig;

use std::error::Error;
use std::time::UNIX_EPOCH;

use runtime_resilience::{Classifier, Failure, FaultOf};

/// A failure as an orchestrator with this rule reads it.
fn read<E: Error + Send + Sync + 'static>(rule: FaultOf, error: E) -> Failure {
    Failure::classified(error, &Classifier::default().fault_rule(rule), UNIX_EPOCH)
}
