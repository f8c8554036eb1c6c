//! Who may know whom: the picture of `docs/architecture.md` as a table.

use super::{PROJECT, assert_none};
use crate::manifest::{Dependency, Manifest};
use crate::workspace::{COMMAND, Crate, FACADE};

/// A crate, the crates below it that it may use, and what it may use of others' besides
/// [`CORE`].
struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    others: &'static [&'static str],
}

/// Every crate, from the bottom to the top.
const LAYERS: &[Layer] = &[
    Layer { name: "runtime-events", below: &[], others: &[] },
    // loom: only under `--cfg runtime_loom`, which no user sets.
    Layer { name: "runtime-usage", below: &["runtime-events"], others: &["loom"] },
    Layer { name: "runtime-lifecycle", below: &["runtime-events"], others: &[] },
    // loom as above; the others are off by default: what a layer of `tower` needs, without `tower`
    // itself, and `http` and `reqwest` for those who use them anyway.
    Layer {
        name: "runtime-resilience",
        below: &["runtime-events"],
        others: &["http", "loom", "pin-project-lite", "reqwest", "tower-layer", "tower-service"],
    },
    Layer { name: "runtime-policy", below: &["runtime-events", "runtime-usage"], others: &[] },
    Layer { name: "runtime-report", below: &["runtime-events"], others: &[] },
    // loom as above; tracing is off by default: for who wants events among their log lines.
    Layer {
        name: "runtime-sinks",
        below: &["runtime-events", "runtime-usage"],
        others: &["loom", "tracing"],
    },
    // rusqlite: the database is what the crate is for.
    Layer {
        name: "runtime-sqlite",
        below: &["runtime-events", "runtime-sinks", "runtime-usage"],
        others: &["rusqlite"],
    },
    // The API of OpenTelemetry; its SDK behind a feature that is off by default.
    Layer {
        name: "runtime-otel",
        below: &["runtime-events", "runtime-sinks"],
        others: &["opentelemetry", "opentelemetry_sdk"],
    },
    Layer { name: "runtime-orchestrator", below: PARTS, others: &["anyhow", "tokio", "tracing"] },
    Layer { name: FACADE, below: ALL, others: &[] },
    // A command, not a library: nothing stands above it.
    Layer {
        name: COMMAND,
        below: &["runtime-events", "runtime-otel", "runtime-report", "runtime-sinks"],
        others: &[],
    },
];

/// What stands below the orchestrator.
const PARTS: &[&str] = &[
    "runtime-events",
    "runtime-lifecycle",
    "runtime-policy",
    "runtime-resilience",
    "runtime-sinks",
    "runtime-usage",
];

/// What stands below the facade.
const ALL: &[&str] = &[
    "runtime-events",
    "runtime-lifecycle",
    "runtime-orchestrator",
    "runtime-otel",
    "runtime-policy",
    "runtime-report",
    "runtime-resilience",
    "runtime-sinks",
    "runtime-sqlite",
    "runtime-usage",
];

/// What every crate may use. Another one needs a line in `docs/architecture.md` that says
/// what it saves us, and then a place here.
const CORE: &[&str] = &[
    "chrono",
    "dashmap",
    "fastrand",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "thiserror",
    "uuid",
];

#[test]
fn every_crate_has_its_layer_and_knows_only_those_below() {
    assert_none(&PROJECT.crates.iter().flat_map(trespasses).collect::<Vec<_>>());
}

#[test]
fn a_dev_dependency_on_a_crate_that_is_not_below_has_no_version() {
    // Published, a version would have to be there before the crate that it is tested with:
    // a circle. `cargo package` leaves out a dev-dependency that is only a path.
    assert_none(&PROJECT.crates.iter().flat_map(circles).collect::<Vec<_>>());
}

#[test]
fn a_dependency_upwards_or_from_elsewhere_is_found() {
    let sample = |text| {
        let manifest = Manifest::parse(text);
        trespasses(&Crate { name: "runtime-policy".to_owned(), manifest })
    };
    assert_eq!(sample("[dependencies]\nruntime-usage.workspace = true\nserde = \"1\"\n").len(), 0);
    assert_eq!(sample("[dependencies]\nruntime-sinks.workspace = true\n").len(), 1);
    assert_eq!(sample("[dependencies]\ntokio = { version = \"1\", optional = true }\n").len(), 1);
    assert_eq!(sample("[dependencies.tracing]\nversion = \"1\"\n").len(), 1);
    assert_eq!(sample("[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n").len(), 1);
    let text = "[dependencies]\nx = { package = \"runtime-orchestrator\", path = \"../x\" }\n";
    assert_eq!(sample(text).len(), 1);
    let unknown = Crate { name: "runtime-new".to_owned(), manifest: Manifest::default() };
    assert_eq!(trespasses(&unknown).len(), 1);
}

#[test]
fn a_versioned_circle_is_found() {
    let sample = |spec: &str| {
        let text = format!("[dev-dependencies]\nruntime-sinks{spec}\n");
        circles(&Crate { name: "runtime-usage".to_owned(), manifest: Manifest::parse(&text) })
    };
    assert_eq!(sample(".workspace = true").len(), 1);
    assert_eq!(sample(" = { path = \"../runtime-sinks\", version = \"0.1.0\" }").len(), 1);
    assert_eq!(sample(" = { path = \"../runtime-sinks\" }").len(), 0);
}

fn layer(name: &str) -> Option<&'static Layer> {
    LAYERS.iter().find(|layer| layer.name == name)
}

fn trespasses(member: &Crate) -> Vec<String> {
    let name = &member.name;
    let Some(layer) = layer(name) else {
        return vec![format!("{name} has no place in LAYERS of xtask/src/tidy/layers.rs")];
    };
    let mut problems = Vec::new();
    for kind in ["dependencies", "build-dependencies"] {
        for dependency in member.manifest.dependencies(kind) {
            let used = package(&dependency);
            let allowed = [layer.below, layer.others, CORE].concat();
            if !allowed.contains(&used) {
                let below = layer.below.join(", ");
                problems.push(match self::layer(used) {
                    Some(_) => format!("{name} uses {used}, and may use [{below}]"),
                    None => format!("{name} uses {used}, which is not among its dependencies"),
                });
            }
        }
    }
    problems
}

fn circles(member: &Crate) -> Vec<String> {
    let below = layer(&member.name).map_or(&[][..], |layer| layer.below);
    let mut problems = Vec::new();
    for dependency in member.manifest.dependencies("dev-dependencies") {
        let used = package(&dependency);
        let versioned = ["version", "workspace"].iter().any(|key| dependency.spec.contains(key));
        if layer(used).is_some() && !below.contains(&used) && versioned {
            problems.push(format!(
                "{} is tested with {used}, which is not below it: write \
                 {used} = {{ path = \"../{used}\" }}",
                member.name
            ));
        }
    }
    problems
}

/// The package a dependency means, where it was given another name.
fn package(dependency: &Dependency) -> &str {
    let renamed = dependency.spec.split_once("package").and_then(|(_, rest)| {
        rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
    });
    renamed.unwrap_or(&dependency.name)
}
