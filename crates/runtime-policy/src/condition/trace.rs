//! [`trace`]: evaluates a condition and keeps the parts that decided it.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::PolicyCondition;
use super::observe::{label, observed};
use crate::context::PhaseContext;

/// A part of a condition that decided the result, and what it observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DecidingPart {
    /// The path to the part: `and[1].not.gate_below(0.8)`.
    pub path: String,
    /// Whether the part itself held.
    pub held: bool,
    /// What the part observed: `gate_score 0.9 is not below 0.8`.
    pub observed: String,
}

impl fmt::Display for DecidingPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.observed)
    }
}

/// Returns whether a condition holds, and the parts that decided it: the one that ended an `and` or
/// an `or` early, or else all of them. The same parts are evaluated in the same order as by
/// [`PolicyCondition::matches`].
pub(crate) fn trace(condition: &PolicyCondition, ctx: &PhaseContext) -> (bool, Vec<DecidingPart>) {
    let mut trace = Trace { ctx, path: String::new(), parts: Vec::new() };
    let held = trace.visit(condition);
    (held, trace.parts)
}

struct Trace<'a> {
    ctx: &'a PhaseContext,
    /// The path to the current part. It ends with a dot unless it is empty.
    path: String,
    parts: Vec<DecidingPart>,
}

impl Trace<'_> {
    fn visit(&mut self, condition: &PolicyCondition) -> bool {
        match condition {
            PolicyCondition::And(parts) => self.list("and", parts, false),
            PolicyCondition::Or(parts) => self.list("or", parts, true),
            PolicyCondition::Not(part) => {
                let here = self.path.len();
                self.path.push_str("not.");
                let held = self.visit(part);
                self.path.truncate(here);
                !held
            }
            leaf => {
                let held = leaf.matches(self.ctx);
                self.found(label(leaf), held, observed(leaf, self.ctx, held));
                held
            }
        }
    }

    /// Evaluates `parts` until one of them returns `decisive`.
    fn list(&mut self, name: &str, parts: &[PolicyCondition], decisive: bool) -> bool {
        let here = self.path.len();
        let before = self.parts.len();
        for (index, part) in parts.iter().enumerate() {
            let agreed = self.parts.len();
            // Writing to a string does not fail.
            let _ = write!(self.path, "{name}[{index}].");
            let held = self.visit(part);
            self.path.truncate(here);
            if held == decisive {
                // The others did not decide.
                self.parts.drain(before..agreed);
                return decisive;
            }
        }
        if parts.is_empty() {
            let observed = format!(
                "an empty `{name}` {}",
                if decisive { "never holds" } else { "always holds" }
            );
            self.found(name, !decisive, observed);
        }
        !decisive
    }

    fn found(&mut self, label: impl fmt::Display, held: bool, observed: String) {
        self.parts.push(DecidingPart { path: format!("{}{label}", self.path), held, observed });
    }
}
