//! How much a role may do.

use runtime_events::wire_names;

wire_names! {
    /// How much a role may do, from the least to the most.
    #[expect(clippy::exhaustive_enums, reason = "a mode between two others would change what roles may do")]
    pub enum PermissionMode: "permission mode" {
        /// Look, and change nothing.
        ReadOnly = "read_only",
        /// Change what belongs to the task.
        WorkspaceWrite = "workspace_write",
        /// Anything.
        FullAccess = "full_access",
    }
}

impl PermissionMode {
    /// The name in capitals, as outcomes print it: `READ_ONLY`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "READ_ONLY",
            Self::WorkspaceWrite => "WORKSPACE_WRITE",
            Self::FullAccess => "FULL_ACCESS",
        }
    }
}

wire_names! {
    /// What becomes of a role that is not configured.
    #[derive(Default)]
    #[expect(clippy::exhaustive_enums, reason = "there is no third answer")]
    pub enum UnknownRoles: "rule for unknown roles" {
        /// It may use every tool, as in the original.
        #[default]
        Allow = "allow",
        /// It may use none.
        Deny = "deny",
    }
}
