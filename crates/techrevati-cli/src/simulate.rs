//! What limits, retries and routes make of an outage: a plan, run in a simulation, as a page.

mod page;
mod plan;
mod run;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use self::plan::Plan;
use crate::error::Error;
use crate::input::check_output;

/// The options of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The plan: traffic, providers with their faults, and the policies to compare.
    plan: PathBuf,
    /// The page. Without it, only the table is printed.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(options: &Simulate) -> Result<(), Error> {
    if let Some(out) = &options.out {
        check_output(&options.plan, out)?;
    }
    let text = fs::read_to_string(&options.plan);
    let text = text.map_err(|error| Error::input(&options.plan, error))?;
    let plan: Plan = toml::from_str(&text)
        .map_err(|error| Error::input(&options.plan, placed(&error, &text)))?;
    plan.check().map_err(|why| Error::input(&options.plan, why))?;
    let mut outcomes = Vec::new();
    for policy in &plan.policies {
        let outcome = run::run(&plan, policy);
        outcomes.push(outcome.map_err(|why| Error::input(&options.plan, why))?);
    }
    let mut out = std::io::stdout().lock();
    for outcome in &outcomes {
        writeln!(out, "{}", outcome.line())?;
    }
    if let Some(path) = &options.out {
        let name = options.plan.file_stem().unwrap_or_default().to_string_lossy();
        let page = page::page(&name, &plan, &outcomes);
        let written = fs::write(path, page);
        written.map_err(|cause| Error::WriteFile { path: path.clone(), cause })?;
    }
    Ok(())
}

/// The error in one line: its own text draws the place over several.
fn placed(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| format!("line {}: ", before.matches('\n').count() + 1));
    line.unwrap_or_default() + error.message()
}
