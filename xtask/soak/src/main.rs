//! `soak SESSIONS SECONDS` keeps so many sessions at work for so long, and then compares their books.
//!
//! Every session makes turns of a slow model. Some turns fail, some are dropped or time out, one sink fails now
//! and then, all calls fail for a while once a minute, and one of a thousand sessions is recorded in a store. A
//! session that is over is followed by a new one. At the end nothing may be reserved, every turn, event and
//! dollar must be where it belongs, and the memory must be what it was after the first fifth of the time.
//!
//! `cargo xtask world soak` builds and starts it.
#![expect(clippy::print_stdout, reason = "a command prints its output")]

mod books;
mod life;
mod memory;
mod tail;
mod world;

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use runtime_orchestrator::BoxError;

use self::world::World;

fn main() -> ExitCode {
    let arguments: Vec<u64> =
        env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [sessions, seconds] = arguments[..] else {
        println!("soak SESSIONS SECONDS");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build();
    let problems = runtime
        .map_err(BoxError::from)
        .and_then(|runtime| runtime.block_on(soak(sessions, Duration::from_secs(seconds))));
    match problems {
        Ok(problems) if problems.is_empty() => return ExitCode::SUCCESS,
        Ok(problems) => problems.iter().for_each(|problem| println!("WRONG: {problem}")),
        Err(error) => println!("soak: {error}"),
    }
    ExitCode::FAILURE
}

/// Returns what is wrong at the end.
async fn soak(sessions: u64, length: Duration) -> Result<Vec<String>, BoxError> {
    let world = Arc::new(World::new(length)?);
    let lives: Vec<_> =
        (0..sessions).map(|number| tokio::spawn(life::live(Arc::clone(&world), number))).collect();
    let memory = memory::watch(&world, sessions).await;
    for life in lives {
        life.await??;
    }
    Ok(world.judge(length, &memory))
}
