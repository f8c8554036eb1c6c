//! The page in a real browser, where there is one.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

const BROWSERS: &[&str] = &["chromium-headless-shell", "chromium", "google-chrome"];

static STARTED: AtomicU32 = AtomicU32::new(0);

/// What a browser makes of a page, once the streams that it reads are at their ends; `None` without a
/// browser. It blocks.
pub(crate) fn dom(url: &str) -> Option<String> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let candidates = BROWSERS.iter().flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
    let Some(browser) = candidates.into_iter().find(|path| path.is_file()) else {
        println!("skipped: none of {BROWSERS:?} is installed");
        return None;
    };
    // Tests may run side by side, and a profile has one browser.
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let profile = env::temp_dir().join(format!("agent_service-{}-{number}", process::id()));
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--no-proxy-server",
        ])
        .args(["--disable-background-networking", "--virtual-time-budget=5000", "--dump-dom", url])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stderr(Stdio::null())
        .output()
        .expect("it starts");
    let _ = fs::remove_dir_all(profile);
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
