//! The peers: scripts that print `name = figure`, one per line. What is not installed is left out, with a word.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::Figures;

pub fn measure(folder: &Path, postgres: Option<&str>) -> Figures {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../world");
    let mut figures = Figures::new();
    for part in ["dbos", "langgraph"] {
        let mut python = Command::new(folder.join("python/bin/python"));
        python.arg(scripts.join("durable_peers.py")).arg(part).arg(folder);
        python.arg(postgres.unwrap_or_default());
        figures.extend(said(part, &mut python));
    }
    let mut node = Command::new("node");
    node.arg(scripts.join("durable_peers.mjs")).arg(folder);
    figures.extend(said("restate", &mut node));
    figures
}

fn said(peer: &str, command: &mut Command) -> Figures {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => {
            println!("skipped: {peer} ended with {}", output.status);
            return Figures::new();
        }
        Err(error) => {
            println!("skipped: {peer} cannot be started: {error}");
            return Figures::new();
        }
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let figures = said.lines().filter_map(|line| line.split_once(" = "));
    let figures =
        figures.filter_map(|(name, figure)| Some((name.to_owned(), figure.parse().ok()?)));
    figures.collect()
}
