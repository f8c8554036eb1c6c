//! What the user sees while the agents work: one short line per thing that happens.

use std::io::{self, Write as _};

use techrevati_runtime::events::{AgentEvent, AgentEventName};
use techrevati_runtime::orchestrator::Escalation;

use crate::recoveries::{Plan, provider};

/// Writes progress to standard error, so that standard output holds only the result.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    quiet: bool,
}

impl Progress {
    pub(crate) const fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// Who does what. A terminal that is gone is no reason to stop.
    pub(crate) fn line(self, who: &str, what: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{who:<11}{what}");
        }
    }

    /// What the runtime says of calls that fail, and of what it does about them.
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

/// Writes a result to standard output; who closed it does not want it.
pub(crate) fn result(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes what went wrong, whether quiet or not.
pub(crate) fn trouble(text: &str) {
    let _ = writeln!(io::stderr(), "docs_agent: {text}");
}

/// Tells a person that recovery has given up.
pub(crate) fn alert(escalation: &Escalation<'_>) {
    let Escalation { role, scenario, gave_up, attempts, .. } = escalation;
    let calls = if *attempts == 1 { "1 call" } else { &format!("{attempts} calls") };
    trouble(&format!("{role}: gave up after {calls}: {scenario}, {gave_up}"));
}
