//! `cargo xtask tools`: installs what some steps of `ci` need beyond Rust, below `target/tools`.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::Error;
use crate::run::Cmd;
use crate::workspace;

/// A program that cargo can install.
struct Tool {
    name: &'static str,
    version: &'static str,
    /// Whether `ci` uses it on every run.
    usual: bool,
}

const TOOLS: &[Tool] = &[
    Tool { name: "cargo-deny", version: "0.20.2", usual: true },
    Tool { name: "cargo-machete", version: "0.9.2", usual: true },
    // It takes minutes to build, and is needed only when there is a release to compare with.
    Tool { name: "cargo-semver-checks", version: "0.51.0", usual: false },
];

/// `cargo xtask tools [TOOL…]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    for argument in rest {
        if argument.starts_with('-') {
            return Err(Error::unknown_flag("tools", argument));
        }
        if !TOOLS.iter().any(|tool| tool.name == argument) {
            let names: Vec<_> = TOOLS.iter().map(|tool| tool.name).collect();
            let names = names.join(", ");
            return Err(Error::Usage(format!("`tools` does not know `{argument}` ({names})")));
        }
    }
    let chosen = |tool: &&Tool| {
        if rest.is_empty() { tool.usual } else { rest.iter().any(|name| name == tool.name) }
    };
    for tool in TOOLS.iter().filter(chosen) {
        // Cargo leaves what is there already.
        let package = format!("{}@{}", tool.name, tool.version);
        let install = Cmd::cargo("install --locked --root").arg(folder().to_string_lossy());
        install.arg(package).run()?;
    }
    Ok(())
}

/// The search path for programs, with the installed tools first.
pub(crate) fn search_path() -> Option<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder().join("bin")].into_iter().chain(env::split_paths(&path))).ok()
}

/// Beside what is built: a cache of builds has them too.
fn folder() -> PathBuf {
    workspace::target_dir().join("tools")
}
