//! Permissions, compared with a naive model that compares names one by one.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use runtime_policy::{
    PermissionEnforcer, PermissionMode, PermissionPolicy, RequiredMode, RolePermissionConfig,
    UnknownRoles,
};

const ROLES: [&str; 3] = ["critic", "Writer", "writer"];
const TOOLS: [&str; 7] = ["shell", "Shell", "SHELL", "read_file", "Read_File", "été", "ÉTÉ"];

#[derive(Clone, Debug)]
struct Role {
    name: &'static str,
    mode: PermissionMode,
    allowed: Option<Vec<&'static str>>,
    denied: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Setup {
    roles: Vec<Role>,
    requirements: Vec<(&'static str, PermissionMode)>,
    unknown: UnknownRoles,
    fold: bool,
}

fn setup() -> impl Strategy<Value = Setup> {
    let mode = || select(PermissionMode::ALL);
    let tool = || select(&TOOLS[..]);
    let role = (select(&ROLES[..]), mode(), option::of(vec(tool(), 0..4)), vec(tool(), 0..3))
        .prop_map(|(name, mode, allowed, denied)| Role { name, mode, allowed, denied });
    let requirements = vec((tool(), mode()), 0..5);
    (vec(role, 0..4), requirements, select(UnknownRoles::ALL), any::<bool>()).prop_map(
        |(roles, requirements, unknown, fold)| Setup { roles, requirements, unknown, fold },
    )
}

impl Setup {
    fn policy(&self) -> PermissionPolicy {
        let mut policy = PermissionPolicy::new().unknown_roles(self.unknown);
        for role in &self.roles {
            let mut config = RolePermissionConfig::new(role.name, role.mode)
                .unwrap()
                .denied_tools(role.denied.iter().copied());
            if let Some(allowed) = &role.allowed {
                config = config.allowed_tools(allowed.iter().copied());
            }
            policy = policy.role(config);
        }
        for (index, &(tool, mode)) in self.requirements.iter().enumerate() {
            // At any place, because the order of the calls does not matter.
            if self.fold && index == 1 {
                policy = policy.case_insensitive_tools();
            }
            policy = policy.requires(tool, mode);
        }
        if self.fold { policy.case_insensitive_tools() } else { policy }
    }

    /// Whether it is allowed, a word of the reason, and the required mode.
    fn naive(&self, role: &str, tool: &str) -> (bool, &'static str, Option<RequiredMode>) {
        let same = |a: &&str| a.to_lowercase() == tool.to_lowercase();
        let Some(role) = self.roles.iter().rfind(|config| config.name == role) else {
            return (self.unknown == UnknownRoles::Allow, "no config for role", None);
        };
        if role.denied.iter().any(same) {
            return (false, "explicitly denied", Some(RequiredMode::NotApplicable));
        }
        // The last requirement of each spelling counts, then the strictest spelling.
        let last_word = |spelling: &str| {
            self.requirements.iter().rfind(|(tool, _)| *tool == spelling).map(|(_, mode)| *mode)
        };
        let required = if self.fold {
            TOOLS.iter().filter(|spelling| same(spelling)).filter_map(|tool| last_word(tool)).max()
        } else {
            last_word(tool)
        };
        let required = required.unwrap_or(PermissionMode::ReadOnly);
        let needed = Some(RequiredMode::Mode(required));
        if role.mode < required {
            return (false, "but tool requires", needed);
        }
        if role.allowed.as_ref().is_some_and(|allowed| !allowed.iter().any(same)) {
            return (false, "not in allowed list", needed);
        }
        (true, "", needed)
    }
}

proptest! {
    #[test]
    fn permissions_agree_with_a_naive_model(setup in setup()) {
        let enforcer = PermissionEnforcer::new(setup.policy());
        for role in ROLES {
            for tool in TOOLS {
                let (allowed, reason, required) = setup.naive(role, tool);
                let outcome = enforcer.authorize(role, tool);
                prop_assert_eq!(outcome.allowed, allowed, "{} {}", role, tool);
                prop_assert_eq!(outcome.required_mode, required);
                let text = outcome.reason.unwrap_or_default();
                prop_assert!(text.contains(reason), "{}", text);
                prop_assert_eq!(text.is_empty(), reason.is_empty());
            }
            let kept = enforcer.filter_tools(role, TOOLS);
            let expected: Vec<_> =
                TOOLS.into_iter().filter(|tool| setup.naive(role, tool).0).collect();
            prop_assert_eq!(kept, expected);
        }
    }

    #[test]
    fn policy_round_trips_through_json(setup in setup()) {
        let policy = setup.policy();
        let json = serde_json::to_string(&policy).unwrap();
        prop_assert_eq!(PermissionPolicy::from_json(&json).unwrap(), policy);
    }
}
