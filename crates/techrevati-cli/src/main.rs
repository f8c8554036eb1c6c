//! `techrevati`: shows what is in the event logs of agent runs.
//!
//! ```text
//! techrevati report run.jsonl -o run.html
//! techrevati tail run.jsonl
//! techrevati stats run.jsonl
//! techrevati check run.jsonl
//! techrevati cassette run.jsonl -o case.jsonl
//! techrevati diff yesterday.jsonl today.jsonl
//! techrevati threads agents.db
//! techrevati accounts list postgres://localhost/agents
//! techrevati migrate postgres://localhost/agents
//! techrevati simulate plan.toml -o plan.html
//! techrevati completions bash
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `arguments` | the command line |
//! | `input` | where a log comes from, and what else a file is |
//! | `source` | the events of a log, with their files and lines |
//! | `report` | a log as a page, or as a file for a viewer |
//! | `tail` | a log as it is written, one line per event |
//! | `stats` | a log in numbers |
//! | `check` | the problems of a log |
//! | `cassette` | a log or a thread as a cassette for tests |
//! | `diff` | where two runs part |
//! | `threads` | the threads of a store, and what people say to them |
//! | `accounts` | the accounts of a fleet, and what people set |
//! | `migrate` | the schema of a database |
//! | `simulate` | a plan of an outage, in a simulation |
//! | `error` | why a command failed |
//! | `paint` | colours on terminals |
//! | `table` | rows of text in columns |

mod accounts;
mod arguments;
mod cassette;
mod check;
mod diff;
mod error;
mod input;
#[cfg(feature = "postgres")]
mod migrate;
mod paint;
mod report;
#[cfg(feature = "simulate")]
mod simulate;
mod source;
mod stats;
mod table;
mod tail;
mod threads;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use clap_complete::Shell;
use runtime_report::show::line;

use crate::arguments::{Arguments, Command};
use crate::error::Error;

// A wrong command line ends with 2, by clap.
const PROBLEM_FOUND: u8 = 1;
const FILE_ERROR: u8 = 3;

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        // The reader has enough: `techrevati tail run.jsonl | head`.
        Err(Error::WriteOutput(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {}", line(&error.to_string()));
            let refused = matches!(error, Error::Refused(_));
            ExitCode::from(if refused { PROBLEM_FOUND } else { FILE_ERROR })
        }
    }
}

fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Report(options) => report::run(&options)?,
        Command::Tail(options) => tail::run(&options)?,
        Command::Stats(numbers) => stats::run(&numbers.log.path, numbers.json)?,
        Command::Check(checked) if !check::run(&checked.log.path, checked.json)? => {
            return Ok(ExitCode::from(PROBLEM_FOUND));
        }
        Command::Check(_) => {}
        Command::Cassette(options) => cassette::run(&options)?,
        Command::Diff(runs) if diff::run(&runs.a, &runs.b)? => {
            return Ok(ExitCode::from(PROBLEM_FOUND));
        }
        Command::Diff(_) => {}
        Command::Threads(options) => threads::run(&options)?,
        Command::Accounts(options) => accounts::run(&options)?,
        #[cfg(feature = "postgres")]
        Command::Migrate(options) => migrate::run(&options)?,
        #[cfg(feature = "simulate")]
        Command::Simulate(options) => simulate::run(&options)?,
        Command::Completions { shell } => completions(shell)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn completions(shell: Shell) -> io::Result<()> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    // By way of memory: `generate` panics when a write fails.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    io::stdout().write_all(&script)
}
