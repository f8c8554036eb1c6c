//! `cargo xtask world NAME`: checks against the world outside, which need a registry. They are no part of
//! `ci`, cache what they fetch below `target/world`, and skip with a word where they cannot run.

mod builds;
mod minimal;
mod proofs;

use std::path::{Path, PathBuf};

use crate::Error;
use crate::files;
use crate::run::Cmd;
use crate::system;
use crate::workspace;

/// A check: its name, and its function.
type Check = (&'static str, fn(&Path) -> Result<(), Error>);

const CHECKS: &[Check] = &[
    ("build-cost", builds::cost),
    ("clients", clients),
    ("clocks", clocks),
    ("coverage", proofs::coverage),
    ("durable-peers", durable_peers),
    ("failover", failover),
    ("features", features),
    ("fleet", fleet),
    ("fleet-peers", fleet_peers),
    ("fuzz", proofs::fuzz),
    ("growth", growth),
    ("litellm", litellm),
    ("minimal", minimal::minimal),
    ("mutants", proofs::mutants),
    ("partitions", partitions),
    ("prices", prices),
    ("prometheus", prometheus),
    ("restate", restate),
    ("soak", soak),
    ("viewers", viewers),
];

/// The server of Restate, in npm.
const RESTATE_SERVER: &str = "@restatedev/restate-server";

/// `cargo xtask world NAME…`, `cargo xtask world soak --minutes COUNT`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    let names = || CHECKS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    if rest.is_empty() {
        return Err(Error::Usage(format!("`world` needs the name of a check ({})", names())));
    }
    if let [name, flag, minutes] = rest
        && (name.as_str(), flag.as_str()) == ("soak", "--minutes")
    {
        return soak_for(minutes);
    }
    for name in rest {
        let check = CHECKS.iter().find(|(known, _)| known == name);
        let (name, check) = check
            .ok_or_else(|| Error::Usage(format!("`world` has no check `{name}` ({})", names())))?;
        let home = workspace::target_dir().join("world").join(name);
        std::fs::create_dir_all(&home)
            .map_err(|error| Error::Failed(format!("{}: {error}", home.display())))?;
        check(&home)?;
    }
    Ok(())
}

/// What is built with real clients, in workspaces of their own: the crate that reads their errors, and the
/// examples whose books have to agree.
fn clients(home: &Path) -> Result<(), Error> {
    for folder in ["crates/runtime-clients", "examples/clients"] {
        let manifest = workspace::root().join(folder).join("Cargo.toml");
        let fetched = Cmd::cargo("fetch --locked --quiet --manifest-path").arg(text(&manifest));
        if fetched.run().is_err() {
            println!("skipped: the clients of {folder} cannot be fetched");
            continue;
        }
        for command in ["clippy --all-features --all-targets", "test --all-features"] {
            let cargo =
                Cmd::cargo(command).args(["--locked", "--manifest-path"]).arg(text(&manifest));
            cargo.env("CARGO_TARGET_DIR", text(home)).run()?;
        }
    }
    Ok(())
}

/// Durable turns and tools beside their databases alone, DBOS, `LangGraph` and Restate, in one run.
fn durable_peers(home: &Path) -> Result<(), Error> {
    const PACKAGES: [&str; 5] = [
        "dbos",
        "langgraph",
        "langgraph-checkpoint-postgres",
        "langgraph-checkpoint-sqlite",
        "psycopg[binary]",
    ];

    // What there is not is left out.
    let _ = python(home, &PACKAGES);
    let _ = npm(home, &[RESTATE_SERVER, "@restatedev/restate-sdk"]);
    let manifest = workspace::root().join("xtask/durable-peers/Cargo.toml");
    let run = Cmd::cargo("run --release --locked --manifest-path").arg(text(&manifest)).arg("--");
    run.arg(text(home)).env("CARGO_TARGET_DIR", text(&home.join("target"))).run()
}

/// Every crate with each of its features alone, and with all, which takes minutes.
fn features(_: &Path) -> Result<(), Error> {
    let builds = crate::ci::crates_apart(true)?;
    println!("{builds} builds");
    Ok(())
}

/// Processes whose clocks are an hour off, or jump, beside a Postgres whose clock is right.
fn clocks(_: &Path) -> Result<(), Error> {
    let Some(library) = system::faketime() else {
        println!("skipped: there is no libfaketime (Debian's package libfaketime has it)");
        return Ok(());
    };
    let test = Cmd::cargo("test --locked --package runtime-durable --test it -- --ignored clocks");
    test.env("RUNTIME_DURABLE_FAKETIME", text(&library)).run()
}

