//! Tasks that share accounts, one below the other, and end their reservations in each way.

use std::cell::Cell;
use std::rc::Rc;

use runtime_testkit::simulation::{Broken, Ran, Sim, Simulation};
use runtime_usage::{Account, Limit, Usd};

use crate::draw::millis;

/// What is known of an account beside it.
#[derive(Default)]
struct Known {
    spent: Cell<u64>,
    reserved: Cell<u64>,
    /// The part of what was spent that nobody has billed yet.
    estimated: Cell<u64>,
}

impl Known {
    fn add(of: &Cell<u64>, nanos: u64) {
        of.set(of.get() + nanos);
    }

    fn take(of: &Cell<u64>, nanos: u64) {
        of.set(of.get() - nanos);
    }
}

/// An account, and what is known of it.
type Level = (Account, Rc<Known>);

pub(crate) fn run(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let mut rng = sim.rng("plan");
        let mut limit = |most: u64| {
            let limit = Limit::enforced(Usd::from_cents(rng.u64(10..most)));
            limit.wrap_up(Usd::from_cents(rng.u64(..4)))
        };
        let company = Account::new(limit(200));
        let levels: [Level; 2] =
            [(company.child(limit(150)), Rc::default()), (company, Rc::default())];
        // Corrections in both would be of the same estimates, the oldest first.
        let corrected = rng.usize(..2);
        sim.spawn("auditor", auditor(sim.clone(), levels.clone(), corrected));
        for number in 0..rng.usize(1..8) {
            sim.spawn(format!("payer {number}"), payer(sim.clone(), levels.clone(), number));
        }
        sim.always("accounts are as is known", move || levels.iter().try_for_each(same));
        Ok(())
    })
}

fn same((account, known): &Level) -> Result<(), String> {
    let balance = account.balance();
    let seen = [balance.spent, balance.reserved, balance.estimated].map(Usd::nanos);
    let expected = [&known.spent, &known.reserved, &known.estimated].map(Cell::get);
    if seen == expected {
        return Ok(());
    }
    Err(format!("{seen:?} is spent, reserved and estimated, and it was to be {expected:?}"))
}

/// Somebody who reads the bills: what was estimated and not billed is given back, and no more than that.
async fn auditor(sim: Sim, levels: [Level; 2], corrected: usize) {
    let mut rng = sim.rng("auditor");
    for _ in 0..rng.usize(..6) {
        sim.sleep(millis(&mut rng, 0..9_000)).await;
        let over = rng.u64(1..400_000_000);
        let back = levels[corrected].0.correct(Usd::from_nanos(over)).nanos();
        let known = &levels[corrected].1;
        if back != over.min(known.estimated.get()) {
            sim.fail(format!("{back} of {over} is given back of {}", known.estimated.get()));
        }
        for (_, known) in &levels[corrected..] {
            Known::take(&known.estimated, back);
            Known::take(&known.spent, back);
        }
    }
}

async fn payer(sim: Sim, levels: [Level; 2], number: usize) {
    let mut rng = sim.rng(&format!("payer {number}"));
    for _ in 0..rng.usize(1..10) {
        sim.sleep(millis(&mut rng, 0..3_000)).await;
        // The company pays for some calls alone.
        let path = if rng.u8(..3) == 0 { &levels[1..] } else { &levels[..] };
        let amount = rng.u64(1..300_000_000);
        let wraps_up = rng.u8(..4) == 0;
        let (own, asked) = (&path[0].0, Usd::from_nanos(amount));
        let held = if wraps_up { own.reserve_wrap_up(asked) } else { own.reserve(asked) };
        let Ok(held) = held else { continue };
        for (account, known) in path {
            Known::add(&known.reserved, amount);
            let (limit, balance) = (account.limit(), account.balance());
            let used = balance.spent.saturating_add(balance.reserved);
            // Who wraps up may use what its own account has set aside, and not what those above have.
            let aside = if wraps_up && account.is(own) { Usd::ZERO } else { limit.wrap_up };
            if used > limit.amount.saturating_sub(aside) {
                sim.fail("a call got what is set aside");
            }
        }
        let takes = millis(&mut rng, 0..4_000);
        let is_cut = rng.u8(..5) == 0;
        let spent = match rng.u8(..4) {
            _ if is_cut => {
                // Cut short: it may be billed in whole.
                let never = std::future::pending::<()>();
                let dropped = async move {
                    let _held = held;
                    never.await;
                };
                sim.time().within(takes, dropped).await;
                amount
            }
            0 => {
                sim.sleep(takes).await;
                held.release();
                0
            }
            _ => {
                sim.sleep(takes).await;
                let cost = rng.u64(..=amount * 5 / 4);
                held.settle(Usd::from_nanos(cost));
                cost
            }
        };
        for (_, known) in path {
            Known::take(&known.reserved, amount);
            Known::add(&known.spent, spent);
            Known::add(&known.estimated, if is_cut { spent } else { 0 });
        }
    }
}
