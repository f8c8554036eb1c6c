//! Evaluating a condition and keeping the parts that decided.

use std::fmt::{self, Write as _};

use serde::Serialize;

use super::PolicyCondition;
use super::observe::{label, observed};
use crate::context::PhaseContext;

/// A part of a condition that decided it, and what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Where the part stands: `and[1].not.gate_below(0.8)`.
    pub path: String,
    /// Whether the part itself held.
    pub held: bool,
    /// What it saw: `gate_score 0.9 is not below 0.8`.
    pub observed: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.observed)
    }
}

/// Says whether `condition` holds, asking the same parts in the same order as
/// [`PolicyCondition::matches`], and which of them decided: the one that ended an `and` or an
/// `or` early, or else all of them.
pub(crate) fn trace(condition: &PolicyCondition, ctx: &PhaseContext) -> (bool, Vec<Finding>) {
    let mut trace = Trace { ctx, path: String::new(), findings: Vec::new() };
    let held = trace.visit(condition);
    (held, trace.findings)
}

struct Trace<'a> {
    ctx: &'a PhaseContext,
    /// The way to the part that is being asked, with a dot at the end unless it is empty.
    path: String,
    findings: Vec<Finding>,
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

    /// Asks `parts` until one answers `decisive`.
    fn list(&mut self, name: &str, parts: &[PolicyCondition], decisive: bool) -> bool {
        let here = self.path.len();
        let before = self.findings.len();
        for (index, part) in parts.iter().enumerate() {
            let agreed = self.findings.len();
            // Writing to a string does not fail.
            let _ = write!(self.path, "{name}[{index}].");
            let held = self.visit(part);
            self.path.truncate(here);
            if held == decisive {
                // What the others said no longer matters.
                self.findings.drain(before..agreed);
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
        self.findings.push(Finding { path: format!("{}{label}", self.path), held, observed });
    }
}
