//! The configuration of permissions, and the decision.

use std::collections::BTreeMap;

use thiserror::Error;

use super::mode::{PermissionMode, UnknownRoles};
use super::names::{FoldedNames, fold};
use super::outcome::{PermissionOutcome, RequiredMode};
use crate::parse::{self, ConfigParseError};

/// What one role may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePermissionConfig {
    pub(super) role: String,
    pub(super) mode: PermissionMode,
    pub(super) allowed_tools: Option<Vec<String>>,
    pub(super) denied_tools: Vec<String>,
}

/// A role without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("role: the name `` is empty")]
#[non_exhaustive]
pub struct EmptyRoleError;

impl RolePermissionConfig {
    /// A role that may use every tool its mode suffices for.
    ///
    /// # Errors
    ///
    /// [`EmptyRoleError`] if `role` is empty.
    pub fn new(role: impl Into<String>, mode: PermissionMode) -> Result<Self, EmptyRoleError> {
        let role = role.into();
        if role.is_empty() {
            return Err(EmptyRoleError);
        }
        Ok(Self { role, mode, allowed_tools: None, denied_tools: Vec::new() })
    }

    /// Allows only these tools, in any spelling of upper and lower case.
    #[must_use]
    pub fn allowed_tools<T: Into<String>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.allowed_tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Denies these tools, in any spelling of upper and lower case, whatever else is allowed.
    #[must_use]
    pub fn denied_tools<T: Into<String>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.denied_tools = tools.into_iter().map(Into::into).collect();
        self
    }

    /// The role's name.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The role's mode.
    pub const fn mode(&self) -> PermissionMode {
        self.mode
    }
}

/// Roles, the tools' requirements, and the decision between them.
///
/// In JSON every field may be left out, and unknown ones are refused:
///
/// ```
/// use runtime_policy::PermissionPolicy;
///
/// let policy = PermissionPolicy::from_json(r#"{
///     "roles": {"writer": {"mode": "workspace_write", "denied_tools": ["shell"]}},
///     "tool_requirements": {"deploy": "full_access"},
///     "unknown_roles": "deny",
///     "case_insensitive_tools": true
/// }"#)?;
/// assert!(policy.is_allowed("writer", "write_file"));
/// assert!(!policy.is_allowed("writer", "Deploy"));
/// assert!(!policy.is_allowed("stranger", "read_file"));
/// # Ok::<(), runtime_policy::ConfigParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PermissionPolicy {
    pub(super) roles: BTreeMap<String, Role>,
    pub(super) requirements: BTreeMap<String, PermissionMode>,
    /// The requirements by folded name; of two that fold alike, the stricter.
    folded_requirements: BTreeMap<Box<str>, PermissionMode>,
    pub(super) unknown_roles: UnknownRoles,
    pub(super) case_insensitive_tools: bool,
}

/// A role, with its lists made ready for look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) config: RolePermissionConfig,
    denied: FoldedNames,
    allowed: Option<FoldedNames>,
}

/// The decision, before it is put into words.
#[derive(Clone, Copy)]
enum Verdict {
    UnknownRole,
    DenyListed { active: PermissionMode },
    ModeTooLow { active: PermissionMode, required: PermissionMode },
    NotListed { active: PermissionMode, required: PermissionMode },
    Allowed { active: PermissionMode, required: PermissionMode },
}

impl PermissionPolicy {
    /// A policy without roles and requirements, which allows everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a policy from JSON.
    ///
    /// # Errors
    ///
    /// [`ConfigParseError`] with the path to an unknown field or name, an empty role, or a role or
    /// tool that is named twice.
    pub fn from_json(json: &str) -> Result<Self, ConfigParseError> {
        parse::from_json(json)
    }

    /// Configures a role, in place of what it had.
    #[must_use]
    pub fn role(mut self, config: RolePermissionConfig) -> Self {
        self.roles.insert(config.role.clone(), Role::new(config));
        self
    }

    /// Says which mode `tool` requires. Case counts, unless
    /// [`case_insensitive_tools`](Self::case_insensitive_tools) is set.
    #[must_use]
    pub fn requires(mut self, tool: impl Into<String>, mode: PermissionMode) -> Self {
        let tool = tool.into();
        let strictest = self.folded_requirements.entry(fold(&tool).into()).or_insert(mode);
        *strictest = mode.max(*strictest);
        if self.requirements.insert(tool, mode).is_some() {
            // What it required before may have been the strictest.
            self.fold_requirements();
        }
        self
    }

