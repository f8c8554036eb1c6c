//! `cargo xtask tools`: installs the tools that some steps of `ci` use.

use std::path::PathBuf;

use crate::Error;
use crate::run::Cmd;
use crate::workspace;

/// The subcommands of cargo that `ci` uses where they are installed.
const TOOLS: &[&str] = &["cargo-deny", "cargo-machete", "cargo-semver-checks"];

/// Where the tools are installed. Cargo finds them there for every command that xtask starts.
pub(crate) fn home() -> PathBuf {
    workspace::target_dir().join("tools")
}

/// `cargo xtask tools [TOOL…]`
pub(crate) fn run(rest: &[String]) -> Result<(), Error> {
    let chosen = chosen(rest)?;
    for tool in chosen {
        if home().join("bin").join(tool).exists() {
            println!("{tool} is installed");
            continue;
        }
        let install = Cmd::cargo("install --locked --root").arg(home().to_string_lossy());
        // Its builds are kept apart, so that the workspace's own stay as they are.
        let builds = home().join("build");
        install.arg("--target-dir").arg(builds.to_string_lossy()).arg(tool).run()?;
    }
    Ok(())
}

/// The tools that are named, or all.
fn chosen(rest: &[String]) -> Result<Vec<&'static str>, Error> {
    if rest.is_empty() {
        return Ok(TOOLS.to_vec());
    }
    let known = |name: &String| {
        let tool = TOOLS.iter().find(|tool| *tool == name).copied();
        tool.ok_or_else(|| {
            Error::Usage(format!("`tools` knows no tool `{name}` ({})", TOOLS.join(", ")))
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
