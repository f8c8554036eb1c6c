//! [`PermissionPolicy`]: decides which role may use which tool.

mod enforcer;
mod mode;
mod outcome;
mod policy;
mod wire;

pub use self::enforcer::PermissionEnforcer;
pub use self::mode::{PermissionMode, UnknownRoles};
pub use self::outcome::{PermissionDeniedError, PermissionOutcome, RequiredMode};
pub use self::policy::{EmptyRoleError, PermissionPolicy, RolePermissionConfig};
