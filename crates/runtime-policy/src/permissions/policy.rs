//! [`PermissionPolicy`]: the configuration of permissions, and the decision.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::mode::{PermissionMode, UnknownRoles};
use super::outcome::{PermissionOutcome, RequiredMode};
use crate::parse::{self, ConfigParseError};

/// The permissions of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePermissionConfig {
    pub(super) role: String,
    pub(super) mode: PermissionMode,
    pub(super) allowed_tools: Option<Vec<String>>,
    pub(super) denied_tools: Vec<String>,
}

/// The error for a role without a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("role name must not be empty")]
#[non_exhaustive]
pub struct EmptyRoleError;

impl RolePermissionConfig {
    /// Creates the permissions of a role that may use every tool which its mode allows.
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

    /// Allows only these tools. Names are compared without regard to case. Default: all tools.
    #[must_use]
    pub fn allowed_tools<T: Into<String>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.allowed_tools = Some(tools.into_iter().map(Into::into).collect());
        self
    }

    /// Denies these tools, even if they are allowed otherwise. Names are compared without regard to
    /// case. Default: none.
    #[must_use]
    pub fn denied_tools<T: Into<String>>(mut self, tools: impl IntoIterator<Item = T>) -> Self {
        self.denied_tools = tools.into_iter().map(Into::into).collect();
        self
    }
}

/// Decides which role may use which tool.
///
/// A request is checked in this order, and the first objection counts:
///
/// 1. The **deny list** of the role, without regard to case.
/// 2. The **mode** of the role, against the mode that the tool requires. A tool without a requirement
///    needs [`PermissionMode::ReadOnly`].
/// 3. The **allow list** of the role, if it has one, without regard to case.
///
/// A role that is not configured may use everything, unless the policy says [`UnknownRoles::Deny`].
///
/// **Requirements are case-sensitive** by default, as in the Python original: if `shell` requires full
/// access, a call of `Shell` requires nothing. Use
/// [`case_insensitive_tools`](Self::case_insensitive_tools) if a model or a user chooses the names.
///
/// In JSON every field may be left out, and unknown fields are refused:
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
    /// The requirements by lower-case name. Of two with the same name, the stricter one.
    folded_requirements: BTreeMap<Box<str>, PermissionMode>,
    pub(super) unknown_roles: UnknownRoles,
    pub(super) case_insensitive_tools: bool,
}

/// A role with its lists in lower case. A list of tools is short: comparing a few names is faster than
/// hashing one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) config: RolePermissionConfig,
    denied: BTreeSet<Box<str>>,
    allowed: Option<BTreeSet<Box<str>>>,
}

/// The decision, before it is explained.
#[derive(Clone, Copy)]
enum Verdict {
    UnknownRole,
    DenyListed { active: PermissionMode },
    ModeTooLow { active: PermissionMode, required: PermissionMode },
    NotListed { active: PermissionMode, required: PermissionMode },
    Allowed { active: PermissionMode, required: PermissionMode },
}

impl PermissionPolicy {
    /// Creates a policy without roles and requirements. It allows everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a policy from JSON.
    ///
    /// # Errors
    ///
    /// [`ConfigParseError`] with the path to an unknown field or word, an empty role name, or a role or
    /// tool that occurs twice.
    pub fn from_json(json: &str) -> Result<Self, ConfigParseError> {
        parse::from_json(json)
    }

    /// Configures a role and replaces its previous configuration.
    #[must_use]
    pub fn role(mut self, config: RolePermissionConfig) -> Self {
        self.roles.insert(config.role.clone(), Role::new(config));
        self
    }

    /// Sets the mode that a tool requires. The name is case-sensitive unless
    /// [`case_insensitive_tools`](Self::case_insensitive_tools) is set.
    #[must_use]
    pub fn requires(mut self, tool: impl Into<String>, mode: PermissionMode) -> Self {
        let tool = tool.into();
        let strictest = self.folded_requirements.entry(fold(&tool).into()).or_insert(mode);
        *strictest = mode.max(*strictest);
        if self.requirements.insert(tool, mode).is_some() {
            // The previous requirement may have been the strictest.
            self.fold_requirements();
        }
        self
    }

    /// Sets the rule for roles that are not configured. Default: [`UnknownRoles::Allow`].
    #[must_use]
    pub const fn unknown_roles(mut self, answer: UnknownRoles) -> Self {
        self.unknown_roles = answer;
        self
    }

    /// Looks requirements up without regard to case, so that `Shell` and `shell` require the same mode.
    /// Of two requirements that differ only in case, the stricter one counts. Default: off.
    #[must_use]
    pub const fn case_insensitive_tools(mut self) -> Self {
        self.case_insensitive_tools = true;
        self
    }

    /// Decides whether a role may use a tool, and explains why.
    #[doc(alias = "check")]
    pub fn authorize(&self, role: &str, tool: &str) -> PermissionOutcome {
        self.authorize_requiring(role, tool, PermissionMode::ReadOnly)
    }

    /// [`authorize`](Self::authorize) for a tool that requires at least this mode, such as one that says
    /// so itself. Of this and the policy's own requirement, the stricter one counts.
    pub fn authorize_requiring(
        &self,
        role: &str,
        tool: &str,
        mode: PermissionMode,
    ) -> PermissionOutcome {
        self.explain(self.decide(role, tool, mode), role, tool)
    }

    /// Decides whether a role may use a tool. This allocates nothing if the name is in lower case.
    pub fn is_allowed(&self, role: &str, tool: &str) -> bool {
        self.allows(self.decide(role, tool, PermissionMode::ReadOnly))
    }

    /// Returns the tools that a role may use, in order.
    pub fn filter_tools<T: AsRef<str>>(
        &self,
        role: &str,
        tools: impl IntoIterator<Item = T>,
    ) -> Vec<T> {
        tools.into_iter().filter(|tool| self.is_allowed(role, tool.as_ref())).collect()
    }

    fn fold_requirements(&mut self) {
        self.folded_requirements.clear();
        for (tool, &mode) in &self.requirements {
            let strictest = self.folded_requirements.entry(fold(tool).into()).or_insert(mode);
            *strictest = mode.max(*strictest);
        }
    }

    fn decide(&self, role: &str, tool: &str, at_least: PermissionMode) -> Verdict {
        let Some(role) = self.roles.get(role) else {
            return Verdict::UnknownRole;
        };
        let active = role.config.mode;
        let folded = fold(tool);
        if role.denied.contains(&*folded) {
            return Verdict::DenyListed { active };
        }
        let required = if self.case_insensitive_tools {
            self.folded_requirements.get(&*folded)
        } else {
            self.requirements.get(tool)
        };
        let required = required.copied().map_or(at_least, |required| required.max(at_least));
        if active < required {
            return Verdict::ModeTooLow { active, required };
        }
        if role.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&*folded)) {
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
        let names = |tools: &Vec<String>| tools.iter().map(|tool| fold(tool).into()).collect();
        let denied = names(&config.denied_tools);
        let allowed = config.allowed_tools.as_ref().map(names);
        Self { config, denied, allowed }
    }
}

/// The name in lower case. It is allocated only if it differs.
fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}
