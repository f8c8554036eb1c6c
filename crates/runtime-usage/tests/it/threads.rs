//! Concurrent use.

use std::thread;

use runtime_usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, UsageTracker, Usd};

use crate::support::usd;

const THREADS: u64 = 8;
const TURNS: u64 = 2_000;

#[test]
fn concurrent_records_are_all_counted() {
    let price = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(2));
    let table = PricingTable::new();
    for model in ["a", "b", "c"] {
        table.register(model, price).unwrap();
    }
    let tracker = UsageTracker::with_pricing(table);
    let first_misses: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let tracker = &tracker;
                scope.spawn(move || {
                    let mut misses = 0;
                    for turn in 0..TURNS {
                        let model = ["a", "b", "c", "unpriced"][usize::try_from(turn % 4).unwrap()];
                        let recorded = tracker.record_turn(model, &UsageSnapshot::new(1, 2));
                        misses += usize::from(recorded.first_unpriced);
                        // The table changes meanwhile, but not these prices.
                        let other = format!("other-{thread}-{}", turn % 16);
                        tracker.pricing().register(&other, price).unwrap();
                    }
                    misses
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });

    let turns = THREADS * TURNS;
    let totals = tracker.totals();
    assert_eq!(first_misses, 1);
    assert_eq!((totals.turns, totals.unpriced_turns), (turns, turns / 4));
    assert_eq!(totals.tokens, UsageSnapshot::new(turns, 2 * turns));
    assert_eq!(totals.cost, Usd::from_nanos(5_000 * turns * 3 / 4));
    assert_eq!(tracker.per_model_summary().values().sum::<Usd>(), totals.cost);
    assert_eq!(tracker.pricing().to_vec().len(), 3 + 16 * usize::try_from(THREADS).unwrap());
}

#[test]
fn concurrent_calls_never_overspend_a_strict_budget() {
    const SPENDERS: u64 = 64;
    let company = Account::new(Limit::strict(usd("1")).named("company"));
    let spent: Vec<(u64, u64)> = thread::scope(|scope| {
        let spenders: Vec<_> = (0..SPENDERS)
            .map(|spender| {
                let own = company.child(Limit::strict(usd("0.03")));
                scope.spawn(move || {
                    let (mut chance, mut spent, mut refused) = (spender + 1, 0, 0);
                    while refused < 50 {
                        // Xorshift, for different costs.
                        chance ^= chance << 13;
                        chance ^= chance >> 7;
                        chance ^= chance << 17;
                        let worst = 1 + chance % 3_000_000;
                        let Ok(reservation) = own.reserve(Usd::from_nanos(worst)) else {
                            refused += 1;
                            continue;
                        };
                        let balance = own.path().last().unwrap().balance();
                        assert!(balance.spent.saturating_add(balance.reserved) <= balance.limit);
                        match chance % 5 {
                            0 => reservation.release(),
                            1 => {
                                drop(reservation);
                                spent += worst;
                            }
                            _ => {
                                let cost = chance % (worst + 1);
                                reservation.settle(Usd::from_nanos(cost));
                                spent += cost;
                            }
                        }
                    }
                    assert_eq!(own.balance().spent.nanos(), spent);
                    assert!(own.balance().spent <= usd("0.03"));
                    (spent, own.available().nanos())
                })
            })
            .collect();
        spenders.into_iter().map(|spender| spender.join().unwrap()).collect()
    });
    let balance = company.balance();
    assert_eq!(balance.spent.nanos(), spent.iter().map(|(spent, _)| spent).sum::<u64>());
    assert!(balance.spent <= usd("1") && balance.reserved.is_zero());
    assert!(balance.spent > usd("0.9"), "the dollar was fought over: {balance:?}");
}
