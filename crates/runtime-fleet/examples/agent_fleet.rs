//! Three replicas of a web service and what they share, of which one is killed, and then the backend:
//! `cargo run --release --example agent_fleet [postgres|redis]`.
//!
//! The service has dependencies of its own, which nothing else is to be built with. So it is a package that cargo does
//! not look for examples in, and this one has cargo run it: `examples/agent_service/examples/three_replicas.rs`.

use std::env;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let run =
        ["run", "--release", "--package", "agent_service", "--example", "three_replicas", "--"];
    let ended = Command::new(cargo).args(run).args(env::args_os().skip(1)).status();
    if ended.is_ok_and(|status| status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
