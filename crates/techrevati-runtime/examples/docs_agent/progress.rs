//! Progress for the user: one short line per event.

use std::io::{self, Write as _};

use techrevati_runtime::events::{AgentEvent, AgentEventName};
use techrevati_runtime::orchestrator::Escalation;

use crate::recoveries::{Plan, provider};

/// Writes progress to standard error, so that standard output has only the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    quiet: bool,
}

impl Progress {
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Writes a line about an agent. A closed terminal is not an error.
    pub(crate) fn line(self, who: &str, what: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{who:<11}{what}");
        }
    }

    /// Writes failed calls and their recovery.
    pub(crate) fn event(self, event: &AgentEvent) {
        let detail = event.detail.as_deref().unwrap_or_default();
        match event.event {
            AgentEventName::AttemptFailed => {
                let role = event.role.as_deref().unwrap_or_default();
                let place = provider(event).map_or_else(String::new, |name| format!(" at {name}"));
                self.line(role, &format!("call failed{place}: {detail}"));
            }
            AgentEventName::RecoveryAttempted => {
                let Plan { scenario, steps, wait, .. } = Plan::of(event);
                let wait = wait.map_or_else(String::new, |wait| format!(", waits {wait}"));
                self.line("  recovery", &format!("{scenario}: {}{wait}", steps.join(", ")));
            }
            AgentEventName::RecoveryProviderSwitched => self.line("  recovery", detail),
            AgentEventName::RecoverySucceeded => self.line("  recovery", "the call is answered"),
            _ => {}
        }
    }
}

/// Writes a result to standard output. A closed pipe is not an error.
pub(crate) fn result(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes an error, even if quiet.
pub(crate) fn trouble(text: &str) {
    let _ = writeln!(io::stderr(), "docs_agent: {text}");
}

/// Writes that recovery has given up.
pub(crate) fn alert(escalation: &Escalation<'_>) {
    let Escalation { role, scenario, gave_up, attempts, .. } = escalation;
    let calls = if *attempts == 1 { "1 call" } else { &format!("{attempts} calls") };
    trouble(&format!("{role}: gave up after {calls}: {scenario}, {gave_up}"));
}
