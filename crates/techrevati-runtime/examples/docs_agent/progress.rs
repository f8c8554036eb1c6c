//! What the user sees while the agents work: one short line per thing that happens.

use std::io::{self, Write as _};

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
}

/// Writes a result to standard output; who closed it does not want it.
pub(crate) fn result(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes what went wrong, whether quiet or not.
pub(crate) fn trouble(text: &str) {
    let _ = writeln!(io::stderr(), "docs_agent: {text}");
}
