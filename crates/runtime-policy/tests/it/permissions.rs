//! Permissions: the order of the checks, the spelling of names, the JSON.

use runtime_policy::{
    PermissionDeniedError, PermissionEnforcer, PermissionMode, PermissionPolicy, RequiredMode,
    RolePermissionConfig, UnknownRoles,
};
use serde_json::json;

fn role(name: &str, mode: PermissionMode) -> RolePermissionConfig {
    RolePermissionConfig::new(name, mode).unwrap()
}

#[test]
fn modes_are_ordered_and_named() {
    assert!(PermissionMode::ALL.is_sorted());
    let name = |mode: &PermissionMode| RequiredMode::Mode(*mode).to_string();
    let names: Vec<_> = PermissionMode::ALL.iter().map(name).collect();
    assert_eq!(names, ["READ_ONLY", "WORKSPACE_WRITE", "FULL_ACCESS"]);
}

#[test]
fn deny_list_mode_and_allow_list_apply_in_order() {
    let config = role("writer", PermissionMode::ReadOnly)
        .denied_tools(["shell"])
        .allowed_tools(["shell", "deploy"]);
    let policy = PermissionPolicy::new()
        .role(config)
        .requires("shell", PermissionMode::FullAccess)
        .requires("deploy", PermissionMode::FullAccess);

    let outcome = policy.authorize("writer", "shell");
    assert_eq!(outcome.reason.unwrap(), "tool 'shell' is explicitly denied for role 'writer'");
    assert_eq!(outcome.required_mode, Some(RequiredMode::NotApplicable));
    assert_eq!(outcome.required_mode.unwrap().to_string(), "N/A");

    let outcome = policy.authorize("writer", "deploy");
    assert_eq!(
        outcome.reason.unwrap(),
        "role 'writer' has READ_ONLY but tool requires FULL_ACCESS"
    );

    let outcome = policy.authorize("writer", "read");
    assert_eq!(outcome.reason.unwrap(), "tool 'read' not in allowed list for role 'writer'");
}

#[test]
fn tool_lists_ignore_case() {
    let policy = PermissionPolicy::new().role(
        role("writer", PermissionMode::ReadOnly)
            .denied_tools(["Shell", "ÉCRIRE"])
            .allowed_tools(["Read_File"]),
    );
    assert!(!policy.is_allowed("writer", "SHELL"));
    assert_eq!(
        policy.authorize("writer", "écrire").reason.unwrap(),
        "tool 'écrire' is explicitly denied for role 'writer'"
    );
    assert!(policy.is_allowed("writer", "read_FILE"));
}

#[test]
fn requirements_are_case_sensitive_by_default() {
    let policy = PermissionPolicy::new()
        .role(role("writer", PermissionMode::ReadOnly))
        .requires("shell", PermissionMode::FullAccess);
    assert!(!policy.is_allowed("writer", "shell"));
    assert!(policy.is_allowed("writer", "Shell"), "as in the original");
    let strict = policy.case_insensitive_tools();
    assert!(!strict.is_allowed("writer", "Shell"));
    assert!(!strict.is_allowed("writer", "shell"));
}

#[test]
fn stricter_of_two_spellings_counts() {
    let policy = PermissionPolicy::new()
        .role(role("writer", PermissionMode::WorkspaceWrite))
        .case_insensitive_tools()
        .requires("Shell", PermissionMode::FullAccess)
        .requires("shell", PermissionMode::ReadOnly);
    assert!(!policy.is_allowed("writer", "SHELL"));
    // A repeated requirement replaces the old one.
    let policy = policy.requires("Shell", PermissionMode::WorkspaceWrite);
    assert!(policy.is_allowed("writer", "SHELL"));
}

#[test]
fn empty_allow_list_allows_nothing() {
    let none: [&str; 0] = [];
    let policy = PermissionPolicy::new()
        .role(role("writer", PermissionMode::FullAccess).allowed_tools(none));
    assert!(!policy.is_allowed("writer", "read"));
}

