//! The page in a real browser, where there is one.

#[expect(clippy::print_stdout, reason = "who reads the tests' output must know")]
mod find;

use std::path::{Path, PathBuf};
use std::{env, fs, process};

use runtime_events::{AgentEvent, AgentEventName};
use runtime_report::PageConfig;
use runtime_report::{Timeline, live_page};
use serde_json::Value;

use self::find::{browser_or_skip, headless};
use crate::common::{Session, dying, golden_events, long};

/// What the network log says of the initiator of a request that the browser itself makes.
const BROWSER_ITSELF: &str = "not an origin";

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

/// What the browser made of a page, what it logged, and which addresses the page asked for.
struct Opened {
    dom: String,
    log: String,
    requests: Vec<String>,
}

impl Opened {
    fn complaints(&self) -> Vec<&str> {
        self.log.lines().filter(|line| line.contains("CONSOLE")).collect()
    }
}

/// The addresses that a page asked for, from a network log with one event per line. Requests of the
/// browser itself (updates, dictionaries, accounts) are left out.
fn requests(net: &str) -> Vec<String> {
    let lines = net.lines().map(|line| line.trim_end_matches([',', ']']));
    let events = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let asked = events.filter_map(|event| {
        let params = event.get("params")?;
        let initiator = params.get("initiator")?.as_str()?;
        let url = params.get("url")?.as_str()?;
        (initiator != BROWSER_ITSELF && !url.starts_with("file:")).then(|| url.to_owned())
    });
    asked.collect()
}

fn open(browser: &Path, folder: &Folder, page: &str) -> Opened {
    let (file, net) = (folder.0.join("run.html"), folder.0.join("net.json"));
    fs::write(&file, page).expect("writable");
    let output = headless(browser)
        .arg("--enable-logging=stderr")
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg(format!("--log-net-log={}", net.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("it starts");
    let net = fs::read_to_string(net).expect("the browser writes a network log");
    Opened {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
        requests: requests(&net),
    }
}

#[test]
fn the_page_opens_without_an_error_and_without_a_request() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("browser");
    for events in [golden_events(), long(2_000)] {
        let page = Timeline::read(events).html(&PageConfig::default());
        let opened = open(&browser, &folder, &page);
        assert!(opened.dom.contains("id=\"events\""), "the page was not shown: {}", opened.log);
        // The script ran: what needs it is no longer hidden.
        assert!(!opened.dom.contains("class=\"js\" hidden"));
        assert!(opened.complaints().is_empty(), "{:?}", opened.complaints());
        assert_eq!(opened.requests, [""; 0], "the page made requests");
    }
}

#[test]
fn the_page_is_whole_without_scripts() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("no-script");
    let events = golden_events();
    let page = Timeline::read(&events).html(&PageConfig::default());
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
    let page = "<!doctype html><img src=\"http://127.0.0.1:9/x.png\"><script>nothing()</script>";
    let opened = open(&browser, &folder, page);
    assert!(!opened.complaints().is_empty(), "{}", opened.log);
    assert_eq!(opened.requests, ["http://127.0.0.1:9/x.png"]);
}

#[test]
fn requests_by_the_browser_itself_do_not_count() {
    let net = r#"{"constants":{"x":1},
"events": [
{"params":{"initiator":"not an origin","url":"https://update.example/json"},"type":136},
{"params":{"initiator":"null","url":"file:///run.html"},"type":136},
{"params":{"url":"http://127.0.0.1:9/x.png"},"type":2},
{"params":{"initiator":"null","url":"http://127.0.0.1:9/x.png"},"type":136}],
"polledData": []}"#;
    assert_eq!(requests(net), ["http://127.0.0.1:9/x.png"]);
}

#[test]
fn a_click_on_a_span_shows_its_facts() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("facts");
    let page = Timeline::read(golden_events()).html(&PageConfig::default());
    let click =
        "for (const span of document.querySelectorAll(\"a.r.bad\")) span.click();\n}\n</script>";
    let opened = open(&browser, &folder, &page.replace("}\n</script>", click));
    assert!(opened.complaints().is_empty(), "{:?}", opened.complaints());
    let facts: Vec<&str> = opened.dom.split("<div class=\"facts\">").skip(1).collect();
    assert_eq!(facts.len(), page.matches("<a class=\"r bad\"").count());
    let turn = facts.iter().find(|facts| facts.contains("turn exceeded timeout of 1.500s"));
    let turn = turn.expect("the turn that was too slow").split("</div>").next().unwrap();
    for fact in ["<strong>turn gpt-5-mini</strong>", "timed out", "turn_started", "turn_failed"] {
        assert!(turn.contains(fact), "{fact}: {turn}");
    }
    // A second click takes them away.
    let twice = click.replace("span.click();", "{ span.click(); span.click(); }");
    let opened = open(&browser, &folder, &page.replace("}\n</script>", &twice));
    assert!(!opened.dom.contains("<div class=\"facts\">"));
}

/// Brings the events in place of a server.
const BRING: &str = "const to = document.body.appendChild(document.createElement('section'));
const run = new Waterfall(to);
for (const event of EVENTS) run.append(event);
run.draw();
";