    /// Says what becomes of roles that are not configured. They are allowed by default.
    #[must_use]
    pub const fn unknown_roles(mut self, answer: UnknownRoles) -> Self {
        self.unknown_roles = answer;
        self
    }

    /// Looks requirements up without regard to case, so that `Shell` requires what `shell`
    /// does. Of two requirements that differ only in case, the stricter counts.
    ///
    /// Off by default, as in the original.
    #[must_use]
    pub const fn case_insensitive_tools(mut self) -> Self {
        self.case_insensitive_tools = true;
        self
    }

    /// Decides whether `role` may use `tool`, and says why.
    pub fn authorize(&self, role: &str, tool: &str) -> PermissionOutcome {
        self.explain(self.decide(role, tool), role, tool)
    }

    /// Decides whether `role` may use `tool`. Says nothing, and so allocates nothing for a
    /// tool in lower case.
    pub fn is_allowed(&self, role: &str, tool: &str) -> bool {
        self.allows(self.decide(role, tool))
    }

    fn fold_requirements(&mut self) {
        self.folded_requirements.clear();
        for (tool, &mode) in &self.requirements {
            let strictest = self.folded_requirements.entry(fold(tool).into()).or_insert(mode);
            *strictest = mode.max(*strictest);
        }
    }

    fn decide(&self, role: &str, tool: &str) -> Verdict {
        let Some(role) = self.roles.get(role) else {
            return Verdict::UnknownRole;
        };
        let active = role.config.mode;
        let folded = fold(tool);
        if role.denied.contains(&folded) {
            return Verdict::DenyListed { active };
        }
        let required = if self.case_insensitive_tools {
            self.folded_requirements.get(&*folded)
        } else {
            self.requirements.get(tool)
        };
        let required = required.copied().unwrap_or(PermissionMode::ReadOnly);
        if active < required {
            return Verdict::ModeTooLow { active, required };
        }
        if role.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&folded)) {
            return Verdict::NotListed { active, required };
        }
        Verdict::Allowed { active, required }
    }

    fn allows(&self, verdict: Verdict) -> bool {
        match verdict {
            Verdict::UnknownRole => self.unknown_roles == UnknownRoles::Allow,
            Verdict::Allowed { .. } => true,
            Verdict::DenyListed { .. } | Verdict::ModeTooLow { .. } | Verdict::NotListed { .. } => {
                false
            }
        }
    }

    fn explain(&self, verdict: Verdict, role: &str, tool: &str) -> PermissionOutcome {
        let reason = match verdict {
            Verdict::UnknownRole => Some(match self.unknown_roles {
                UnknownRoles::Allow => "no config for role, default allow".into(),
                UnknownRoles::Deny => format!("no config for role '{role}', default deny").into(),
            }),
            Verdict::DenyListed { .. } => {
                Some(format!("tool '{tool}' is explicitly denied for role '{role}'").into())
            }
            Verdict::ModeTooLow { active, required } => {
                let (has, requires) = (active.name(), required.name());
                Some(format!("role '{role}' has {has} but tool requires {requires}").into())
            }
            Verdict::NotListed { .. } => {
                Some(format!("tool '{tool}' not in allowed list for role '{role}'").into())
            }
            Verdict::Allowed { .. } => None,
        };
        let (active_mode, required_mode) = match verdict {
            Verdict::UnknownRole => (None, None),
            Verdict::DenyListed { active } => (Some(active), Some(RequiredMode::NotApplicable)),
            Verdict::ModeTooLow { active, required }
            | Verdict::NotListed { active, required }
            | Verdict::Allowed { active, required } => {
                (Some(active), Some(RequiredMode::Mode(required)))
            }
        };
        PermissionOutcome { allowed: self.allows(verdict), reason, active_mode, required_mode }
    }
}

impl Role {
    fn new(config: RolePermissionConfig) -> Self {
        let names = |tools: &Vec<String>| tools.iter().map(String::as_str).collect();
        let denied = names(&config.denied_tools);
        let allowed = config.allowed_tools.as_ref().map(names);
        Self { config, denied, allowed }
    }
}
