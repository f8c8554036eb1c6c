//! `techrevati`: looks at the event logs of agent runs.
//!
//! ```text
//! techrevati report run.jsonl -o run.html
//! techrevati tail run.jsonl
//! techrevati stats run.jsonl
//! techrevati check run.jsonl
//! ```
//!
//! | module | what |
//! |---|---|
//! | `arguments` | the command line |
//! | `source` | where events come from |
//! | `report` | a log as a page, or as a file for a viewer |
//! | `tail` | a log as it is written, one line for each event |
//! | `stats` | a log in numbers |
//! | `check` | whether a log is whole |
//! | `paint` | colours, where they are wanted |

mod arguments;
mod check;
mod paint;
mod report;
mod source;
mod stats;
mod tail;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::arguments::{Command, UsageError};
use crate::source::LogError;

/// The log is not whole.
const FOUND: u8 = 1;
/// The command line makes no sense.
const USAGE: u8 = 2;
/// A file cannot be read or written.
const FILE: u8 = 3;

/// Why a command did not do what it should.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        // Who reads has enough: `techrevati tail run.jsonl | head`.
        Err(Error::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "techrevati: {error}");
            let is_usage = matches!(error, Error::Usage(_));
            ExitCode::from(if is_usage { USAGE } else { FILE })
        }
    }
}

fn run() -> Result<ExitCode, Error> {
    match arguments::parse(std::env::args_os().skip(1))? {
        Command::Help => io::stdout().write_all(arguments::HELP.as_bytes())?,
        Command::Version => writeln!(io::stdout(), "techrevati {}", env!("CARGO_PKG_VERSION"))?,
        Command::Report(options) => report::run(&options)?,
        Command::Tail(options) => tail::run(&options)?,
        Command::Stats(log) => stats::run(&log)?,
        Command::Check(log) => {
            if !check::run(&log)? {
                return Ok(ExitCode::from(FOUND));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
