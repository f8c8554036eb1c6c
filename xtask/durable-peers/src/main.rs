//! Measures durable sessions, what their databases alone take, and other durable execution, in one run.
//!
//! `cargo xtask world durable-peers` installs the peers and starts it with the folder of them. It prints medians,
//! and beside each what it is a multiple of. Times are printed, and nothing is asserted about them.
#![expect(clippy::print_stdout, reason = "a command prints its output")]

mod own;
mod peers;

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What was measured, by name.
type Figures = BTreeMap<String, f64>;

/// The ratios that are promised: a figure, what it is compared with, and what the ratio is to be at most.
const RATIOS: &[(&str, &str, f64)] = &[
    ("sqlite synced: durable turn", "sqlite synced: two raw commits", 1.3),
    ("postgres: durable tool", "postgres: raw commit", 2.2),
    ("postgres: durable tool", "dbos postgres: step", 0.25),
    ("postgres: durable tool", "restate: ctx.run", 1.0),
    ("sqlite: bytes of 1,000 turns", "langgraph sqlite: bytes of 1,000 turns", 0.01),
    ("sqlite: bytes of 1,000 turns", "langgraph postgres: bytes of 1,000 turns", 0.01),
    ("sqlite synced: durable turn", "langgraph sqlite: turn 1,000", 1.0),
    ("sqlite synced: durable turn", "dbos sqlite: step", 1.0),
];

/// Differences in µs: a figure, what is taken from it, and what is to be left at most.
const DIFFERENCES: &[(&str, &str, f64)] = &[
    ("sqlite: durable turn", "plain turn", 60.0),
    ("sqlite: durable turn", "sqlite: two raw commits", 60.0),
];

fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let postgres = test_postgres::url();
    let mut figures = own::measure(&folder, postgres);
    figures.extend(peers::measure(&folder, postgres));
    for (name, figure) in &figures {
        let unit = if name.contains("bytes") { "B" } else { "µs" };
        println!("{name}: {figure:.1} {unit}");
    }
    println!();
    for (one, other, most) in RATIOS {
        let (Some(a), Some(b)) = (figures.get(*one), figures.get(*other)) else { continue };
        println!("{one} / {other}: {:.3} (asked: at most {most})", a / b);
    }
    for (one, other, most) in DIFFERENCES {
        let (Some(a), Some(b)) = (figures.get(*one), figures.get(*other)) else { continue };
        println!("{one} - {other}: {:.0} µs (asked of a plain turn: at most {most})", a - b);
    }
    if let Some(replay) = figures.get("replay of an entry") {
        println!("replay of an entry: {replay:.2} µs (asked: at most 2)");
    }
}
