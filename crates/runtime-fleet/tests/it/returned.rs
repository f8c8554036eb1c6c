//! Money that goes back from members that are not heard of any more.

use std::time::{Duration, Instant};

use runtime_events::Clock as _;
use runtime_fleet::OnLoss;
use runtime_usage::{Account, Limit, Usd};

use crate::support::{Line, TTL, World, cents};

const CAP: u64 = 12;
const LINES: [Line; 5] = [Line::Up, Line::Cut, Line::Deaf, Line::Stalled, Line::Slow];
/// Longer than the longest wait between two tries of a member.
const HEARD: Duration = Duration::from_secs(10);

/// Since when a member has heard no answer of a call, and when its line came up.
#[derive(Clone, Copy, Default)]
struct Silence {
    line: Line,
    since: Option<Instant>,
    ended: Option<Instant>,
    /// What it spent since its last heartbeat.
    fresh: Usd,
}

/// Whatever lines lose, and for however long. What a member spent since it was last heard is paid twice, and nothing else
/// is; all is in the books once it is heard of again.
#[test]
fn money_that_goes_back_is_left_alone_after_its_time() {
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::empty(dice.bool());
        (0..3).for_each(|_| world.join(|config| config));
        let limit =
            if seed % 4 == 0 { Limit::strict(cents(CAP)) } else { Limit::enforced(cents(CAP)) };
        let limit = limit.per_turn(cents(1));
        let accounts: Vec<Account> = (0..3)
            .map(|of| {
                let fleet = world.members[of].fleet.clone();
                let opened = fleet.account_on_loss("company", limit.clone(), OnLoss::Return);
                world.until(opened).unwrap()
            })
            .collect();
        let spent = || accounts.iter().map(|account| account.balance().spent).sum::<Usd>();
        let (mut silences, mut untold) = ([Silence::default(); 3], Usd::ZERO);
        for step in 0..80 {
            let of = dice.usize(0..3);
            let now = world.clock.now();
            match dice.u8(0..6) {
                0 | 1 => {
                    let line = LINES[dice.usize(0..LINES.len())];
                    world.members[of].line(line);
                    let Silence { line: before, since, ended, fresh } = silences[of];
                    if line != Line::Up {
                        untold = untold.saturating_add(fresh);
                    }
                    silences[of] = match (before, line) {
                        (Line::Up, Line::Up) => silences[of],
                        (_, Line::Up) => Silence { line, ended: Some(now), ..Silence::default() },
                        // Late answers come with its end.
                        (Line::Up | Line::Slow, _) => {
                            Silence { line, since: Some(now), ..Silence::default() }
                        }
                        _ => Silence { line, since, ended, fresh: Usd::ZERO },
                    };
                }
                2 | 3 => {
                    world.ticks(dice.u32(1..16));
                    for silence in &mut silences {
                        silence.fresh = Usd::ZERO;
                    }
                }
                _ => {
                    let cost = cents(dice.u64(1..4));
                    let Some(reserved) = world.reserve(&accounts[of], cost) else { continue };
                    reserved.settle(cost);
                    let Silence { since, ended, .. } = silences[of];
                    let over = since.is_some_and(|since| world.clock.now() >= since + TTL);
                    assert!(!over, "seed {seed}, step {step}: others may have it");
                    if since.is_some() || ended.is_some_and(|at| world.clock.now() < at + HEARD) {
                        untold = untold.saturating_add(cost);
                    } else {
                        silences[of].fresh = silences[of].fresh.saturating_add(cost);
                    }
                }
            }
            let most = cents(CAP).saturating_add(untold);
            assert!(spent() <= most, "seed {seed}, step {step}: {}, {untold} untold", spent());
        }
        world.members.iter().for_each(|member| member.line(Line::Up));
        world.ticks(30);
        assert_eq!(world.state("company").spent, spent(), "seed {seed}: the books");
        // All that is left can be had, once siblings have given back what they hold.
        let left = cents(CAP).saturating_sub(spent());
        let tries = (0..3).find(|_| {
            let had = left.is_zero()
                || world.reserve(&accounts[0], left).is_some_and(|it| {
                    it.settle(left);
                    true
                });
            world.ticks(2);
            had
        });
        assert!(tries.is_some(), "seed {seed}: {left} is left: {:?}", world.state("company"));
    }
}
