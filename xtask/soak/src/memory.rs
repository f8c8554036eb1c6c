//! The memory of the process, from its beginning to its end.

use std::fs;
use std::time::Duration;

use crate::world::World;

/// Kibibytes that are resident: after the first fifth of the time, and the most after that.
pub(crate) struct Memory {
    pub(crate) early: u64,
    pub(crate) most: u64,
}

/// Looks once a second until the time is over, and says now and then how it goes.
pub(crate) async fn watch(world: &World, sessions: u64) -> Memory {
    const SAID_EVERY: u64 = 30;
    let (mut memory, mut second) = (Memory { early: 0, most: 0 }, 0);
    while !world.is_over() {
        tokio::time::sleep(Duration::from_secs(1)).await;
        second += 1;
        let now = resident();
        if world.is_early() {
            memory.early = memory.early.max(now);
        } else {
            memory.most = memory.most.max(now);
        }
        if second % SAID_EVERY == 0 {
            let turns = world.turns() / second;
            println!("{second} s: {sessions} sessions, {turns} turns a second, {now} KiB");
        }
    }
    memory
}

/// Nothing where there is no `/proc`.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_default()
}
