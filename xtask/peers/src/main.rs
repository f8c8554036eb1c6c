//! Measures the runtime and its peers in one run, and checks the promised ratios.
//!
//! `cargo xtask bench --peers` builds and starts it. With `--markdown` the tables can be pasted into a document,
//! `turns` prints the cost of a turn by the age of its session, `together` how many turns several tasks make in a
//! second, and `told` how long a thread takes to see what another one has written.
//!
//! Every case is measured in short batches, one case after the other, round after round, so that a change of the
//! machine's speed affects all. The ratio of two cases is the median of their ratios in each round. Times are
//! printed. Only the ratios are checked, and that our cases allocate nothing.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its output")]

mod measure;
mod report;
mod rows;
mod suite;
#[path = "../../src/table.rs"]
mod table;
mod threads;
mod turns;

use std::env;
use std::process::ExitCode;

use runtime_orchestrator::BoxError;
use suite::Suite;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => peers(false),
        ["--markdown"] => peers(true),
        ["turns"] => lines(turns::all()),
        ["together"] => lines(turns::together()),
        ["told"] => {
            println!("{:.0}", threads::told());
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("peers: unexpected arguments {arguments:?}");
            ExitCode::from(2)
        }
    }
}

fn peers(markdown: bool) -> ExitCode {
    let mut suite = Suite::default();
    rows::add_all(&mut suite);
    let broken = suite.run();
    let (ratios, costs) = (report::ratios(&suite), report::costs(&suite));
    if markdown {
        println!("\n{}\n{}", ratios.markdown(), costs.markdown());
    } else {
        println!("\n{}\n{}", ratios.plain(), costs.plain());
    }
    for promise in &broken {
        eprintln!("peers: {promise}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Two numbers a line.
fn lines(measured: Result<Vec<(u32, f64)>, BoxError>) -> ExitCode {
    match measured {
        Ok(points) => {
            for (point, number) in points {
                println!("{point} {number}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
