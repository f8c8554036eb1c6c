//! Money that goes back from members that are not heard of any more.

use runtime_fleet::OnLoss;
use runtime_usage::{Account, Limit, Usd};

use crate::support::{Line, World, cents};

const CAP: u64 = 60;
const LINES: [Line; 5] = [Line::Up, Line::Cut, Line::Deaf, Line::Stalled, Line::Slow];

/// Whatever lines lose, and for however long: what others got is not spent by who had it, if no call lasts longer than
/// its money.
#[test]
fn money_that_goes_back_is_spent_once_whatever_lines_lose() {
    for seed in 0..150 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::empty(dice.bool());
        (0..3).for_each(|_| world.join(|config| config));
        let limit =
            if dice.bool() { Limit::strict(cents(CAP)) } else { Limit::enforced(cents(CAP)) };
        let limit = limit.per_turn(cents(1));
        let accounts: Vec<Account> = (0..3)
            .map(|of| {
                let fleet = world.members[of].fleet.clone();
                let opened = fleet.account_on_loss("company", limit.clone(), OnLoss::Return);
                world.until(opened).unwrap()
            })
            .collect();
        let spent = || accounts.iter().map(|account| account.balance().spent).sum::<Usd>();
        for step in 0..80 {
            let of = dice.usize(0..3);
            match dice.u8(0..6) {
                0 | 1 => world.members[of].line(LINES[dice.usize(0..LINES.len())]),
                2 | 3 => world.ticks(dice.u32(1..16)),
                _ => {
                    let cost = cents(dice.u64(1..5));
                    if let Some(reserved) = world.reserve(&accounts[of], cost) {
                        reserved.settle(cost);
                    }
                }
            }
            assert!(spent() <= cents(CAP), "seed {seed}, step {step}: {}", spent());
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
        world.ticks(2);
        assert_eq!(world.state("company").spent, cents(CAP), "seed {seed}");
    }
}
