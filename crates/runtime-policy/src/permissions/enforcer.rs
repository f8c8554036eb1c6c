//! [`PermissionEnforcer`]: a policy that is cheap to share.

use std::ops::Deref;
use std::sync::Arc;

use super::policy::PermissionPolicy;

/// A shared [`PermissionPolicy`]. It is cheap to clone, and has the methods of the policy.
///
/// ```
/// use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
///
/// let reader = RolePermissionConfig::new("reader", PermissionMode::ReadOnly)?;
/// let policy = PermissionPolicy::new().role(reader).requires("write", PermissionMode::WorkspaceWrite);
/// let enforcer = PermissionEnforcer::new(policy);
/// assert_eq!(enforcer.filter_tools("reader", ["read", "write"]), ["read"]);
/// # Ok::<(), runtime_policy::EmptyRoleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PermissionEnforcer {
    policy: Arc<PermissionPolicy>,
}

impl PermissionEnforcer {
    /// Creates an enforcer of a policy.
    pub fn new(policy: PermissionPolicy) -> Self {
        Self { policy: Arc::new(policy) }
    }
}

impl Deref for PermissionEnforcer {
    type Target = PermissionPolicy;

    fn deref(&self) -> &PermissionPolicy {
        &self.policy
    }
}

impl From<PermissionPolicy> for PermissionEnforcer {
    fn from(policy: PermissionPolicy) -> Self {
        Self::new(policy)
    }
}