#[test]
fn unknown_roles_are_allowed_by_default() {
    let policy = PermissionPolicy::new();
    let outcome = policy.authorize("stranger", "shell");
    assert!(outcome.allowed);
    assert_eq!(outcome.reason.as_deref(), Some("no config for role, default allow"));
    assert_eq!((outcome.active_mode, outcome.required_mode), (None, None));

    let outcome = policy.unknown_roles(UnknownRoles::Deny).authorize("stranger", "shell");
    assert!(!outcome.allowed);
    assert_eq!(outcome.reason.as_deref(), Some("no config for role 'stranger', default deny"));
}

#[test]
fn empty_role_name_is_refused() {
    let error = RolePermissionConfig::new("", PermissionMode::ReadOnly).unwrap_err();
    assert_eq!(error.to_string(), "role name must not be empty");
}

#[test]
fn filter_tools_keeps_allowed_tools_in_order() {
    let enforcer = PermissionEnforcer::new(
        PermissionPolicy::new()
            .role(role("reader", PermissionMode::ReadOnly).denied_tools(["peek"]))
            .requires("write", PermissionMode::WorkspaceWrite),
    );
    let tools = vec!["search".to_owned(), "write".to_owned(), "peek".to_owned(), "read".to_owned()];
    assert_eq!(enforcer.filter_tools("reader", &tools), ["search", "read"]);
    assert!(enforcer.is_allowed("reader", "read"));
    assert!(!enforcer.authorize("reader", "write").allowed);
}

#[test]
fn denied_error_displays_the_reason() {
    let policy = PermissionPolicy::new().unknown_roles(UnknownRoles::Deny);
    let outcome = policy.authorize("x", "shell");
    let mut error = PermissionDeniedError::new("x", "shell", outcome);
    assert_eq!(error.to_string(), "no config for role 'x', default deny");
    error.outcome.reason = None;
    assert_eq!(error.to_string(), "permission denied");
}

#[test]
fn policy_round_trips_through_json() {
    let written = json!({
        "roles": {
            "editor": { "mode": "full_access", "allowed_tools": ["read", "Write"], "denied_tools": [] },
            "writer": { "mode": "read_only", "allowed_tools": null, "denied_tools": ["shell"] },
        },
        "tool_requirements": { "shell": "full_access" },
        "unknown_roles": "deny",
        "case_insensitive_tools": true,
    });
    let policy: PermissionPolicy = serde_json::from_value(written.clone()).unwrap();
    assert_eq!(serde_json::to_value(&policy).unwrap(), written);
    assert_eq!(PermissionPolicy::from_json(&written.to_string()).unwrap(), policy);
    assert_eq!(PermissionPolicy::from_json("{}").unwrap(), PermissionPolicy::new());
}

#[test]
fn invalid_policy_is_refused_with_path_and_value() {
    for (json, expected) in [
        (r#"{"role": {}}"#, "role: unknown field `role`"),
        (r#"{"roles": {"w": {"mod": "read_only"}}}"#, "roles.w.mod: unknown field `mod`"),
        (r#"{"roles": {"w": {"mode": "root"}}}"#, "roles.w.mode: unknown permission mode `root`"),
        (r#"{"roles": {"w": {}}}"#, "roles.w: missing field `mode`"),
        (r#"{"roles": {"": {"mode": "read_only"}}}"#, "roles: name must not be empty"),
        (
            r#"{"roles": {"w": {"mode": "read_only"}, "w": {"mode": "full_access"}}}"#,
            "roles: duplicate name `w`",
        ),
        (r#"{"tool_requirements": {"t": "some"}}"#, "tool_requirements.t: unknown permission mode"),
        (
            r#"{"unknown_roles": "maybe"}"#,
            "unknown_roles: unknown rule for unknown roles `maybe`, expected `allow` or `deny`",
        ),
        (
            r#"{"roles": {"w": {"mode": "read_only", "denied_tools": [1]}}}"#,
            "roles.w.denied_tools[0]: invalid type: integer `1`",
        ),
        ("[]", "invalid type: sequence, expected an object"),
        (
            r#"{"roles": {"w": ["full_access"]}}"#,
            "roles.w: invalid type: sequence, expected an object",
        ),
    ] {
        let error = PermissionPolicy::from_json(json).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{json}\n  said {error}\n  not  {expected}");
    }
}
