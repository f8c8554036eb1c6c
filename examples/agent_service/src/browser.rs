//! The page in a real browser, where there is one.

#[path = "../../../crates/runtime-report/tests/it/browser/find.rs"]
mod find;

use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// What a browser makes of a page, once the streams that it reads are at their ends; `None` without a
/// browser. It blocks.
pub(crate) fn dom(url: &str) -> Option<String> {
    let browser = find::browser_or_skip()?;
    // Tests may run side by side, and a profile has one browser.
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let profile = env::temp_dir().join(format!("agent_service-{}-{number}", process::id()));
    let output = find::headless(browser)
        .args(["--no-proxy-server", "--virtual-time-budget=5000", "--dump-dom", url])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stderr(Stdio::null())
        .output()
        .expect("it starts");
    let _ = fs::remove_dir_all(profile);
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
