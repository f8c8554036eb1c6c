//! [`PermissionOutcome`]: the result of a permission check.

use std::borrow::Cow;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::mode::PermissionMode;

/// Whether a role may use a tool, and why. In JSON the modes are in capitals, and unset fields are left
/// out:
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
    /// Why the role may not use the tool, or why a role that is not configured may.
    pub reason: Option<Cow<'static, str>>,
    /// The mode of the role, if the role is configured.
    pub active_mode: Option<PermissionMode>,
    /// The mode that the tool requires, if the role is configured.
    pub required_mode: Option<RequiredMode>,
}

impl PermissionOutcome {
    /// Creates an outcome that allows the tool for a reason other than a mode.
    pub fn allowed_because(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = Some(reason.into());
        Self { allowed: true, reason, active_mode: None, required_mode: None }
    }
}

/// The mode that a tool requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "either a mode is required or none is enough")]
pub enum RequiredMode {
    /// At least this mode.
    Mode(PermissionMode),
    /// No mode is enough, because the tool is on the role's deny list. Written as `N/A`.
    NotApplicable,
}

impl RequiredMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Mode(mode) => mode.name(),
            Self::NotApplicable => "N/A",
        }
    }
}

/// Writes the name in capitals: `READ_ONLY`, or `N/A`.
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

/// The error for a tool that a role may not use. Its text is the reason of the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", outcome.reason.as_deref().unwrap_or("permission denied"))]
#[non_exhaustive]
pub struct PermissionDeniedError {
    /// The role.
    pub role: String,
    /// The tool.
    pub tool: String,
    /// The result of the check.
    pub outcome: PermissionOutcome,
}

impl PermissionDeniedError {
    /// Creates the error for an outcome.
    pub fn new(
        role: impl Into<String>,
        tool: impl Into<String>,
        outcome: PermissionOutcome,
    ) -> Self {
        Self { role: role.into(), tool: tool.into(), outcome }
    }
}
