//! Which role may use which tool.
//!
//! A request is decided in this order, and the first objection stands:
//!
//! 1. The role's **deny list**. Compared without regard to case.
//! 2. The role's **mode**, against what the tool requires ([`PermissionMode::ReadOnly`] unless
//!    said otherwise).
//! 3. The role's **allow list**, if it has one. Compared without regard to case.
//!
//! A role that is not configured may use everything, as in the original, unless the policy says
//! [`UnknownRoles::Deny`].
//!
//! **Requirements are case-sensitive**, as in the original: where `shell` requires full access,
//! a call of `Shell` requires nothing and slips past. Where the names of tools come from a
//! model or from many hands, say [`PermissionPolicy::case_insensitive_tools`].

mod enforcer;
mod mode;
mod names;
mod outcome;
mod policy;
mod wire;

pub use self::enforcer::PermissionEnforcer;
pub use self::mode::{PermissionMode, UnknownRoles};
pub use self::outcome::{PermissionDeniedError, PermissionOutcome, RequiredMode};
pub use self::policy::{EmptyRoleError, PermissionPolicy, RolePermissionConfig};
