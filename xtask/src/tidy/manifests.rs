//! Rules about manifests.

use super::{PROJECT, assert_none};
use crate::manifest::Manifest;
use crate::workspace::{COMMAND, Crate, FACADE};

/// The keys that a crate inherits from the workspace.
const INHERITED: &[(&str, &str)] = &[
    ("package", "version.workspace"),
    ("package", "edition.workspace"),
    ("package", "rust-version.workspace"),
    ("package", "license.workspace"),
    ("package", "repository.workspace"),
    ("lints", "workspace"),
];

#[test]
fn every_crate_inherits_the_keys_of_the_workspace() {
    let xtask = Manifest::parse(PROJECT.text("xtask/Cargo.toml"));
    let members = PROJECT.crates.iter().map(|member| (member.name.as_str(), &member.manifest));
    let problems = members.chain([("xtask", &xtask)]).flat_map(|(name, manifest)| {
        let problems = uninherited(manifest);
        problems.into_iter().map(move |problem| format!("{name} {problem}"))
    });
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn every_crate_has_a_description_keywords_and_categories() {
    let problems = PROJECT.crates.iter().flat_map(|member| {
        let problems = unfindable(&member.manifest);
        problems.into_iter().map(|problem| format!("{} {problem}", member.name))
    });
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn tests_that_read_other_crates_are_not_packaged() {
    let mut problems = Vec::new();
    for Crate { name, manifest } in &PROJECT.crates {
        let excluded = manifest.get("package", "exclude").is_some_and(|it| it.contains("/tests"));
        let folder = format!("crates/{name}/tests/");
        let tests = PROJECT.files.iter().filter(|file| file.path.starts_with(&folder));
        let outside = tests.filter(|file| leaves_the_crate(&file.text) && !excluded);
        problems.extend(outside.map(|file| {
            format!("{} reads a file of another crate: exclude \"/tests\" of {name}", file.path)
        }));
    }
    assert_none(&problems);
}

#[test]
fn internal_dependencies_have_the_version_of_the_workspace() {
    let version = PROJECT.manifest.get("workspace.package", "version").expect("there is one");
    let dependencies = PROJECT.manifest.dependencies("workspace.dependencies");
    let problems =
        PROJECT.crates.iter().filter(|member| is_library(&member.name)).filter_map(|member| {
            let wanted =
                [format!("path = \"crates/{}\"", member.name), format!("version = \"{version}\"")];
            let found = dependencies.iter().find(|dependency| dependency.name == member.name);
            let right =
                found.is_some_and(|found| wanted.iter().all(|part| found.spec.contains(part)));
            (!right).then(|| {
                format!("[workspace.dependencies] needs {} with {}", member.name, wanted.join(", "))
            })
        });
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn versions_of_third_party_crates_are_inherited() {
    let mut problems = Vec::new();
    for member in &PROJECT.crates {
        for dependency in member.manifest.dependencies("dependencies") {
            if !dependency.spec.contains("workspace = true") {
                problems.push(format!(
                    "{} sets the version of {} itself",
                    member.name, dependency.name
                ));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_facade_depends_on_every_library() {
    let facade = PROJECT.crates.iter().find(|member| member.name == FACADE).expect("it is there");
    let has = facade.manifest.dependencies("dependencies");
    let missing = PROJECT
        .crates
        .iter()
        .filter(|member| is_library(&member.name))
        .filter(|member| !has.iter().any(|dependency| dependency.name == member.name));
    let problems = missing.map(|member| format!("{FACADE} does not depend on {}", member.name));
    assert_none(&problems.collect::<Vec<_>>());
}

#[test]
fn workspaces_apart_have_the_same_lints_and_their_own_lock_file() {
    for (apart, dependency) in [("peers", "recloser"), ("viewers", "opentelemetry-otlp")] {
        the_lints_are_ours(apart);
        let excluded = PROJECT.manifest.get("workspace", "exclude");
        let quoted = format!("\"xtask/{apart}\"");
        assert!(excluded.is_some_and(|excluded| excluded.contains(&quoted)), "{quoted}");
        assert!(!PROJECT.text("Cargo.lock").contains(&format!("\"{dependency}\"")), "{dependency}");
    }
}

fn the_lints_are_ours(apart: &str) {
    // A workspace cannot inherit from another one.
    let apart = Manifest::parse(PROJECT.text(&format!("xtask/{apart}/Cargo.toml")));
    for kind in ["rust", "rustdoc", "clippy"] {
        let lints = |manifest: &Manifest, section: &str| -> Vec<String> {
            let key = |key| format!("{key} = {:?}", manifest.get(section, key));
            manifest.keys(section).map(key).collect()
        };
        let ours = lints(&PROJECT.manifest, &format!("workspace.lints.{kind}"));
        assert!(!ours.is_empty(), "[workspace.lints.{kind}] has moved");
        assert_eq!(lints(&apart, &format!("lints.{kind}")), ours, "[lints.{kind}]");
    }
}

#[test]
fn a_path_that_leaves_the_crate_is_found() {
    assert!(leaves_the_crate("root().join(\"../../docs/faults.md\")"));
    assert!(leaves_the_crate("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../other/tests/\")"));
    assert!(!leaves_the_crate("include_str!(\"../../data/litellm.json\")"));
    assert!(!leaves_the_crate("join(\"tests/it/golden\")"));
}

#[test]
fn a_manifest_without_inherited_keys_is_found() {
    let manifest = Manifest::parse("[package]\nname = \"x\"\nversion = \"0.2.0\"\n");
    assert_eq!(uninherited(&manifest).len(), INHERITED.len());
    assert_eq!(unfindable(&manifest).len(), 3);
    let manifest = Manifest::parse("[package]\nversion.workspace = true\ndescription = \"X\"\n");
    assert_eq!(uninherited(&manifest).len(), INHERITED.len() - 1);
    assert!(unfindable(&manifest)[0].contains("full stop"));
}

/// Whether a crate is a library below the facade.
fn is_library(name: &str) -> bool {
    name != FACADE && name != COMMAND
}

/// Whether a test opens files outside its crate.
fn leaves_the_crate(text: &str) -> bool {
    text.contains("join(\"../") || text.contains("\"/../")
}

fn uninherited(manifest: &Manifest) -> Vec<String> {
    let missing =
        INHERITED.iter().filter(|(section, key)| manifest.get(section, key) != Some("true"));
    missing.map(|(section, key)| format!("lacks `{key} = true` in [{section}]")).collect()
}

fn unfindable(manifest: &Manifest) -> Vec<String> {
    let mut problems = Vec::new();
    match manifest.get("package", "description") {
        None | Some("") => problems.push("has no description".to_owned()),
        Some(text) if !text.ends_with('.') => {
            problems.push("has a description without a full stop".to_owned());
        }
        Some(_) => {}
    }
    for key in ["keywords", "categories"] {
        match manifest.get("package", key).map_or(0, |list| list.matches('"').count() / 2) {
            0 => problems.push(format!("has no {key}")),
            1..=5 => {}
            many => problems.push(format!("has {many} {key}; a registry takes at most 5")),
        }
    }
    problems
}
