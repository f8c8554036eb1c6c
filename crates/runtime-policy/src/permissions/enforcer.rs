//! A policy made ready to be shared.

use std::sync::Arc;

use super::outcome::PermissionOutcome;
use super::policy::PermissionPolicy;

/// Enforces a [`PermissionPolicy`]; cheap to clone.
///
/// ```
/// use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
///
/// let reader = RolePermissionConfig::new("reader", PermissionMode::ReadOnly)?;
/// let policy = PermissionPolicy::new().role(reader).requires("write", PermissionMode::WorkspaceWrite);
/// let enforcer = PermissionEnforcer::new(policy);
/// assert_eq!(enforcer.filter_tools("reader", ["read", "write"]), ["read"]);
/// # Ok::<(), runtime_policy::permissions::EmptyRoleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PermissionEnforcer {
    policy: Arc<PermissionPolicy>,
}

impl PermissionEnforcer {
    /// Enforces `policy`.
    pub fn new(policy: PermissionPolicy) -> Self {
        Self { policy: Arc::new(policy) }
    }

    /// The policy it enforces.
    pub fn policy(&self) -> &PermissionPolicy {
        &self.policy
    }

    /// Decides whether `role` may use `tool`, and says why.
    pub fn check(&self, role: &str, tool: &str) -> PermissionOutcome {
        self.policy.authorize(role, tool)
    }

    /// Decides whether `role` may use `tool`.
    pub fn is_allowed(&self, role: &str, tool: &str) -> bool {
        self.policy.is_allowed(role, tool)
    }

    /// Keeps the tools that `role` may use, in their order. A tool is anything that can be
    /// seen as its name.
    pub fn filter_tools<T: AsRef<str>>(
        &self,
        role: &str,
        tools: impl IntoIterator<Item = T>,
    ) -> Vec<T> {
        tools.into_iter().filter(|tool| self.is_allowed(role, tool.as_ref())).collect()
    }
}

impl From<PermissionPolicy> for PermissionEnforcer {
    fn from(policy: PermissionPolicy) -> Self {
        Self::new(policy)
    }
}
