//! [`Stuck`]: why a thread is offered less and less often.
//!
//! ```text
//!   life ─┬─ its journal and its code do not fit ──▶ released with a wait
//!         └─ lost: nobody gives the thread back ───▶ counted by the next `acquire`, waits behind its lease
//! ```

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a thread is not offered for a while: to run it again as it is may come to the same. Its journal and its code do
/// not fit, or its lives are lost without an outcome, as if it took down the process that runs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "it is written and read whole")]
pub struct Stuck {
    /// How many lives ended so, since one that did not.
    pub times: u32,
    /// Why the last one did.
    pub why: Arc<str>,
    /// The versions of the code that came to it. Any other one is offered the thread at once.
    pub codes: Vec<Arc<str>>,
}

impl Stuck {
    const FIRST_WAIT: Duration = Duration::from_secs(1);
    const LONGEST_WAIT: Duration = Duration::from_secs(3_600);
    /// More than this of a text says no more.
    const WHY: usize = 500;

    /// The next time that a life of this code ends so, after what was before.
    #[must_use]
    pub fn again(before: Option<&Self>, code: &Arc<str>, why: &str) -> Self {
        let mut codes = before.map(|stuck| stuck.codes.clone()).unwrap_or_default();
        if !codes.contains(code) {
            codes.push(Arc::clone(code));
        }
        let times = before.map_or(0, |stuck| stuck.times).saturating_add(1);
        let printable = |char: char| if char.is_control() { ' ' } else { char };
        let why: String = why.chars().take(Self::WHY).map(printable).collect();
        Self { times, why: why.into(), codes }
    }

    /// How long the thread is then not offered to these versions: a second, twice that, and so on to an hour. Of a
    /// life that was lost, behind its lease.
    pub fn wait(&self) -> Duration {
        let doubled = 1_u32.checked_shl(self.times.saturating_sub(1)).unwrap_or(u32::MAX);
        Self::FIRST_WAIT.saturating_mul(doubled).min(Self::LONGEST_WAIT)
    }
}
