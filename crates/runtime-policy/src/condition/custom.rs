//! Conditions by closure.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::context::PhaseContext;

/// A named closure over the context; cheap to clone.
///
/// Two are equal when they are clones of one: closures cannot be compared.
#[derive(Clone)]
pub struct CustomCondition {
    name: Cow<'static, str>,
    holds: Arc<dyn Fn(&PhaseContext) -> bool + Send + Sync>,
}

impl CustomCondition {
    /// Names a closure.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        holds: impl Fn(&PhaseContext) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), holds: Arc::new(holds) }
    }

    /// What explanations call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the closure.
    pub fn holds(&self, ctx: &PhaseContext) -> bool {
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
