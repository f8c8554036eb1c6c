//! The page in a real browser, where there is one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, process};

use runtime_report::Timeline;
use runtime_report::html::Options;
use serde_json::{Value, json};

use crate::common::{golden_events, long};

const BROWSERS: &[&str] =
    &["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome"];

/// Keeps a full browser from talking to its maker, as far as a switch can.
const QUIET: &[&str] = &[
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH")?).collect();
    let candidates = BROWSERS.iter().flat_map(|name| folders.iter().map(move |dir| dir.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

/// A folder that is gone after the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("runtime-report-{name}-{}", process::id()));
        fs::create_dir_all(&path).expect("writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the browser made of a page, what it logged, and what the page asked the network for.
struct Opened {
    dom: String,
    log: String,
    asked: Vec<String>,
}

impl Opened {
    fn complaints(&self) -> Vec<&str> {
        self.log.lines().filter(|line| line.contains("CONSOLE")).collect()
    }
}

fn open(browser: &Path, folder: &Folder, page: &str) -> Opened {
    let (file, net) = (folder.0.join("run.html"), folder.0.join("net.json"));
    fs::write(&file, page).expect("writable");
    // What the last page asked for must not pass for this one.
    let _ = fs::remove_file(&net);
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"])
        .args(QUIET)
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg(format!("--log-net-log={}", net.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("it starts");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let net = fs::read_to_string(net).ok().and_then(|net| serde_json::from_str(&net).ok());
    let net = net.unwrap_or_else(|| panic!("the browser wrote no network log: {log}"));
    Opened {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        log,
        asked: asked_by_the_page(&net),
    }
}

/// What a page asked for, from the browser's network log. The browser has requests of its own
/// in the same log (updates, the time, a dictionary): those have no origin as their initiator.
fn asked_by_the_page(net: &Value) -> Vec<String> {
    let number = |name: &str| net["constants"]["logEventTypes"][name].clone();
    let (request, lookup) =
        (number("URL_REQUEST_START_JOB"), number("HOST_RESOLVER_MANAGER_REQUEST"));
    assert!(request.is_u64() && lookup.is_u64(), "the network log has another format");
    let text = |params: &Value, key: &str| params[key].as_str().map(str::to_owned);
    let events = net["events"].as_array().into_iter().flatten();
    let asked = events.filter_map(|event| {
        let params = &event["params"];
        if event["type"] == request && params["initiator"] != "not an origin" {
            text(params, "url")
        } else if event["type"] == lookup
            && text(params, "network_anonymization_key")?.starts_with("file://")
        {
            // A `preconnect` is no request: all that has an origin is the look-up of the host.
            text(params, "host")
        } else {
            None
        }
    });
    asked.collect()
}

/// The browser, or a word that there is none.
#[expect(clippy::print_stdout, reason = "who reads the tests' output must know")]
fn browser_or_skip() -> Option<PathBuf> {
    let browser = browser();
    if browser.is_none() {
        println!("skipped: none of {BROWSERS:?} is installed");
    }
    browser
}

#[test]
fn the_page_opens_without_an_error_and_without_a_request() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("browser");
    for events in [golden_events(), long(2_000)] {
        let page = Timeline::read(events).html(&Options::default());
        let opened = open(&browser, &folder, &page);
        assert!(opened.dom.contains("id=\"events\""), "the page was not shown: {}", opened.log);
        // The script ran: what needs it is no longer hidden.
        assert!(!opened.dom.contains("class=\"js\" hidden"));
        assert!(opened.complaints().is_empty(), "{:?}", opened.complaints());
        assert!(opened.asked.is_empty(), "the page asked for {:?}", opened.asked);
    }
}

#[test]
fn the_page_is_whole_where_scripts_are_not_allowed() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("no-script");
    let events = golden_events();
    let page = Timeline::read(&events).html(&Options::default());
    let page = page.replace("script-src 'unsafe-inline'", "script-src 'none'");
    let dom = open(&browser, &folder, &page).dom;
    let rows = dom.matches("<tr id=\"e").count() + dom.matches("<tr class=\"f\" id=\"e").count();
    assert_eq!(rows, events.len());
    assert!(dom.contains("class=\"js\" hidden"), "filters that need scripts are not offered");
}

#[test]
fn an_error_and_a_request_would_be_seen() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("control");
    let page = "<!doctype html><img src=http://127.0.0.1:11/x.png>\
        <script>new WebSocket('ws://127.0.0.1:12/x')</script>\
        <script>nothing()</script>";
    let opened = open(&browser, &folder, page);
    assert!(!opened.complaints().is_empty(), "{}", opened.log);
    for url in ["127.0.0.1:11/x.png", "127.0.0.1:12/x"] {
        assert!(opened.asked.iter().any(|asked| asked.ends_with(url)), "{url}: {:?}", opened.asked);
    }
}

#[test]
fn a_request_belongs_to_its_initiator() {
    let event = |kind: u8, params: Value| json!({ "type": kind, "params": params });
    let net = json!({
        "constants": {
            "logEventTypes": { "URL_REQUEST_START_JOB": 1, "HOST_RESOLVER_MANAGER_REQUEST": 2 }
        },
        "events": [
            event(1, json!({ "url": "https://update/", "initiator": "not an origin" })),
            event(1, json!({ "url": "https://opaque/", "initiator": "null" })),
            event(1, json!({ "url": "https://unsaid/" })),
            event(1, json!({ "net_error": -102 })),
            event(2, json!({ "host": "maker", "network_anonymization_key": "null" })),
            event(2, json!({ "host": "preconnect", "network_anonymization_key": "file:// same_site" })),
        ]
    });
    assert_eq!(asked_by_the_page(&net), ["https://opaque/", "https://unsaid/", "preconnect"]);
}

#[test]
fn the_filters_filter() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("filters");
    let page = Timeline::read(golden_events()).html(&Options::default());
    let ask = "find.value = 'GPT-5 completed'; who.value = 'researcher'; filter();\n}\n</script>";
    let page = page.replace("}\n</script>", ask);
    let dom = open(&browser, &folder, &page).dom;
    assert!(dom.contains("id=\"count\">3 of 70<"), "the researcher has three such turns");
    assert_eq!(dom.matches(" hidden=\"\"").count(), 67);
}
