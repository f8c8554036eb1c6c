//! A browser for tests; the example `agent_service` includes this file.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

const BROWSERS: &[&str] = &["chromium-headless-shell", "chromium", "google-chrome"];

/// Keeps a full browser from calling home: its requests only make a test slower.
const QUIET: &[&str] = &[
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-first-run",
];

/// The browser, or a word that there is none.
pub(crate) fn browser_or_skip() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let candidates = BROWSERS.iter().flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
    let browser = candidates.into_iter().find(|path| path.is_file());
    if browser.is_none() {
        println!("skipped: none of {BROWSERS:?} is installed");
    }
    browser
}

/// The browser without a window.
pub(crate) fn headless(browser: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(browser);
    command.args(["--headless", "--no-sandbox", "--disable-gpu"]).args(QUIET);
    command
}
