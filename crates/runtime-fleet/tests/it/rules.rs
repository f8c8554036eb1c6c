//! Rules that people change while members hold money by those before.

use std::pin::pin;

use runtime_fleet::{AccountPath, Accounts as _, OnLoss, Rules};
use runtime_usage::{Account, Limit, Usd};

use crate::support::{World, cents, poll};

/// Spends what it can get of so many cents. Returns how many that were.
fn spend(world: &mut World, account: &Account, cents_of: u64) -> u64 {
    let mut spent = 0;
    while spent < cents_of
        && let Some(reserved) = world.reserve(account, cents(1))
    {
        reserved.settle(cents(1));
        spent += 1;
    }
    spent
}

fn set(world: &mut World, account: &str, rules: &Rules) {
    let account = AccountPath::new(account).unwrap();
    let set = pin!(world.backend.set(&account, rules));
    poll(set).unwrap().unwrap();
}

/// Lowered below what is taken, raised, strict or not, refusing or not, with either rule for losses.
#[test]
fn whatever_rules_are_changed_nothing_is_overspent_or_lost() {
    for seed in 0..20 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let mut world = World::new(2);
        let _company = world.members[0].account("company", Limit::enforced(cents(100_000)));
        let limit = || Limit::enforced(cents(100)).per_turn(cents(1)).marks([50]);
        let accounts: Vec<_> = world
            .members
            .iter_mut()
            .map(|member| member.account("company/team", limit()))
            .collect();
        world.ticks(2);
        let (mut all, mut steps) = (0, Vec::new());
        for _ in 0..30 {
            let rules = Rules {
                amount: cents(dice.u64(0..300)),
                enforced: dice.u8(0..5) > 0,
                strict: dice.bool(),
                marks: vec![50],
                on_loss: if dice.bool() { OnLoss::Spend } else { OnLoss::Return },
            };
            set(&mut world, "company/team", &rules);
            steps.push(rules.clone());
            world.drive();
            let before = world.state("company/team");
            let taken = before.spent.saturating_add(before.granted);
            let most = rules.amount.max(taken);
            for account in &accounts {
                let tries = dice.u64(0..40);
                all += spend(&mut world, account, tries);
            }
            world.ticks(dice.u32(0..4));
            let spent = cents(all);
            assert!(!rules.enforced || spent <= most, "seed {seed}: {spent} of {most}: {steps:?}");
        }
        // There is money again, and they get it.
        set(&mut world, "company/team", &Rules::of(&limit()).on_loss(OnLoss::Spend));
        let raised = Rules { amount: cents(all + 100), ..Rules::of(&limit()) };
        set(&mut world, "company/team", &raised);
        world.ticks(2);
        let more: u64 = accounts.iter().map(|account| spend(&mut world, account, 1_000)).sum();
        assert_eq!(more, 100, "seed {seed}: {steps:?}");
        world.ticks(2);
        let (company, team) = (world.state("company"), world.state("company/team"));
        assert_eq!(company.spent, cents(all + more), "seed {seed}");
        assert_eq!((team.spent, team.granted), (company.spent, Usd::ZERO), "seed {seed}");
    }
}