fn live(browser: &Path, folder: &Folder, events: &[AgentEvent]) -> Opened {
    let page = live_page(&PageConfig::default(), BRING);
    // As in a script of the web: `<` cannot end it.
    let json: Vec<String> =
        events.iter().map(|event| event.to_json().replace('<', "\\u003c")).collect();
    open(browser, folder, &page.replace("EVENTS", &format!("[{}]", json.join(","))))
}

#[test]
fn the_live_page_has_the_spans_of_the_whole_one() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("live");
    let events = golden_events();
    let whole = Timeline::read(&events).html(&PageConfig::default());
    let opened = live(&browser, &folder, &events);
    assert!(opened.complaints().is_empty(), "{:?}", opened.complaints());
    assert_eq!(opened.requests, [""; 0], "the page made requests");
    for kind in ["turn", "attempt", "tool", "wait"] {
        let row = format!("<small>{kind}</small>");
        assert_eq!(bare(&opened.dom).matches(&row).count(), whole.matches(&row).count(), "{kind}");
    }
    let failed = opened.dom.matches("class=\"r bad\"").count();
    assert_eq!(failed, whole.matches("class=\"r bad\"").count());
}

#[test]
fn a_live_page_keeps_spans_of_one_id_apart_by_session() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("live-sessions");
    let mut events = Vec::new();
    for id in ["a", "b"] {
        let mut session = Session::new(id, id);
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        session.turn(1, 2, 2, 0.5);
        session.fail(3, AgentEventName::AgentFailed, 1, "it is over");
        events.extend(session.events);
    }
    let opened = live(&browser, &folder, &events);
    let dom = bare(&opened.dom);
    assert_eq!(dom.matches("<small>turn</small>").count(), 2, "{dom}");
    assert_eq!(dom.matches("class=\"r bad\"").count(), 2);
    assert_eq!(dom.matches("class=\"r open\"").count(), 0);
}

/// Without the empty attributes of what a script has made.
fn bare(dom: &str) -> String {
    dom.replace(" class=\"\"", "")
}

#[test]
fn texts_of_a_live_page_stay_texts() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("live-texts");
    let mut events = golden_events();
    let evil = "<img src=x onerror=\"document.title='evil'\">";
    for event in &mut events {
        event.role = Some(evil.into());
        event.detail = Some(evil.to_owned().into());
    }
    let opened = live(&browser, &folder, &events);
    assert!(opened.complaints().is_empty(), "{:?}", opened.complaints());
    assert!(opened.dom.contains("&lt;img src=x"), "{}", opened.dom);
    assert!(!opened.dom.contains("<img") && !opened.dom.contains("<title>evil"));
}

#[test]
fn the_page_of_a_hundred_agents_can_be_scanned() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("height");
    let page = Timeline::read(dying(15_000)).html(&PageConfig::default());
    let measure = "document.title = document.documentElement.scrollHeight;\n}\n</script>";
    let dom = open(&browser, &folder, &page.replace("}\n</script>", measure)).dom;
    let title = dom.split("<title>").nth(1).unwrap().split('<').next().unwrap();
    let pixels: u64 = title.parse().unwrap();
    assert!((1_000..8_000).contains(&pixels), "{pixels}");
}

#[test]
fn a_link_to_an_event_brings_it_into_view() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("link");
    let events = dying(15_000);
    let page = Timeline::read(&events).html(&PageConfig::default());
    let last = events.len() - 1;
    let follow = format!(
        "location.hash = 'e{last}';\nconst {{ top, bottom }} = get('e{last}').getBoundingClientRect();\n\
         document.title = top >= 0 && bottom <= innerHeight;\n}}\n</script>"
    );
    let dom = open(&browser, &folder, &page.replace("}\n</script>", &follow)).dom;
    assert!(dom.contains("<title>true</title>"));
}

#[test]
fn the_filters_filter() {
    let Some(browser) = browser_or_skip() else { return };
    let folder = Folder::new("filters");
    let page = Timeline::read(golden_events()).html(&PageConfig::default());
    let ask = "find.value = 'GPT-5 completed'; who.value = 'researcher'; filter();\n}\n</script>";
    let page = page.replace("}\n</script>", ask);
    let dom = open(&browser, &folder, &page).dom;
    assert!(dom.contains("id=\"count\">3 of 70<"), "the researcher has three such turns");
    assert_eq!(dom.matches(" hidden=\"\"").count(), 67);
    // Agents of one name are found together and alone.
    let page = Timeline::read(dying(2_000)).html(&PageConfig::default());
    for (agent, found) in [("worker 0123", 14), ("worker", 1_386), ("work", 0)] {
        let ask = format!(
            "who.append(new Option('{agent}')); who.value = '{agent}'; filter();\n}}\n</script>"
        );
        let dom = open(&browser, &folder, &page.replace("}\n</script>", &ask)).dom;
        assert!(dom.contains(&format!("id=\"count\">{found} of 1394<")), "{agent}");
    }
}