/// Processes that share money and breakers, under faults, over each backend, with and without pushes. One has a
/// clock that is an hour off, if there is `libfaketime`.
fn fleet(_: &Path) -> Result<(), Error> {
    let library = system::faketime().map(|library| text(&library));
    for (backend, push) in
        [("postgres", "push"), ("postgres", "no-push"), ("redis", "push"), ("redis", "no-push")]
    {
        let run = "run --locked --package agent_service --example fleet_trial --";
        let trial = Cmd::cargo(run).args([backend, push]);
        library.iter().fold(trial, |trial, path| trial.env("FAKETIME_LIBRARY", path)).run()?;
    }
    Ok(())
}

/// A replica that takes over while processes spend.
fn failover(_: &Path) -> Result<(), Error> {
    fleet_trial("failover", "run")
}

/// Three processes of a fleet beside three of `LiteLLM` with Redis, on the same load.
fn fleet_peers(home: &Path) -> Result<(), Error> {
    let Some(python) = python(home, &["litellm", "redis"]) else { return Ok(()) };
    Cmd::cargo("build --release --locked --package agent_service --example fleet_trial").run()?;
    let script = text(&workspace::root().join("xtask/world/fleet_peers.py"));
    let replica = text(&workspace::target_dir().join("release/examples/fleet_trial"));
    Cmd::program(python).args([script, replica]).run()
}

/// What turns cost one to ten processes, and what the backend is asked.
fn growth(_: &Path) -> Result<(), Error> {
    fleet_trial("growth", "run --release")
}

/// Processes that share money, breakers and limits, on hosts whose wires to the backend are cut. As root.
fn partitions(_: &Path) -> Result<(), Error> {
    fleet_trial("partitions", "run")
}

/// A trial of a fleet over each backend.
fn fleet_trial(trial: &str, run: &str) -> Result<(), Error> {
    for backend in ["postgres", "redis"] {
        let cargo = Cmd::cargo(run).args(["--locked", "--package", "agent_service"]);
        cargo.args(["--example", "fleet_trial", "--", trial, backend]).run()?;
    }
    Ok(())
}

/// The layer below clients, behind the proxy of `LiteLLM`.
fn litellm(home: &Path) -> Result<(), Error> {
    const PACKAGE: &str = "litellm[proxy]";

    let Some(python) = python(home, &[PACKAGE]) else { return Ok(()) };
    let script = text(&workspace::root().join("xtask/world/litellm_proxy.py"));
    let proxy = text(&home.join("python/bin/litellm"));
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let test = "test --locked --package runtime-http --all-features --test it -- --ignored litellm";
    let run = Cmd::program(python).args([script, text(home), proxy, cargo]);
    run.args(test.split(' ')).run()
}

/// The published price lists of `LiteLLM` and genai-prices, and what these libraries charge by them.
fn prices(home: &Path) -> Result<(), Error> {
    const PACKAGES: [&str; 2] = ["litellm", "genai-prices"];

    let Some(python) = python(home, &PACKAGES) else { return Ok(()) };
    let script = workspace::root().join("xtask/world/prices.py");
    Cmd::program(python).args([text(&script), text(home)]).run()?;
    Cmd::cargo("test --package runtime-usage --test it published -- --nocapture")
        .env("PRICES_DIR", text(home))
        .run()
}

/// A Prometheus that scrapes the example: the dashboard and the alerts get answers.
fn prometheus(home: &Path) -> Result<(), Error> {
    for program in ["prometheus", "promtool", "python3"] {
        if !Cmd::program(program).arg("--version").works() {
            println!(
                "skipped: there is no {program} (Debian's package prometheus has promtool, too)"
            );
            return Ok(());
        }
    }
    Cmd::cargo("build --locked --package runtime-otel --example prometheus").run()?;
    let script = text(&workspace::root().join("xtask/world/prometheus.py"));
    let example = text(&workspace::target_dir().join("debug/examples/prometheus"));
    Cmd::program("python3").args([script, text(&home.join("served")), example]).run()
}

