//! The dashboard and the alerts of `docs/prometheus` ask for what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use runtime_events::ManualClock;
use serde_json::Value as Json;

use crate::agents::Office;
use crate::metrics::Metrics;
use crate::promql::Query;

/// What was measured in some rounds of work.
fn measured() -> Metrics {
    let (metrics, clock) = (Metrics::new().unwrap(), ManualClock::skipping());
    let office = Office::new(&metrics, Arc::new(clock.clone()), |it| it.time(clock.clone()));
    let office = office.unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        for _ in 0..6 {
            office.work().await.unwrap();
        }
    });
    metrics
}

/// By metric, its labels with their values.
type Exported = BTreeMap<String, BTreeSet<(String, String)>>;

fn exported(text: &str) -> Exported {
    let mut exported = Exported::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.split_once('{').unwrap_or((line, ""));
        let labels = labels.rsplit_once('}').map_or("", |(labels, _)| labels);
        let labels = labels.split("\",").filter_map(|label| label.split_once("=\""));
        let name = name.split(' ').next().unwrap();
        let known = exported.entry(name.to_owned()).or_default();
        known.extend(
            labels.map(|(key, value)| (key.to_owned(), value.trim_end_matches('"').to_owned())),
        );
    }
    exported
}

/// What is wrong with a query: its metrics and labels that are not exported, and labels of its text that
/// it does not group by.
fn wrong(exported: &Exported, query: &str, shown: &[&str]) -> Vec<String> {
    let (read, mut wrong) = (Query::read(query), Vec::new());
    assert!(!read.metrics.is_empty(), "{query}");
    for metric in &read.metrics {
        let Some(labels) = exported.get(&metric.name) else {
            wrong.push(format!("no metric is called {}: {query}", metric.name));
            continue;
        };
        let by = read.by.iter().map(|label| (label, &None));
        for (label, value) in metric.labels.iter().map(|(label, value)| (label, value)).chain(by) {
            let known = |(key, held): &(String, String)| {
                key == label && value.as_ref().is_none_or(|value| value == held)
            };
            if !labels.iter().any(known) {
                wrong.push(format!("{} has no {label} {value:?}: {query}", metric.name));
            }
        }
    }
    let missing = shown.iter().filter(|label| !read.by.iter().any(|by| by == **label));
    wrong.extend(missing.map(|label| format!("{label} is shown and not grouped by: {query}")));
    wrong
}

fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/prometheus");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The words after each mark, up to the end of the name.
fn names<'t>(text: &'t str, mark: &str) -> Vec<&'t str> {
    let is_name = |it: char| it.is_ascii_alphanumeric() || it == '_';
    let after = text.split(mark).skip(1);
    after.map(|it| &it[..it.find(|it| !is_name(it)).unwrap_or(it.len())]).collect()
}

#[test]
fn the_dashboard_asks_for_what_is_exported() {
    let (exported, mut queries) = (exported(&measured().text().unwrap()), 0);
    let dashboard: Json = serde_json::from_str(&file("dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()) {
        let [query, legend] = ["expr", "legendFormat"].map(|key| target[key].as_str().unwrap());
        assert_eq!(wrong(&exported, query, &names(legend, "{{")), [""; 0]);
        queries += 1;
    }
    assert!(queries >= panels.len() && panels.len() >= 10, "{queries} queries in {}", panels.len());
}

#[test]
fn the_alerts_ask_for_what_is_exported() {
    let (exported, alerts) = (exported(&measured().text().unwrap()), file("alerts.yml"));
    let rules: Vec<_> = alerts.split("- alert: ").skip(1).collect();
    assert_eq!(rules.len(), 3);
    for rule in rules {
        let query = rule.lines().find_map(|line| line.trim().strip_prefix("expr: ")).unwrap();
        assert_eq!(wrong(&exported, query, &names(rule, "$labels.")), [""; 0]);
    }
}

#[test]
fn what_is_not_exported_is_found() {
    let exported = exported(&measured().text().unwrap());
    for query in [
        "techrevati_costs_total",
        r#"techrevati_breaker_changes_total{techrevati_to="ajar"}"#,
        r#"techrevati_cost_total{gen_ai_model="gpt-5"}"#,
        "sum by (agent) (techrevati_cost_total)",
    ] {
        assert_eq!(wrong(&exported, query, &[]).len(), 1, "{query}");
    }
    assert_eq!(wrong(&exported, "sum(techrevati_cost_total)", &["gen_ai_request_model"]).len(), 1);
}

#[test]
fn metrics_are_served() {
    let (metrics, listener) = (Arc::new(measured()), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    let served = Arc::clone(&metrics);
    thread::spawn(move || served.serve(&listener));
    for (path, status) in [("/metrics", "200 OK"), ("/", "404 Not Found")] {
        let (mut stream, mut answer) = (TcpStream::connect(address).unwrap(), String::new());
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(body == metrics.text().unwrap(), path == "/metrics");
    }
}
