//! The projections of one small log, byte for byte.
//!
//! After a change that is meant, `UPDATE_GOLDEN=1` writes them anew; look at the difference.

use std::path::PathBuf;
use std::{env, fs};

use runtime_report::PageConfig;
use runtime_report::Timeline;

use crate::common::golden_events;

fn compare(name: &str, found: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name);
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, found).expect("writable");
    }
    let golden = fs::read_to_string(&path).expect("readable");
    let differs = golden.lines().zip(found.lines()).position(|(golden, found)| golden != found);
    assert!(golden == found, "{name} differs, first in line {:?}", differs.map(|line| line + 1));
}

#[test]
fn the_page_is_as_it_was() {
    let page = Timeline::read(golden_events()).html(&PageConfig::default().title("run.jsonl"));
    compare("run.html", &page);
}

#[test]
fn the_chrome_trace_is_as_it_was() {
    compare("run.chrome.json", &Timeline::read(golden_events()).chrome_trace());
}

#[test]
fn the_mermaid_diagram_is_as_it_was() {
    compare("run.mmd", &Timeline::read(golden_events()).mermaid());
}
