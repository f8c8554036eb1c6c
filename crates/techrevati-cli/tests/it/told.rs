//! What the lines of a log say themselves: summed up here, without any code of a reader.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The totals of a log.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) events: u64,
    pub(crate) sessions: u64,
    /// Of each turn that is one call, and of each attempt.
    pub(crate) used: Used,
    /// Spans by kind, each by how it ended.
    pub(crate) spans: Spans,
    pub(crate) refused: u64,
    /// Recoveries that were tried, worked, failed and were given up.
    pub(crate) recoveries: [u64; 4],
    pub(crate) dropped: u64,
    pub(crate) torn_bytes: u64,
}

pub(crate) type Spans = BTreeMap<String, BTreeMap<String, u64>>;

/// Tokens of all kinds, and nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) input: u64,
    pub(crate) cached: u64,
    pub(crate) output: u64,
    pub(crate) nanos: u64,
}

impl Used {
    /// Adds what the data of an event says.
    pub(crate) fn add(&mut self, data: &Value) {
        for (key, value) in data.as_object().into_iter().flatten() {
            let tokens = value.as_u64().unwrap_or(0);
            match key.as_str() {
                "output_tokens" | "output_audio_tokens" => self.output += tokens,
                "reasoning_tokens" => {}
                "cost_usd" => self.nanos += nanos(value),
                key if key.ends_with("_tokens") => {
                    self.input += tokens;
                    self.cached += if key == "cache_read_tokens" { tokens } else { 0 };
                }
                _ => {}
            }
        }
    }
}

pub(crate) fn nanos(dollars: &Value) -> u64 {
    let dollars = dollars.as_f64().expect("a number");
    format!("{:.0}", dollars * 1e9).parse().expect("whole")
}

impl Told {
    pub(crate) fn by(log: &str) -> Self {
        let lines: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let sessions: BTreeSet<_> =
            lines.iter().filter_map(|it| it["session_id"].as_str()).collect();
        let mut told =
            Self { events: lines.len() as u64, sessions: sessions.len() as u64, ..Self::default() };
        for (place, line) in lines.iter().enumerate() {
            if let Some((kind, outcome)) = span(line, &lines[place + 1..]) {
                let ends = told.spans.entry(kind.into()).or_default();
                *ends.entry(outcome.to_owned()).or_default() += 1;
            }
            let data = &line["data"];
            match line["event"].as_str().expect("a name") {
                "agent.turn_completed" | "agent.turn_failed" if !data["attempts"].is_u64() => {
                    told.used.add(data);
                }
                "agent.attempt_completed" | "agent.attempt_failed" => told.used.add(data),
                "agent.blocked" => told.refused += 1,
                "agent.recovery.attempted" => told.recoveries[0] += 1,
                "agent.recovery.succeeded" => told.recoveries[1] += 1,
                "agent.recovery.failed" => told.recoveries[2] += 1,
                "agent.recovery.escalated" => told.recoveries[3] += 1,
                "log.dropped" => told.dropped += data["count"].as_u64().expect("a count"),
                "log.recovered" => told.torn_bytes += data["torn_bytes"].as_u64().unwrap_or(0),
                _ => {}
            }
        }
        told
    }

    /// How many spans of a kind there are, and how many of them failed.
    pub(crate) fn calls(&self, kind: &str) -> (u64, u64) {
        let ends = self.spans.get(kind).into_iter().flatten();
        ends.fold((0, 0), |(calls, failed), (outcome, count)| {
            let is_failure = matches!(&**outcome, "failed" | "timed_out" | "panicked");
            (calls + count, if is_failure { failed + count } else { failed })
        })
    }

    /// How many spans of all kinds ended so.
    pub(crate) fn ended(&self, outcome: &str) -> u64 {
        self.spans.values().filter_map(|ends| ends.get(outcome)).sum()
    }
}

/// The kind of the span that a line begins, and how one of the later lines ends it. A pause is a
/// wait, too.
fn span<'a>(line: &Value, later: &'a [Value]) -> Option<(&'static str, &'a str)> {
    let kind = match line["event"].as_str()? {
        "agent.started" => "session",
        "agent.turn_started" => "turn",
        "agent.attempt_started" => "attempt",
        "agent.tool_called" => "tool",
        "agent.wait_started" | "agent.paused" => "wait",
        _ => return None,
    };
    let outcome = |it: &'a Value| match line["event"].as_str() {
        Some("agent.paused") if it["event"] != "agent.resumed" => None,
        Some("agent.paused") if it["detail"] == "gave up waiting" => Some("cancelled"),
        Some("agent.paused") => Some("ok"),
        _ if it["span"] == line["span"] => it["outcome"].as_str(),
        _ => None,
    };
    let mut later = later.iter().filter(|it| it["session_id"] == line["session_id"]);
    Some((kind, later.find_map(outcome).unwrap_or("unfinished")))
}
