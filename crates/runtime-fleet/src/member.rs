//! The id of a member.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long an account counts as short of money after a member was refused some.
pub const SHORT: Duration = Duration::from_secs(2);

/// One process of a fleet, from its start to its end. A process that starts again is another member.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MemberId(Arc<str>);

impl MemberId {
    /// Creates an id. No other member may have had it, ever.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The member as the holder of its account with this number.
    pub(crate) fn holder(&self, number: usize) -> Self {
        Self(format!("{self}.{number}").into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
