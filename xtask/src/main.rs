//! `cargo xtask TASK`: the tasks of this workspace that cargo alone does not have.
//!
//! Without a task it lists all tasks. A task prints the commands that it runs, so that they can be repeated
//! by hand.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its output")]

mod bench;
mod ci;
mod counts;
mod dev;
mod files;
mod instructions;
mod json;
mod manifest;
mod packages;
mod readmes;
mod run;
mod simulate;
mod sizes;
#[cfg_attr(not(test), expect(dead_code, reason = "some of it is for tidy alone, which is a test"))]
mod source;
mod system;
mod table;
#[cfg(test)]
mod tidy;
mod tools;
mod workspace;
mod world;

use std::env;
use std::process::ExitCode;

/// A task: a line of the help, and its function.
struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Error>,
}

const TASKS: &[Task] = &[
    Task {
        name: "ci",
        arguments: "[--keep-going] [STEP…]",
        about: "run every check, or the named steps, and list the failures",
        run: ci::run,
    },
    Task {
        name: "test",
        arguments: "[FILTER…]",
        about: "run the tests and doc tests whose names contain a filter",
        run: dev::test,
    },
    Task {
        name: "proptest",
        arguments: "[--cases N] [FILTER]",
        about: "run the property tests with more cases (10000)",
        run: dev::proptest,
    },
    Task {
        name: "deep",
        arguments: "[FILTER…]",
        about: "run the tests of durable sessions that take minutes: every killed process, many histories",
        run: dev::deep,
    },
    Task {
        name: "loom",
        arguments: "[FILTER]",
        about: "explore every interleaving of the lock-free parts with loom",
        run: dev::loom,
    },
    Task {
        name: "bench",
        arguments: "[FILTER] [-- ARG…]",
        about: "run the benchmarks and print the medians; `--peers` compares with other crates, and `--write` keeps it",
        run: bench::run,
    },
    Task {
        name: "instructions",
        arguments: "[--write]",
        about: "count the instructions of chosen work under valgrind, beside a baseline",
        run: instructions::run,
    },
    Task {
        name: "simulate",
        arguments: "[--release] [--seeds N] [--from SEED] [--case CASE] [--kind KIND] | --mutants [NAME…]",
        about: "run the library in a simulation with faults, by seed; or with mistakes that must be found",
        run: simulate::run,
    },
    Task {
        name: "packages",
        arguments: "[--write]",
        about: "count the packages of others below each feature of the facade, beside those that are allowed",
        run: packages::run,
    },
    Task {
        name: "demo",
        arguments: "[QUESTION] [-- ARG…]",
        about: "run the example in which two agents answer a question about docs/",
        run: dev::demo,
    },
    Task {
        name: "tidy",
        arguments: "",
        about: "check the rules about sources, layers, manifests and documents",
        run: dev::tidy,
    },
    Task {
        name: "sizes",
        arguments: "",
        about: "count lines, public types, public functions and error types by crate",
        run: sizes::run,
    },
    Task {
        name: "tools",
        arguments: "[TOOL…]",
        about: "install the optional tools of `ci` below target/tools",
        run: tools::run,
    },
    Task {
        name: "world",
        arguments: "NAME…",
        about: "check against the world outside: clients, clocks, engines, minimal versions, prices, viewers",
        run: world::run,
    },
    Task {
        name: "readmes",
        arguments: "",
        about: "write the README of each library crate from its root docs",
        run: readmes::run,
    },
    Task { name: "help", arguments: "", about: "print this list", run: help },
];

/// Why a task failed.
#[derive(Debug)]
enum Error {
    /// The command line is wrong: exit code 2.
    Usage(String),
    /// A check failed: exit code 1.
    Failed(String),
    /// A command failed: exit code 1.
    Command { command: String, why: String },
}

impl Error {
    fn unknown_flag(task: &str, flag: &str) -> Self {
        Self::Usage(format!("`{task}` has no flag `{flag}`"))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Failed(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
        Err(Error::Command { command, why }) => {
            eprintln!("xtask: {why}: {command}");
            ExitCode::FAILURE
        }
        Err(Error::Usage(why)) => {
            eprintln!("xtask: {why}; `cargo xtask help` lists the tasks");
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        return help(&[]);
    };
    let name = match name.as_str() {
        "-h" | "--help" => "help",
        name => name,
    };
    if rest.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--help") {
        return help(&[]);
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None if name.starts_with('-') => Err(Error::Usage(format!("unknown flag `{name}`"))),
        None => Err(Error::Usage(format!("unknown task `{name}`"))),
    }
}

fn help(rest: &[String]) -> Result<(), Error> {
    if let Some(argument) = rest.first() {
        return Err(Error::Usage(format!("`help` takes no arguments, got `{argument}`")));
    }
    println!("usage: cargo xtask TASK\n");
    let rows: Vec<_> = TASKS
        .iter()
        .map(|task| [format!("  {} {}", task.name, task.arguments), task.about.to_owned()])
        .collect();
    print!("{}", table::render(&rows, &[]));
    println!("\nsteps of `ci`: {}", ci::step_names().join(", "));
    Ok(())
}
