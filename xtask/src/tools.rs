//! `cargo xtask tools`: installs the tools that some steps of `ci` use.

use std::path::PathBuf;

use crate::Error;
use crate::run::Cmd;
use crate::workspace;

/// The subcommands of cargo that `ci` uses if they are installed.
const TOOLS: &[&str] = &["cargo-deny", "cargo-machete", "cargo-semver-checks"];

/// Those that only some checks of `world` use. They install them when they are run.
const WORLD_TOOLS: &[&str] = &["cargo-fuzz", "cargo-llvm-cov", "cargo-mutants"];

/// The folder of the tools, which commands of xtask have in their `PATH`.
pub(crate) fn home() -> PathBuf {
    workspace::target_dir().join("tools")
}

/// `cargo xtask tools [TOOL…]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    chosen(rest)?.into_iter().try_for_each(install)
}

/// Installs a tool if it is not there. If it cannot, says so.
pub(crate) fn installed(tool: &str) -> bool {
    let installed = install(tool).is_ok();
    if !installed {
        println!("skipped: {tool} cannot be installed");
    }
    installed
}

fn install(tool: &str) -> Result<(), Error> {
    if home().join("bin").join(tool).exists() {
        println!("{tool} is installed");
        return Ok(());
    }
    let install = Cmd::cargo("install --locked --root").arg(home().to_string_lossy());
    // Builds in a folder of its own, so that other builds stay valid.
    let builds = home().join("build");
    install.arg("--target-dir").arg(builds.to_string_lossy()).arg(tool).run()
}

/// The named tools, or all.
fn chosen(rest: &[String]) -> Result<Vec<&'static str>, Error> {
    if rest.is_empty() {
        return Ok(TOOLS.to_vec());
    }
    let known = |name: &String| {
        let tool = TOOLS.iter().chain(WORLD_TOOLS).find(|tool| *tool == name).copied();
        tool.ok_or_else(|| {
            Error::Usage(format!("`tools` has no tool `{name}` ({})", TOOLS.join(", ")))
        })
    };
    rest.iter().map(known).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_tool_is_named() {
        assert_eq!(chosen(&[]).unwrap(), TOOLS);
        assert_eq!(chosen(&["cargo-deny".to_owned()]).unwrap(), ["cargo-deny"]);
        let error = format!("{:?}", chosen(&["cargo-dance".to_owned()]).unwrap_err());
        assert!(error.contains("`cargo-dance`") && error.contains("cargo-machete"), "{error}");
    }
}