/// A durable session inside a handler of Restate, whose server npm has.
fn restate(home: &Path) -> Result<(), Error> {
    let manifest =
        text(&workspace::root().join("crates/runtime-durable/examples/restate/Cargo.toml"));
    let fetched = Cmd::cargo("fetch --locked --quiet --manifest-path").arg(&*manifest);
    if fetched.run().is_err() {
        println!("skipped: the SDK of Restate cannot be fetched");
        return Ok(());
    }
    let Some(server) = restate_server(home)? else { return Ok(()) };
    for command in ["clippy --all-targets", "test"] {
        let cargo = Cmd::cargo(command).args(["--locked", "--manifest-path"]).arg(&*manifest);
        let cargo = cargo.env("CARGO_TARGET_DIR", text(&home.join("target")));
        cargo.env("RESTATE_SERVER", text(&server)).run()?;
    }
    Ok(())
}

/// A hundred thousand sessions at once for ten minutes, with all that goes wrong.
fn soak(_: &Path) -> Result<(), Error> {
    soak_for("10")
}

fn soak_for(minutes: &str) -> Result<(), Error> {
    let count: u64 = minutes.parse().map_err(|_| {
        Error::Usage(format!("`--minutes` takes a whole number, and got `{minutes}`"))
    })?;
    let run = Cmd::cargo("run --release --locked --package soak -- 100000");
    run.arg((60 * count).to_string()).run()
}

/// The server of Restate, from npm, or a word why there is none.
fn restate_server(home: &Path) -> Result<Option<PathBuf>, Error> {
    // What was installed before will do.
    let _ = npm(home, &[RESTATE_SERVER]);
    // Not the script that starts it, which could be killed without it.
    let files = files::below(&home.join("node_modules/@restatedev"), &[])?;
    let server = files.into_iter().find(|file| file.ends_with("bin/restate-server"));
    if server.is_none() {
        println!("skipped: npm cannot install {RESTATE_SERVER}");
    }
    Ok(server)
}

/// Installs packages of npm, without their scripts.
fn npm(home: &Path, packages: &[&str]) -> Result<(), Error> {
    let flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix"];
    let install = Cmd::program("npm").arg("install").args(flags).arg(text(home));
    install.args(packages.iter().copied()).run()
}

/// Two runs in Phoenix and `MLflow`: what their interfaces say of them is what there is.
fn viewers(home: &Path) -> Result<(), Error> {
    const VIEWERS: [(&str, &str); 2] = [("mlflow", "mlflow"), ("phoenix", "arize-phoenix")];

    let manifest = workspace::root().join("xtask/viewers/Cargo.toml");
    let fetched = Cmd::cargo("fetch --locked --quiet --manifest-path").arg(text(&manifest));
    if fetched.run().is_err() {
        println!("skipped: the exporter of OpenTelemetry cannot be fetched");
        return Ok(());
    }
    let target = home.join("target");
    let lints = Cmd::cargo("clippy --locked --manifest-path").arg(text(&manifest));
    lints.args(["--", "-D", "warnings"]).env("CARGO_TARGET_DIR", text(&target)).run()?;
    let build = Cmd::cargo("build --locked --manifest-path").arg(text(&manifest));
    build.env("CARGO_TARGET_DIR", text(&target)).run()?;

    let script = text(&workspace::root().join("xtask/world/viewers.py"));
    let sender = text(&target.join("debug/viewers"));
    for (viewer, package) in VIEWERS {
        let home = home.join(viewer);
        let Some(python) = python(&home, &[package]) else { continue };
        let args = [&*script, viewer, &text(&home.join("served")), &sender].map(str::to_owned);
        Cmd::program(python).args(args).run()?;
    }
    Ok(())
}

/// The interpreter of a virtual environment that has these packages, or a word why there is none.
pub(crate) fn python(home: &Path, packages: &[&str]) -> Option<String> {
    let environment = home.join("python");
    let interpreter = text(&environment.join("bin/python"));
    let made = Cmd::program(&*interpreter).arg("--version").works()
        || Cmd::program("python3").args(["-m", "venv"]).arg(text(&environment)).run().is_ok();
    if !made {
        println!("skipped: python3 cannot make a virtual environment");
        return None;
    }
    let install = Cmd::program(&*interpreter).args(["-m", "pip", "install", "--quiet"]);
    if install.args(packages.iter().copied()).run().is_err() {
        println!("skipped: the packages cannot be installed ({})", packages.join(", "));
        return None;
    }
    Some(interpreter)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_check_is_named() {
        for wrong in [vec![], vec!["weather".to_owned()]] {
            let error = format!("{:?}", run(&wrong).unwrap_err());
            assert!(error.contains("prices"), "{error}");
        }
    }
}
