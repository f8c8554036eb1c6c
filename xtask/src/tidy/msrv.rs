//! The oldest compiler that the dependencies allow, computed from their manifests.

use super::PROJECT;
use crate::json;
use crate::run::Cmd;

/// A version of Rust, and the package that needs it.
type Needed = (Vec<u64>, String);

/// The cfg of dependencies that no user builds.
const MODELS: &str = "runtime_loom";

/// The version that our sources need, for `File::try_lock`. `clippy::incompatible_msrv` refuses newer parts.
const OURS: &[u64] = &[1, 89];

#[test]
fn rust_version_is_the_highest_that_is_needed() {
    let metadata = Cmd::cargo("metadata --format-version 1 --locked").read();
    let metadata = metadata.expect("`cargo metadata` runs");
    let (theirs, package) = needed(&metadata).expect("`cargo metadata` has its usual format");
    let said = PROJECT.manifest.get("workspace.package", "rust-version").expect("there is one");
    let needed = theirs.as_slice().max(OURS);
    let why = format!("{package} needs {theirs:?}, and our own code {OURS:?}");
    assert_eq!(numbers(said), needed, "`rust-version` of Cargo.toml: {why}");
}

/// The highest `rust-version` among the packages that users compile, and its package, from the output of
/// `cargo metadata`.
fn needed(metadata: &str) -> Option<Needed> {
    let packages = json::elements(json::value(metadata, &["packages"])?)?;
    let nodes = json::elements(json::value(metadata, &["resolve", "nodes"])?)?;
    let members = json::elements(json::value(metadata, &["workspace_members"])?)?;
    let id = |object: &str, key: &str| json::string(object, &[key]);

    let mut open: Vec<String> = Vec::new();
    for package in &packages {
        let own = json::value(package, &["id"]).is_some_and(|id| members.contains(&id));
        // What is not published, such as xtask and the examples, has no users.
        if own && json::value(package, &["publish"]) != Some("[]") {
            open.push(id(package, "id")?);
        }
    }
    let mut used: Vec<String> = Vec::new();
    while let Some(package) = open.pop() {
        if used.contains(&package) {
            continue;
        }
        let node = nodes.iter().find(|node| id(node, "id").as_ref() == Some(&package))?;
        for dependency in json::elements(json::value(node, &["deps"])?)? {
            let kinds = json::elements(json::value(dependency, &["dep_kinds"])?)?;
            if kinds.iter().any(|kind| is_compiled(kind)) {
                open.push(id(dependency, "pkg")?);
            }
        }
        used.push(package);
    }

    let others = packages.iter().filter(|package| {
        let own = json::value(package, &["id"]).is_some_and(|id| members.contains(&id));
        !own && id(package, "id").is_some_and(|id| used.contains(&id))
    });
    let declared = others
        .filter_map(|package| Some((numbers(&id(package, "rust_version")?), id(package, "name")?)));
    declared.max()
}

/// Whether users compile a dependency of this kind, which is not for tests or models.
fn is_compiled(kind: &str) -> bool {
    let target = json::string(kind, &["target"]).unwrap_or_default();
    json::string(kind, &["kind"]).as_deref() != Some("dev") && !target.contains(MODELS)
}

/// `1.89.0` as numbers, without zeros at the end.
fn numbers(version: &str) -> Vec<u64> {
    let mut numbers: Vec<u64> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    numbers
}

mod can_fail {
    use super::*;

    const METADATA: &str = r#"{"packages":[
        {"name":"ours","id":"o","rust_version":"1.99"},
        {"name":"a","id":"a","rust_version":"1.85"},
        {"name":"b","id":"b","rust_version":"1.88.0"},
        {"name":"c","id":"c","rust_version":null},
        {"name":"models","id":"m","rust_version":"1.90"},
        {"name":"tests","id":"t","rust_version":"1.91"},
        {"name":"xtask","id":"x","rust_version":"1.99","publish":[]}],
        "workspace_members":["o","x"],
        "resolve":{"nodes":[
        {"id":"o","deps":[
            {"pkg":"a","dep_kinds":[{"kind":null,"target":null}]},
            {"pkg":"m","dep_kinds":[{"kind":null,"target":"cfg(runtime_loom)"}]},
            {"pkg":"t","dep_kinds":[{"kind":"dev","target":null}]}]},
        {"id":"a","deps":[{"pkg":"c","dep_kinds":[{"kind":"build","target":null}]}]},
        {"id":"b","deps":[]},{"id":"m","deps":[]},{"id":"t","deps":[]},{"id":"x","deps":[]},
        {"id":"c","deps":[{"pkg":"b","dep_kinds":[{"kind":"dev"},{"kind":null,"target":"cfg(unix)"}]}]}]}}"#;

    #[test]
    fn the_highest_version_that_users_compile_counts() {
        assert_eq!(needed(METADATA), Some((vec![1, 88], "b".to_owned())));
        assert_eq!(needed("{}"), None);
    }
}
