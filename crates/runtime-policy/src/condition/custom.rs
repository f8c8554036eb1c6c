//! [`CustomCondition`]: a closure as a condition.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::PhaseContext;

/// A named closure, made by [`PolicyCondition::custom`](super::PolicyCondition::custom). It is cheap to
/// clone.
///
/// Closures cannot be compared. Two conditions are equal if one is a clone of the other.
#[derive(Clone)]
pub struct CustomCondition {
    name: Cow<'static, str>,
    holds: Arc<dyn Fn(&PhaseContext) -> bool + Send + Sync>,
}

impl CustomCondition {
    pub(super) fn new(
        name: impl Into<Cow<'static, str>>,
        holds: impl Fn(&PhaseContext) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), holds: Arc::new(holds) }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn holds(&self, ctx: &PhaseContext) -> bool {
        (self.holds)(ctx)
    }
}

impl PartialEq for CustomCondition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.holds, &other.holds)
    }
}

impl fmt::Debug for CustomCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomCondition").field(&self.name).finish()
    }
}
