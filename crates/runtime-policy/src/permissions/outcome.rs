//! What a permission check found.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::mode::PermissionMode;

/// Whether a role may use a tool, and why.
///
/// In JSON the modes are in capitals, and what is not set is left out:
///
/// ```
/// use runtime_policy::{PermissionMode, PermissionPolicy, RolePermissionConfig};
///
/// let policy = PermissionPolicy::new()
///     .role(RolePermissionConfig::new("reader", PermissionMode::ReadOnly)?)
///     .requires("deploy", PermissionMode::FullAccess);
/// assert_eq!(
///     serde_json::to_value(policy.authorize("reader", "deploy"))?,
///     serde_json::json!({
///         "allowed": false,
///         "reason": "role 'reader' has READ_ONLY but tool requires FULL_ACCESS",
///         "active_mode": "READ_ONLY",
///         "required_mode": "FULL_ACCESS",
///     }),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PermissionOutcome {
    /// Whether the role may use the tool.
    pub allowed: bool,
    /// Why not, or why a role that is not configured may.
    pub reason: Option<Cow<'static, str>>,
    /// The role's mode, if the role is configured.
    pub active_mode: Option<PermissionMode>,
    /// What the tool requires, if the role is configured.
    pub required_mode: Option<RequiredMode>,
}

impl PermissionOutcome {
    /// The tool may be used, for this reason and not by a mode: nobody configured permissions.
    pub fn allowed_because(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = Some(reason.into());
        Self { allowed: true, reason, active_mode: None, required_mode: None }
    }
}

/// What a tool requires of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a mode is required, or no mode would help")]
pub enum RequiredMode {
    /// At least this mode.
    Mode(PermissionMode),
    /// No mode would help: the tool is on the role's deny list. Written as `N/A`.
    NotApplicable,
}

impl RequiredMode {
    /// The name in capitals: `READ_ONLY`, or `N/A`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mode(mode) => mode.name(),
            Self::NotApplicable => "N/A",
        }
    }
}

impl fmt::Display for RequiredMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for PermissionOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("allowed", &self.allowed)?;
        if let Some(reason) = &self.reason {
            map.serialize_entry("reason", reason)?;
        }
        if let Some(mode) = self.active_mode {
            map.serialize_entry("active_mode", mode.name())?;
        }
        if let Some(mode) = self.required_mode {
            map.serialize_entry("required_mode", mode.name())?;
        }
        map.end()
    }
}

/// A role was refused a tool. Its text is the outcome's reason.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", outcome.reason.as_deref().unwrap_or("permission denied"))]
#[non_exhaustive]
pub struct PermissionDeniedError {
    /// The role that asked.
    pub role: String,
    /// The tool it asked for.
    pub tool: String,
    /// What the check found.
    pub outcome: PermissionOutcome,
}

impl PermissionDeniedError {
    /// The error for `outcome`.
    pub fn new(
        role: impl Into<String>,
        tool: impl Into<String>,
        outcome: PermissionOutcome,
    ) -> Self {
        Self { role: role.into(), tool: tool.into(), outcome }
    }
}
