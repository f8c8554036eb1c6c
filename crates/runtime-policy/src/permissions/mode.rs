//! [`PermissionMode`]: how much a role may do.

use runtime_events::wire_names;

wire_names! {
    /// How much a role may do, from the least to the most permissive mode.
    #[expect(clippy::exhaustive_enums, reason = "a mode between two others would change what roles may do")]
    pub enum PermissionMode: "permission mode" {
        /// Read without changing anything.
        ReadOnly = "read_only",
        /// Change the workspace of the task.
        WorkspaceWrite = "workspace_write",
        /// Do anything.
        FullAccess = "full_access",
    }
}

impl PermissionMode {
    /// The name in capitals, as outcomes write it: `READ_ONLY`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "READ_ONLY",
            Self::WorkspaceWrite => "WORKSPACE_WRITE",
            Self::FullAccess => "FULL_ACCESS",
        }
    }
}

wire_names! {
    /// The rule for roles that are not configured.
    #[derive(Default)]
    #[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
    pub enum UnknownRoles: "rule for unknown roles" {
        /// They may use every tool.
        #[default]
        Allow = "allow",
        /// They may use no tool.
        Deny = "deny",
    }
}
