//! The dependencies that each crate may have: the map of `docs/architecture.md` as a table.

use super::{PROJECT, assert_none};
use crate::manifest::{Dependency, Manifest};
use crate::workspace::{COMMAND, Crate, FACADE};

/// A crate, the crates below that it may use, and the third-party crates that it may use besides [`CORE`].
struct Layer {
    name: &'static str,
    below: &'static [&'static str],
    others: &'static [&'static str],
}

/// Every crate, from the bottom to the top.
const LAYERS: &[Layer] = &[
    Layer { name: "runtime-events", below: &[], others: &[] },
    // loom is used only under `--cfg runtime_loom`, which no user sets.
    Layer { name: "runtime-usage", below: &["runtime-events"], others: &["loom"] },
    Layer { name: "runtime-lifecycle", below: &["runtime-events"], others: &[] },
    // The others than loom are off by default: the crates that a layer of `tower` needs, and `http` and
    // `reqwest` for users of them.
    Layer {
        name: "runtime-resilience",
        below: &["runtime-events"],
        others: &[
            "http",
            "loom",
            "pin-project-lite",
            "reqwest-0-12",
            "reqwest-0-13",
            "tower-layer",
            "tower-service",
        ],
    },
    Layer { name: "runtime-policy", below: &["runtime-events", "runtime-usage"], others: &[] },
    Layer { name: "runtime-report", below: &["runtime-events"], others: &[] },
    // tracing is off by default.
    Layer {
        name: "runtime-sinks",
        below: &["runtime-events", "runtime-usage"],
        others: &["loom", "tracing"],
    },
    // The digests of steps and approvals, which any language computes again; and the futures of stores.
    Layer {
        name: "runtime-store",
        below: &["runtime-events", "runtime-usage"],
        others: &["futures-core", "ryu-js", "sha2"],
    },
    // futures-channel and runtime-store are off by default.
    Layer {
        name: "runtime-sqlite",
        below: &["runtime-events", "runtime-sinks", "runtime-store", "runtime-usage"],
        others: &["futures-channel", "rusqlite"],
    },
    // tokio is off by default: the thread that drives a connection of a backend has a runtime.
    Layer {
        name: "runtime-fleet",
        below: &["runtime-events", "runtime-resilience", "runtime-sinks", "runtime-usage"],
        others: &["futures-core", "tokio"],
    },
    // TLS is on by default; the backend of a fleet is not.
    Layer {
        name: "runtime-postgres",
        below: &["runtime-fleet", "runtime-store", "runtime-usage"],
        others: &[
            "rustls",
            "rustls-native-certs",
            "tokio",
            "tokio-postgres",
            "tokio-postgres-rustls",
        ],
    },
    // As Postgres. Calls that belong together are sent together, by `join_all` of futures-util.
    Layer {
        name: "runtime-redis",
        below: &["runtime-fleet", "runtime-usage"],
        others: &["futures-util", "redis", "rustls"],
    },
    // Resilience for its errors. Cassettes, with the store and the streams, and the simulation, with the fleet and the
    // store, are features that are off by default.
    Layer {
        name: "runtime-testkit",
        below: &[
            "runtime-events",
            "runtime-fleet",
            "runtime-resilience",
            "runtime-sinks",
            "runtime-store",
            "runtime-usage",
        ],
        others: &["futures-core"],
    },
    // The SDK of OpenTelemetry is off by default.
    Layer {
        name: "runtime-otel",
        below: &["runtime-events", "runtime-sinks", "runtime-usage"],
        others: &["opentelemetry", "opentelemetry_sdk"],
    },
    Layer {
        name: "runtime-orchestrator",
        below: PARTS,
        others: &["anyhow", "futures-core", "tokio", "tracing"],
    },
    // `Shared` of futures-util: an append that everybody who waits for it drives. The cipher is off by
    // default.
    Layer {
        name: "runtime-durable",
        below: &[
            "runtime-events",
            "runtime-lifecycle",
            "runtime-orchestrator",
            "runtime-resilience",
            "runtime-store",
            "runtime-usage",
        ],
        others: &["chacha20poly1305", "futures-util"],
    },
    // Durable sessions are off by default.
    Layer {
        name: "runtime-tools",
        below: &[
            "runtime-durable",
            "runtime-events",
            "runtime-orchestrator",
            "runtime-policy",
            "runtime-resilience",
            "runtime-store",
        ],
        others: &["futures-util", "schemars"],
    },
    Layer {
        name: "runtime-mcp",
        below: &["runtime-orchestrator", "runtime-tools"],
        others: &["rmcp"],
    },
    // The clients and what their layers need are off by default. `http` and its bodies are what the
    // layer reads, sse-core splits events, and memchr, which sse-core uses, splits lines. Durable sessions
    // and cassettes are off by default.
    Layer {
        name: "runtime-http",
        below: &[
            "runtime-durable",
            "runtime-events",
            "runtime-orchestrator",
            "runtime-resilience",
            "runtime-store",
            "runtime-testkit",
            "runtime-usage",
        ],
        others: &[
            "async-openai",
            "async-trait",
            "aws-smithy-eventstream",
            "aws-smithy-types",
            "bytes",
            "http",
            "http-body",
            "http-body-util",
            "memchr",
            "reqwest-0-13",
            "reqwest-middleware",
            "sse-core",
            "tower-layer",
            "tower-service",
        ],
    },
    Layer { name: FACADE, below: ALL, others: &[] },
    // A command, which nothing depends on.
    Layer {
        name: COMMAND,
        below: &[
            "runtime-events",
            "runtime-fleet",
            "runtime-orchestrator",
            "runtime-otel",
            "runtime-postgres",
            "runtime-redis",
            "runtime-report",
            "runtime-resilience",
            "runtime-sinks",
            "runtime-sqlite",
            "runtime-store",
            "runtime-testkit",
            "runtime-usage",
        ],
        others: &["clap", "clap_complete", "flate2", "futures-executor", "toml"],
    },
];

/// The crates below the orchestrator.
const PARTS: &[&str] = &[
    "runtime-events",
    "runtime-lifecycle",
    "runtime-policy",
    "runtime-resilience",
    "runtime-sinks",
    "runtime-usage",
];

/// The crates below the facade.
const ALL: &[&str] = &[
    "runtime-durable",
    "runtime-events",
    "runtime-fleet",
    "runtime-http",
    "runtime-lifecycle",
    "runtime-mcp",
    "runtime-orchestrator",
    "runtime-otel",
    "runtime-policy",
    "runtime-postgres",
    "runtime-redis",
    "runtime-report",
    "runtime-resilience",
    "runtime-sinks",
    "runtime-sqlite",
    "runtime-store",
    "runtime-testkit",
    "runtime-tools",
    "runtime-usage",
];

/// The third-party crates that every crate may use. Another one needs a place here and a line in
/// `docs/architecture.md` about its use.
const CORE: &[&str] = &[
    "chrono",
    "dashmap",
    "fastrand",
    "serde",
    "serde_json",
    "serde_path_to_error",
    "thiserror",
    "thread_local",
    "uuid",
];

#[test]
fn every_crate_depends_only_on_crates_below() {
    assert_none(&PROJECT.crates.iter().flat_map(trespasses).collect::<Vec<_>>());
}

#[test]
fn dev_dependencies_upwards_have_no_version() {
    // With a version, two crates could not be published, because each would need the other first.
    // `cargo package` leaves out a dev-dependency that is only a path.
    assert_none(&PROJECT.crates.iter().flat_map(circles).collect::<Vec<_>>());
}

#[test]
fn a_dependency_upwards_or_on_an_unlisted_crate_is_found() {
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
fn a_dev_dependency_upwards_with_a_version_is_found() {
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
                    Some(_) => {
                        format!("{name} uses {used}; of this workspace it may use [{below}]")
                    }
                    None => format!("{name} uses {used}, which LAYERS does not list"),
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

/// The package of a dependency, which may have another name.
fn package(dependency: &Dependency) -> &str {
    let renamed = dependency.spec.split_once("package").and_then(|(_, rest)| {
        rest.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
    });
    renamed.unwrap_or(&dependency.name)
}
